/*
 * netns_fixture: the whole proxy but its watch, on a real kernel: this process moves to a network namespace
 * of its own, the node. Pods hang on its bridge, a machine outside is linked to it. Real iptables runs
 * inside; the host's tables are not touched. One file of a program includes this; its main() ends with
 * netns_run(): argv[1] is nft or legacy, argv[2] a filter of tests, a third means debug logs.
 *
 * Endpoints of "node2" are pods here too: to the rules they are elsewhere all the same.
 */
#ifndef CUBE_PROXY_NETNS_FIXTURE_H
#define CUBE_PROXY_NETNS_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/api/object.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/client/informer.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proxy/cleanup.h"
#include "proxy/iptables.h"
#include "proxy/podnet.h"
#include "proxy/sync.h"
#include "proxy/test_objects.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* no program needs all of these */

enum { S1, S2, S3, C1, OUTSIDE, SPACES, NODE = SPACES };
/*
 * An ICMP answer that arrives while connect() is still sending, as over veth, is only noted softly: the
 * refusal then shows when the SYN is sent again after a second.
 */
enum { PORT = 8080, TIMEOUT_S = 4 };

static const char *const names[] = {"s1", "s2", "s3", "c1", "outside"};
static const char *const addresses[] = {
    "10.244.0.11", "10.244.0.12", "10.244.0.13", "10.244.0.21", "192.168.77.2"};
static pid_t pids[SPACES];
static int spaces[SPACES + 1]; /* descriptors of network namespaces */
static int answered[3];        /* how often each pod */
static const char *mode;       /* "nft" or "legacy" */
static bool is_usable;

static struct loop *loop;
static struct informer_set *informers;
static struct informer *services, *slices;
static struct proxy_sync *sync_;

/* Namespaces and servers */

static void command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void command(const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (system(text)) {
		fprintf(stderr, "failed: %s\n", text);
		abort();
	}
}

static int serve_socket(int type)
{
	int one = 1, fd = socket(AF_INET, type, 0);
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || (type == SOCK_STREAM && listen(fd, 100)))
		abort();
	return fd;
}

/*
 * The client closes first. Were it the server, its TIME-WAIT would meet a client that takes the same port for
 * another address of the Service: to the pod the same connection again, but with time stamps of another
 * origin, and so ignored.
 */
static void finish(int fd)
{
	struct timeval patience = {.tv_sec = 1};
	char rest;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (recv(fd, &rest, 1, 0) > 0)
		;
	close(fd);
}

/* A pod that answers with its name and the address it saw. */
static void serve(const char *name)
{
	struct pollfd fds[] = {{serve_socket(SOCK_STREAM), POLLIN}, {serve_socket(SOCK_DGRAM), POLLIN}};
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		char text[64], ip[INET_ADDRSTRLEN];
		poll(fds, 2, -1);
		int fd = fds[0].revents ? accept(fds[0].fd, (struct sockaddr *)&from, &len) : -1;
		if (fd < 0 &&
		    recvfrom(fds[1].fd, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&from, &len) < 0)
			continue;
		snprintf(
		    text, sizeof(text), "%s %s", name, inet_ntop(AF_INET, &from.sin_addr, ip, sizeof(ip)));
		if (fd >= 0) {
			if (write(fd, text, strlen(text)) < 0)
				perror("write");
			finish(fd);
		} else {
			sendto(fds[1].fd, text, strlen(text), 0, (struct sockaddr *)&from, len);
		}
	}
}

