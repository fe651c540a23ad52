/*
 * two_servers: a real etcd and two kube-apiserver processes on it, and a client with blocking sockets that
 * any thread may use. Everything lives in a private directory; the processes die with the test. Only
 * component tests include this, one file of a program.
 */
#ifndef CUBE_APISERVER_TESTING_TWO_SERVERS_H
#define CUBE_APISERVER_TESTING_TWO_SERVERS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { A, B, SERVERS };
enum { PATIENCE_S = 120 }; /* for anything that must come */

static char directory[64], binary[512];
static pid_t etcd, servers[SERVERS];
static int ports[SERVERS];

/* cmocka's asserts jump, which only the main thread may: these end the program, and the processes with it. */
static void __attribute__((format(printf, 3, 4))) check_at(bool ok, int line, const char *fmt, ...)
{
	va_list ap;
	if (ok)
		return;
	va_start(ap, fmt);
	fprintf(stderr, "line %d: failed: ", line);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\nlogs are kept in %s\n", directory);
	va_end(ap);
	abort();
}
#define check(condition) check_at((condition), __LINE__, "%s", #condition)

/* --- processes --- */

static pid_t spawn(const char *log, char *const argv[])
{
	pid_t parent = getpid(), pid = fork();
	check(pid >= 0);
	if (pid > 0)
		return pid;
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent || chdir(directory))
		_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

/* Returns the status of waitpid(): 0 for a process that ended well. */
static int reap(pid_t *pid, int signum)
{
	int status = 0;
	if (*pid <= 0)
		return 0;
	kill(*pid, signum);
	waitpid(*pid, &status, 0);
	*pid = 0;
	return status;
}

static int free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(!bind(fd, (struct sockaddr *)&sa, sizeof sa) && !getsockname(fd, (struct sockaddr *)&sa, &len));
	close(fd);
	return ntohs(sa.sin_port);
}

static void start_etcd(void)
{
	char log[96];
	snprintf(log, sizeof log, "%s/etcd.log", directory);
	char *argv[] = {"etcd", "--unsafe-no-fsync", "--data-dir", "data", "--listen-client-urls",
	    "unix://c.sock:1", "--advertise-client-urls", "http://127.0.0.1:1", "--listen-peer-urls",
	    "unix://p.sock:1", "--initial-advertise-peer-urls", "http://127.0.0.1:1", "--initial-cluster",
	    "default=http://127.0.0.1:1", NULL};
	etcd = spawn(log, argv);
}

/* --- the client --- */

struct reply {
	int status;
	char *text; /* head and body, to be freed */
};

static int dial(int server)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)ports[server]),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void send_request(int fd, const char *method, const char *path, const char *body)
{
	const char *type = strcmp(method, "PATCH") ? "application/json" : "application/merge-patch+json";
	char *text = NULL;
	int n = asprintf(&text,
	    "%s %s HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: "
	    "%zu\r\n\r\n%s",
	    method, path, type, strlen(body), body);
	check(n > 0);
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		shutdown(fd, SHUT_RDWR); /* the reader will find the end */
	free(text);
}

