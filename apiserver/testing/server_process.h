/*
 * server_process: the real kube-apiserver as a process over a real etcd, for tests that stop, signal and end
 * them. etcd listens on sockets in a directory of its own, the server on a free port; both die with the test.
 * The client speaks HTTP/1.1 over blocking sockets. One file of a program includes this; its main() takes the
 * path of the server as first argument.
 */
#ifndef CUBE_APISERVER_TESTING_SERVER_PROCESS_H
#define CUBE_APISERVER_TESTING_SERVER_PROCESS_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_MAX = 1024 * 1024, PATIENCE_S = 120 }; /* generous: machines are slow under sanitizers */

#define ADMIN "Authorization: Bearer admintoken\r\n"
#define ALICE "Authorization: Bearer alicetoken\r\n"
#define JSON_BODY "Content-Type: application/json\r\n"

static const char *server_path;
static char work_dir[] = "/tmp/cube-apiserver-test-XXXXXX";
static pid_t etcd_pid, server_pid;
static int server_port;
static char answer[ANSWER_MAX]; /* head and body of the last one */
static size_t answer_size;

static inline void nap(void)
{
	usleep(20000);
}

static inline const char *in_dir(const char *name)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", work_dir, name);
	return path;
}

static inline void write_text(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline pid_t spawn(char *const *argv, const char *log)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || chdir(work_dir) || !freopen(log, "w", stderr) ||
	    !freopen("/dev/null", "r", stdin))
		_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

/* The status that the process ended with: its code, or 128 and the signal. */
static inline int await_end(pid_t *pid)
{
	int status = 0;
	for (int i = 0; i < PATIENCE_S * 50; i++, nap()) {
		if (waitpid(*pid, &status, WNOHANG) == *pid) {
			*pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
	}
	fail_msg("process %d does not end", (int)*pid);
	return -1;
}

static inline void start_etcd(void)
{
	static char *argv[] = {"etcd", "--unsafe-no-fsync", "--data-dir", "etcd", "--listen-client-urls",
	    "unix://client.sock:1", "--advertise-client-urls", "http://127.0.0.1:1", "--listen-peer-urls",
	    "unix://peer.sock:1", "--initial-advertise-peer-urls", "http://127.0.0.1:1", "--initial-cluster",
	    "default=http://127.0.0.1:1", NULL};
	etcd_pid = spawn(argv, "etcd.log");
	assert_true(etcd_pid > 0);
}

static inline char *read_text(const char *name)
{
	static char text[ANSWER_MAX];
	FILE *f = fopen(in_dir(name), "re");
	size_t size = f ? fread(text, 1, sizeof text - 1, f) : 0;
	text[size] = '\0';
	if (f)
		fclose(f);
	return text;
}

/* Starts the server with these flags behind the usual ones (NULL-terminated) and waits until it is ready. */
static inline void start_server(const char *const *flags)
{
	char *argv[40];
	char storage[300];
	size_t n = 0;
	snprintf(storage, sizeof storage, "--etcd-servers=unix://%s/client.sock:1", work_dir);
	write_text("tokens.csv", "admintoken,admin,1,system:masters\nalicetoken,alice,2,dev\n");
	char *const usual[] = {(char *)server_path, storage, "--secure-port=0", "--bind-address=127.0.0.1",
	    "--insecure-http", "--token-auth-file=tokens.csv", "--authorization-mode=RBAC",
	    "--disable-admission-plugins=ServiceAccount", NULL};
	for (size_t i = 0; usual[i]; i++)
		argv[n++] = usual[i];
	for (size_t i = 0; flags && flags[i]; i++)
		argv[n++] = (char *)flags[i];
	argv[n] = NULL;
	server_port = 0;
	unlink(in_dir("server.log")); /* of a server before this one: its port is not ours */
	server_pid = spawn(argv, "server.log");
	for (int i = 0; i < PATIENCE_S * 50 && !server_port; i++, nap()) {
		const char *line = strstr(read_text("server.log"), "ready on port ");
		if (line && strchr(line, '\n'))
			sscanf(line, "ready on port %d", &server_port);
		if (waitpid(server_pid, NULL, WNOHANG) != 0) {
			server_pid = 0;
			fail_msg("the server ended: %s", read_text("server.log"));
		}
	}
	assert_int_not_equal(server_port, 0);
}

static inline void kill_all(void)
{
	pid_t *pids[] = {&server_pid, &etcd_pid};
	for (size_t i = 0; i < 2; i++) {
		if (*pids[i] <= 0)
			continue;
		kill(*pids[i], SIGKILL);
		waitpid(*pids[i], NULL, 0);
		*pids[i] = 0;
	}
}

/* Of one test or of a group. */
static inline int make_cluster(void **state)
{
	(void)state;
	strcpy(strrchr(work_dir, '-'), "-XXXXXX");
	assert_non_null(mkdtemp(work_dir));
	start_etcd();
	return 0;
}

static inline int remove_cluster(void **state)
{
	char command[300];
	(void)state;
	kill_all();
	snprintf(command, sizeof command, "rm -rf %s", work_dir);
	return system(command);
}

/* The client */

static inline int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port)};
	struct timeval limit = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&to, sizeof to)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Headers are whole lines; body may be NULL. */
static inline int send_request(const char *method, const char *target, const char *headers, const char *body)
{
	static char text[ANSWER_MAX];
	int fd = dial();
	assert_true(fd >= 0);
	int n = snprintf(text, sizeof text,
	    "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", method,
	    target, headers, body ? strlen(body) : 0, body ? body : "");
	assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
	return fd;
}

/* Reads until `until` has come, or to the end when it is NULL; false when the connection failed before. */
static inline bool hear(int fd, const char *until)
{
	answer_size = 0;
	answer[0] = '\0';
	while (answer_size < ANSWER_MAX - 1 && (!until || !strstr(answer, until))) {
		ssize_t n = recv(fd, answer + answer_size, ANSWER_MAX - 1 - answer_size, 0);
		if (n <= 0)
			return n == 0 && !until;
		answer_size += (size_t)n;
		answer[answer_size] = '\0';
	}
	return true;
}

/* The answer to the end; its HTTP status, or 0 when the connection just ended. */
static inline int await_answer(int fd)
{
	int status = 0;
	hear(fd, NULL);
	close(fd);
	sscanf(answer, "HTTP/1.1 %d", &status);
	return status;
}

static inline int call(const char *method, const char *target, const char *headers, const char *body)
{
	return await_answer(send_request(method, target, headers, body));
}

#define assert_has(text, part)                                                                               \
	do {                                                                                                 \
		if (!strstr((text), (part)))                                                                 \
			fail_msg("\"%s\" is not in: %.4000s", (part), (text));                               \
	} while (0)

#endif