static void make_space(int i)
{
	int ready[2];
	char c, path[64];
	if (pipe(ready))
		abort();
	pids[i] = fork();
	if (pids[i] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || system("ip link set lo up") || write(ready[1], "x", 1) != 1)
			_exit(1);
		serve(names[i]);
	}
	if (read(ready[0], &c, 1) != 1)
		abort();
	close(ready[0]);
	close(ready[1]);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pids[i]);
	spaces[i] = open(path, O_RDONLY | O_CLOEXEC);
	command("ip link add v%d type veth peer name eth0 netns %d", i, pids[i]);
	const char *gateway = i == OUTSIDE ? "192.168.77.1" : "10.244.0.1";
	if (i == OUTSIDE)
		command("ip address add 192.168.77.1/24 dev v%d", i);
	else
		command("ip link set v%d master cube0 && bridge link set dev v%d hairpin on", i, i);
	command("ip link set v%d up", i);
	command("nsenter --net=/proc/%d/ns/net sh -c 'ip address add %s/24 dev eth0 && ip link set eth0 up "
		"&& ip route add default via %s'",
	    pids[i], addresses[i], gateway);
}

static int make_world(void **state)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET))
		return 0; /* tests are then skipped */
	spaces[NODE] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	command("ip link set lo up && ip link add cube0 type bridge && ip address add 10.244.0.1/24 dev "
		"cube0 && ip link set cube0 up");
	for (int i = 0; i < SPACES; i++)
		make_space(i);
	/* As a node has it: a way out, without which cluster IPs have no route. And no limit on "port
	 * unreachable". */
	command("ip route add default via 192.168.77.2 && echo 0 >/proc/sys/net/ipv4/icmp_ratelimit");
	is_usable = true;
	return 0;
}

static int end_world(void **state)
{
	for (int i = 0; i < SPACES; i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	return 0;
}

/* Clients */

/* Connects or sends from the namespace; the answer, "refused" or "timeout". */
static const char *ask(int from, int type, const char *ip, int port)
{
	static char answer[128];
	int out[2];
	if (pipe(out))
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
		struct timeval timeout = {.tv_sec = TIMEOUT_S};
		char text[128] = "";
		if (setns(spaces[from], CLONE_NEWNET))
			_exit(1);
		int fd = socket(AF_INET, type, 0);
		inet_pton(AF_INET, ip, &addr.sin_addr);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
		bool failed = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
			      (type == SOCK_DGRAM && send(fd, "x", 1, 0) < 0) ||
			      recv(fd, text, sizeof(text) - 1, 0) <= 0;
		if (failed)
			strcpy(text, errno == ECONNREFUSED ? "refused" : "timeout");
		_exit(write(out[1], text, strlen(text)) < 0);
	}
	close(out[1]);
	ssize_t n = read(out[0], answer, sizeof(answer) - 1);
	answer[n > 0 ? n : 0] = 0;
	close(out[0]);
	waitpid(pid, NULL, 0);
	return answer;
}

static const char *tcp(int from, const char *ip, int port)
{
	return ask(from, SOCK_STREAM, ip, port);
}

/* Asks n times; any pod may answer, and nobody else. */
static void spread(int from, const char *ip, int port, int n)
{
	memset(answered, 0, sizeof(answered));
	while (n--) {
		const char *answer = tcp(from, ip, port);
		int pod = answer[0] == 's' ? answer[1] - '1' : -1;
		if (pod < 0 || pod > 2)
			fail_msg("%s:%d answers %s", ip, port, answer);
		answered[pod]++;
	}
}

/* Within five standard deviations of an even share: chance alone fails once in a million runs. */
static void assert_even(int len, int n)
{
	for (int i = 0; i < len; i++) {
		int off = answered[i] * len - n;
		assert_in_range(off * off, 0, 25 * n * (len - 1));
	}
}

/* The proxy */

static void stop(void *arg)
{
	loop_stop(loop);
}

static void run_for(int64_t ms)
{
	struct loop_timer *timer = loop_timer_new(loop, stop, NULL);
	loop_timer_start(timer, ms, 0);
	loop_run(loop);
	loop_timer_free(timer);
}

/* Until nothing waits to be applied. */
static void settle(void)
{
	struct sync_counts now;
	for (int tries = 0; tries < 1000; tries++) {
		run_for(10);
		sync_get_counts(sync_, &now);
		if (now.failures)
			fail_msg("iptables-restore failed");
		if (now.last_done_ms && !now.waiting_since_ms && !now.is_running)
			return;
	}
	fail_msg("rules do not settle");
}