/* Reads to the end, or until the text holds `until`. */
static char *hear(int fd, const char *until)
{
	size_t size = 0, capacity = 16384;
	char *text = malloc(capacity);
	check(text != NULL);
	text[0] = '\0';
	while (!until || !strstr(text, until)) {
		if (capacity - size < 4096) {
			capacity *= 2;
			text = realloc(text, capacity);
			check(text != NULL);
		}
		ssize_t n = recv(fd, text + size, capacity - size - 1, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
		text[size] = '\0';
	}
	return text;
}

/* status 0: no answer. */
static struct reply call(int server, const char *method, const char *path, const char *body)
{
	struct reply r = {0};
	int fd = dial(server);
	if (fd < 0) {
		r.text = strdup("");
		return r;
	}
	send_request(fd, method, path, body);
	r.text = hear(fd, NULL);
	close(fd);
	sscanf(r.text, "HTTP/1.1 %d", &r.status);
	return r;
}

static int status_of(int server, const char *method, const char *path, const char *body)
{
	struct reply r = call(server, method, path, body);
	free(r.text);
	return r.status;
}

static char *expect_at(
    int line, int status, int server, const char *method, const char *path, const char *body)
{
	struct reply r = call(server, method, path, body);
	check_at(r.status == status, line, "%s %s at %c: %d instead of %d: %.3000s", method, path,
	    'A' + server, r.status, status, r.text);
	return r.text;
}
#define expect(status, server, method, path, body)                                                           \
	free(expect_at(__LINE__, (status), (server), (method), (path), (body)))
#define answer(status, server, method, path, body)                                                           \
	expect_at(__LINE__, (status), (server), (method), (path), (body))

/* The value behind "key": in text, as it is written; "" when it is not there. */
static const char *value_of(const char *text, const char *key, char out[256])
{
	char pattern[64];
	snprintf(pattern, sizeof pattern, "\"%s\":", key);
	const char *p = strstr(text, pattern);
	out[0] = '\0';
	if (!p)
		return out;
	p += strlen(pattern);
	if (*p == '"')
		snprintf(out, 256, "%.*s", (int)strcspn(p + 1, "\""), p + 1);
	else
		snprintf(out, 256, "%.*s", (int)strcspn(p, ",}] "), p);
	return out;
}

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
		n++;
	return n;
}

static void nap(void)
{
	usleep(50000);
}

/* Asks again until the answer holds, or does not hold, `part`. */
static void wait_for_at(int line, int server, const char *path, const char *part, bool is_there)
{
	time_t end = time(NULL) + PATIENCE_S;
	for (;;) {
		struct reply r = call(server, "GET", path, "");
		bool ok = r.status == 200 && (strstr(r.text, part) != NULL) == is_there;
		check_at(ok || time(NULL) < end, line, "%s at %c %s \"%s\": %.2000s", path, 'A' + server,
		    is_there ? "never has" : "keeps", part, r.text);
		free(r.text);
		if (ok)
			return;
		nap();
	}
}
#define wait_for(server, path, part) wait_for_at(__LINE__, (server), (path), (part), true)
#define wait_until_gone(server, path, part) wait_for_at(__LINE__, (server), (path), (part), false)

static void start_server(int server)
{
	char port[32], log[96], advertise[48], etcd_url[96];
	snprintf(port, sizeof port, "--secure-port=%d", ports[server]);
	snprintf(log, sizeof log, "%s/%c.log", directory, 'A' + server);
	snprintf(advertise, sizeof advertise, "--advertise-address=192.0.2.%d", 1 + server);
	snprintf(etcd_url, sizeof etcd_url, "--etcd-servers=unix://%s/c.sock:1", directory);
	char *argv[] = {binary, port, "--bind-address=127.0.0.1", "--insecure-http", etcd_url, advertise,
	    "--authorization-mode=AlwaysAllow", "--service-cluster-ip-range=10.96.0.0/28",
	    "--service-node-port-range=30000-30019", "--disable-admission-plugins=ServiceAccount",
	    "--max-mutating-requests-inflight=1000", "--etcd-compaction-interval=2s", NULL};
	servers[server] = spawn(log, argv);
}

/* One etcdctl command; input may be NULL. Returns what it prints, to be freed. */
static char *etcdctl(const char *arguments, const void *input, size_t size)
{
	char command[1024], name[96];
	snprintf(name, sizeof name, "%s/input", directory);
	FILE *f = fopen(name, "w");
	check(f && fwrite(input ? input : "", 1, size, f) == size && !fclose(f));
	snprintf(command, sizeof command,
	    "cd %s && ETCDCTL_API=3 etcdctl --endpoints=unix://c.sock:1 %s <input 2>>etcdctl.log", directory,
	    arguments);
	f = popen(command, "r");
	check(f != NULL);
	size_t capacity = 1 << 20, n;
	char *out = calloc(1, capacity);
	n = fread(out, 1, capacity - 1, f);
	out[n] = '\0';
	check_at(pclose(f) == 0, __LINE__, "etcdctl %s", arguments);
	return out;
}

static void stop_all(void)
{
	char command[128];
	reap(&servers[A], SIGKILL);
	reap(&servers[B], SIGKILL);
	reap(&etcd, SIGKILL);
	snprintf(command, sizeof command, "rm -rf %s", directory);
	check(system(command) == 0);
}

#endif
