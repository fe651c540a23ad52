/*
 * raw_client: the whole server in the test's process, over etcd (a fresh one on a free port) or over memory,
 * plain HTTP; the client is a thread with blocking sockets that sees every byte. Only component tests include
 * this, one file of a program; a case is CASE(name) behind its name_client(), and makes a namespace of its
 * own.
 */
#ifndef CUBE_APISERVER_TESTING_RAW_CLIENT_H
#define CUBE_APISERVER_TESTING_RAW_CLIENT_H

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "apiserver/options.h"
#include "apiserver/server.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* no program needs all of these */

enum { TEXT_MAX = 1024 * 1024 };

struct cluster {
	struct loop *loop;
	struct api_server *server;
	struct api_options options;
	const char *servers[1];
	char url[64], directory[64];
	pid_t etcd;
	int etcd_port, port;
	bool is_ready;
	atomic_bool done;
	void (*client)(struct cluster *c);
};

static struct cluster cluster;

/* cmocka's asserts jump, which only the main thread may: the client's end the program. */
static void check_at(bool ok, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "line %d: failed: %.2000s\n", line, what);
	if (cluster.etcd > 0)
		kill(cluster.etcd, SIGKILL);
	abort();
}
#define check(condition) check_at((condition), __LINE__, #condition)
static void has_at(const char *text, const char *part, int line)
{
	check_at(strstr(text, part) != NULL, line, text);
}
#define has(text, part) has_at((text), (part), __LINE__)

/* The cluster */

static int free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	close(fd);
	return ntohs(sa.sin_port);
}

static void start_etcd(struct cluster *c)
{
	char peer[64], members[80];
	snprintf(c->url, sizeof c->url, "http://127.0.0.1:%d", c->etcd_port);
	snprintf(peer, sizeof peer, "http://127.0.0.1:%d", free_port());
	snprintf(members, sizeof members, "default=%s", peer);
	c->etcd = fork();
	if (c->etcd == 0) {
		if (!freopen("/dev/null", "w", stderr) || prctl(PR_SET_PDEATHSIG, SIGKILL))
			_exit(126);
		execlp("etcd", "etcd", "--unsafe-no-fsync", "--data-dir", c->directory,
		    "--listen-client-urls", c->url, "--advertise-client-urls", c->url, "--listen-peer-urls",
		    peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", members, (char *)NULL);
		_exit(127);
	}
}

static void stop_etcd(struct cluster *c)
{
	if (c->etcd <= 0)
		return;
	kill(c->etcd, SIGKILL);
	waitpid(c->etcd, NULL, 0);
	c->etcd = 0;
}

static void on_ready(void *arg, const struct error *err)
{
	struct cluster *c = arg;
	if (err)
		fprintf(stderr, "%s\n", err->message);
	assert_null(err);
	c->is_ready = true;
}

static void start_server(struct cluster *c, const char *storage)
{
	char *argv[] = {"kube-apiserver", "--secure-port=0", "--bind-address=127.0.0.1", "--insecure-http",
	    "--authorization-mode=AlwaysAllow", "--service-cluster-ip-range=10.96.0.0/16",
	    "--disable-admission-plugins=ServiceAccount", NULL};
	struct error err = ERROR_INIT;
	log_init("test", LOG_ERROR);
	resources_init();
	check(options_parse(&c->options, 7, argv, &err) == 0);
	c->servers[0] = storage;
	c->options.etcd_servers = (struct flag_list){c->servers, 1};
	c->loop = loop_new(NULL);
	c->server = api_server_new(c->loop, &c->options, &err);
	check_at(c->server != NULL, __LINE__, err.message);
	api_server_start(c->server, on_ready, c);
	for (int i = 0; i < 30000 && !c->is_ready; i++) {
		loop_poll(c->loop);
		usleep(1000);
	}
	check(c->is_ready);
	c->port = api_server_port(c->server);
}

static void stop_server(struct cluster *c)
{
	c->options.etcd_servers = (struct flag_list){0};
	api_server_free(c->server);
	loop_free(c->loop);
	options_done(&c->options);
}

static int setup_memory(void **state)
{
	start_server(&cluster, "memory:");
	return 0;
}

static int teardown_memory(void **state)
{
	stop_server(&cluster);
	memset(&cluster, 0, sizeof cluster);
	return 0;
}

static int setup_etcd(void **state)
{
	strcpy(cluster.directory, "/tmp/apiserver-test-XXXXXX");
	assert_non_null(mkdtemp(cluster.directory));
	cluster.etcd_port = free_port();
	start_etcd(&cluster);
	start_server(&cluster, cluster.url);
	return 0;
}

static int teardown_etcd(void **state)
{
	char command[128];
	stop_server(&cluster);
	stop_etcd(&cluster);
	snprintf(command, sizeof command, "rm -rf %s", cluster.directory);
	assert_int_equal(system(command), 0);
	memset(&cluster, 0, sizeof cluster);
	return 0;
}

static void *run_client(void *arg)
{
	struct cluster *c = arg;
	c->client(c);
	c->done = true;
	return NULL;
}

static void run(void (*client)(struct cluster *c))
{
	pthread_t thread;
	cluster.client = client;
	cluster.done = false;
	pthread_create(&thread, NULL, run_client, &cluster);
	while (!cluster.done) {
		loop_poll(cluster.loop);
		usleep(100);
	}
	pthread_join(thread, NULL);
}

/* The client */

static int dial(struct cluster *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
	struct timeval limit = {.tv_sec = 15};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	check(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void send_request(int fd, const char *method, const char *path, const char *type, const char *body)
{
	char *head = malloc(TEXT_MAX);
	int n = snprintf(head, TEXT_MAX,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: "
	    "%zu\r\n\r\n%s",
	    method, path, type, strlen(body), body);
	check(send(fd, head, (size_t)n, MSG_NOSIGNAL) == n);
	free(head);
}

static char text[TEXT_MAX];

static void hear(int fd, const char *until)
{
	size_t size = 0;
	text[0] = '\0';
	while (size < TEXT_MAX - 1 && (!until || !strstr(text, until))) {
		ssize_t n = recv(fd, text + size, TEXT_MAX - 1 - size, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
		text[size] = '\0';
	}
}

/* The HTTP status; the answer, with its head, is in `text`. */
static int call(struct cluster *c, const char *method, const char *path, const char *body)
{
	int fd = dial(c), status = 0;
	bool is_patch = !strcmp(method, "PATCH");
	send_request(fd, method, path, is_patch ? "application/merge-patch+json" : "application/json", body);
	hear(fd, NULL);
	close(fd);
	sscanf(text, "HTTP/1.1 %d", &status);
	return status;
}

static void expect_at(
    struct cluster *c, int want, const char *method, const char *path, const char *body, int line)
{
	int status = call(c, method, path, body);
	check_at(status == want, line, text);
}
#define expect(want, method, path, body) expect_at(c, (want), (method), (path), (body), __LINE__)

static void make_namespace(struct cluster *c, const char *name)
{
	char body[200];
	snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"%s\"}}", name);
	expect(201, "POST", "/api/v1/namespaces", body);
}

/* The value behind "key":" in text, copied to out. */
static const char *value_of(const char *key, char *out, size_t size)
{
	char pattern[64];
	snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
	const char *p = strstr(text, pattern);
	check_at(p != NULL, __LINE__, text);
	p += strlen(pattern);
	snprintf(out, size, "%.*s", (int)strcspn(p, "\""), p);
	return out;
}

#define CASE(name)                                                                                           \
	static void test_##name(void **state)                                                                \
	{                                                                                                    \
		run(name##_client);                                                                          \
	}

#endif