static struct object *wrap(const char *json)
{
	struct object *object;
	struct error err = ERROR_INIT;
	char *text = arena_strdup(test_arena, json);
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	if (object_decode(text, strlen(text), &object, &err))
		fail_msg("%s", err.message);
	return object;
}

static int revision;

static void put_service(const char *name, const char *spec, const char *status)
{
	struct object *object = wrap(arena_printf(test_arena,
	    "{'apiVersion':'v1','kind':'Service','metadata':{'namespace':'ns','name':'%s','resourceVersion':'"
	    "%d'},'spec':{%s},'status':{%s}}",
	    name, ++revision, spec, status));
	informer_inject(services, object);
	object_unref(object);
}

/* pods: "1" ready on node1, "2" ready on node2 and so on; "-1": not ready; "t1": terminating but serving. */
static void put_slice(const char *service, const char *pods)
{
	struct buf json = BUF_INIT;
	buf_printf(&json,
	    "{'apiVersion':'discovery.k8s.io/"
	    "v1','kind':'EndpointSlice','metadata':{'namespace':'ns','name':'%s-x','resourceVersion':'%d',"
	    "'labels':{'kubernetes.io/"
	    "service-name':'%s'}},'addressType':'IPv4','ports':[{'name':'','port':8080,'protocol':'TCP'},"
	    "{'name':'u','port':8080,'protocol':'UDP'}],'endpoints':[",
	    service, ++revision, service);
	const char *separator = "";
	for (const char *p = pods; *p; p++) {
		bool terminates = *p == 't', unready = *p == '-';
		p += terminates || unready;
		buf_printf(&json,
		    "%s{'addresses':['%s'],'nodeName':'node%c','conditions':{'ready':%s,'serving':%s,'"
		    "terminating':%s}}",
		    separator, addresses[*p - '1'], *p == '1' ? '1' : '2',
		    terminates || unready ? "false" : "true", unready ? "false" : "true",
		    terminates ? "true" : "false");
		separator = ",";
	}
	buf_puts(&json, "]}");
	struct object *object = wrap(json.data);
	informer_inject(slices, object);
	object_unref(object);
	buf_done(&json);
}

static int setup(void **state)
{
	if (!is_usable)
		return 0;
	test_arena = arena_new();
	loop = loop_new(NULL);
	informers = informer_set_new(NULL);
	struct sync_options options = {
	    .config = {.node_name = "node1", .zone = "", .cluster_cidr = "10.244.0.0/16"},
	    .base = {.pod_cidr = "10.244.0.0/24",
		.cluster_cidr = "10.244.0.0/16",
		.localhost_node_ports = true},
	    .iptables_mode = mode,
	    .health_address = "0.0.0.0",
	};
	options.base.bridge_is_filtered = podnet_set_sysctls();
	sync_ = sync_new(loop, informers, &options);
	services = informer_get_filtered(
	    informers, resource_services, NULL, "!service.kubernetes.io/service-proxy-name", NULL);
	slices = informer_get_filtered(informers, resource_endpointslices, NULL,
	    "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name", NULL);
	sync_start(sync_);
	return 0;
}

static int teardown(void **state)
{
	if (!is_usable)
		return 0;
	sync_free(sync_);
	informer_set_free(informers);
	loop_free(loop);
	arena_free(test_arena);
	assert_int_equal(cleanup_run(&(struct cleanup_options){NULL, NULL}), 0);
	return 0;
}

#define NEED_ROOT()                                                                                          \
	if (!is_usable)                                                                                      \
	skip()

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define netns_run(argc, argv, tests)                                                                         \
	(netns_begin((argc), (argv)), cmocka_run_group_tests((tests), make_world, end_world))

static void netns_begin(int argc, char **argv)
{
	mode = argc > 1 ? argv[1] : "nft";
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	resources_init();
	log_init("test", argc > 3 ? LOG_DEBUG : LOG_ERROR);
}

#endif
