/*
 * The whole proxy but its watch, on a real kernel: this process moves to a network namespace of its own, the
 * node. Pods hang on its bridge, a machine outside is linked to it. Real iptables runs inside; the host's
 * tables are not touched.
 *
 * Endpoints of "node2" are pods here too: to the rules they are elsewhere all the same.
 */
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

#define CLUSTER_IP "'clusterIP':'10.96.0.20'"
#define PORTS "'ports':[{'port':80,'protocol':'TCP','nodePort':30080}]"

static void test_cluster_ip(void **state)
{
	NEED_ROOT();
	put_service("web", CLUSTER_IP ",'ports':[{'port':80}]", "");
	put_slice("web", "123");
	settle();
	spread(C1, "10.96.0.20", 80, 90);
	assert_even(3, 90);
	spread(NODE, "10.96.0.20", 80, 10);
	spread(OUTSIDE, "10.96.0.20", 80, 10);
	put_slice("web", "1");
	settle();
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "s1 10.244.0.21"); /* the pod's own address */
	assert_string_equal(tcp(S1, "10.96.0.20", 80), "s1 10.244.0.1");  /* to itself: by the bridge */
	assert_string_equal(tcp(OUTSIDE, "10.96.0.20", 80), "s1 10.244.0.1");
	put_slice("web", "");
	settle();
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "refused");
	assert_string_equal(tcp(NODE, "10.96.0.20", 80), "refused");
	assert_string_equal(tcp(OUTSIDE, "10.96.0.20", 80), "refused");
	put_slice("web", "-2");
	settle();
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "refused");
	put_slice("web", "t2-3");
	settle();
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "s2 10.244.0.21");
	put_slice("web", "1t2");
	settle();
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "s1 10.244.0.21");
	informer_inject_delete(services, "ns", "web");
	settle();
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "timeout");
}

static void test_node_port(void **state)
{
	NEED_ROOT();
	put_service("web", "'type':'NodePort'," CLUSTER_IP "," PORTS, "");
	put_slice("web", "12");
	settle();
	spread(OUTSIDE, "192.168.77.1", 30080, 60);
	assert_even(2, 60);
	spread(C1, "192.168.77.1", 30080, 6);
	spread(NODE, "192.168.77.1", 30080, 6);
	spread(NODE, "127.0.0.1", 30080, 6);
	spread(S1, "10.244.0.1", 30080, 6);
	put_slice("web", "1");
	settle();
	assert_string_equal(tcp(OUTSIDE, "192.168.77.1", 30080), "s1 10.244.0.1");
	put_slice("web", "");
	settle();
	assert_string_equal(tcp(OUTSIDE, "192.168.77.1", 30080), "refused");
	assert_string_equal(tcp(C1, "192.168.77.1", 30080), "refused");
}

static void test_node_port_local(void **state)
{
	NEED_ROOT();
	put_service("web", "'type':'NodePort','externalTrafficPolicy':'Local'," CLUSTER_IP "," PORTS, "");
	put_slice("web", "12");
	settle();
	for (int i = 0; i < 8; i++)
		assert_string_equal(
		    tcp(OUTSIDE, "192.168.77.1", 30080), "s1 192.168.77.2"); /* the source is kept */
	spread(C1, "192.168.77.1", 30080, 40);                               /* from inside, all */
	assert_even(2, 40);
	spread(NODE, "127.0.0.1", 30080, 6);
	put_slice("web", "2");
	settle();
	assert_string_equal(tcp(OUTSIDE, "192.168.77.1", 30080), "timeout");
	assert_string_equal(tcp(C1, "192.168.77.1", 30080), "s2 10.244.0.21");
	assert_string_equal(tcp(NODE, "192.168.77.1", 30080), "s2 10.244.0.1");
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "s2 10.244.0.21");
	put_service("web", CLUSTER_IP ",'internalTrafficPolicy':'Local','ports':[{'port':80}]", "");
	settle();
	assert_string_equal(tcp(C1, "10.96.0.20", 80), "timeout");
	put_slice("web", "12");
	settle();
	spread(C1, "10.96.0.20", 80, 8);
	assert_int_equal(answered[0], 8);
}

static void test_affinity(void **state)
{
	NEED_ROOT();
	put_service("web",
	    CLUSTER_IP ",'sessionAffinity':'ClientIP','sessionAffinityConfig':{'clientIP':{'timeoutSeconds':"
		       "5}},'ports':[{'port':80}]",
	    "");
	put_slice("web", "123");
	settle();
	char first[64];
	snprintf(first, sizeof(first), "%s", tcp(C1, "10.96.0.20", 80));
	for (int i = 0; i < 20; i++)
		assert_string_equal(tcp(C1, "10.96.0.20", 80), first);
	bool changed = false;
	for (int i = 0; i < 10 && !changed; i++) { /* after the timeout the choice is free again */
		sleep(6);
		changed = strcmp(tcp(C1, "10.96.0.20", 80), first) != 0;
	}
	assert_true(changed);
}

static void test_external_addresses(void **state)
{
	NEED_ROOT();
	put_service("web",
	    "'type':'LoadBalancer','loadBalancerSourceRanges':['10.244.0.16/28']," CLUSTER_IP
	    ",'externalIPs':['198.51.100.11']," PORTS,
	    "'loadBalancer':{'ingress':[{'ip':'198.51.100.12'}]}");
	put_slice("web", "1");
	settle();
	assert_string_equal(tcp(OUTSIDE, "198.51.100.11", 80), "s1 10.244.0.1");
	assert_string_equal(tcp(C1, "198.51.100.11", 80), "s1 10.244.0.1");
	assert_string_equal(tcp(C1, "198.51.100.12", 80), "s1 10.244.0.1"); /* in the range */
	assert_string_equal(tcp(OUTSIDE, "198.51.100.12", 80), "timeout");
	assert_string_equal(
	    tcp(OUTSIDE, "192.168.77.1", 30080), "s1 10.244.0.1"); /* ranges do not guard node ports */
	assert_string_equal(tcp(OUTSIDE, "10.96.0.20", 80), "s1 10.244.0.1");
	put_slice("web", "");
	settle();
	assert_string_equal(tcp(OUTSIDE, "198.51.100.11", 80), "refused");
}

static void test_health_check_port(void **state)
{
	NEED_ROOT();
	put_service("web",
	    "'type':'LoadBalancer','externalTrafficPolicy':'Local','healthCheckNodePort':31999," CLUSTER_IP
	    "," PORTS,
	    "");
	put_slice("web", "12");
	settle();
	pid_t pid = fork(); /* the server runs on our loop: the client needs a process of its own */
	if (pid == 0)
		_exit(system("curl -s --noproxy '*' -m 2 -o /tmp/cube-proxy-hc -w '%{http_code}' "
			     "http://127.0.0.1:31999/ | grep -q 200") != 0);
	run_for(1000);
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	command("grep -q '\"localEndpoints\": 1' /tmp/cube-proxy-hc && rm /tmp/cube-proxy-hc");
}

static void test_udp(void **state)
{
	NEED_ROOT();
	put_service("dns", "'clusterIP':'10.96.0.10','ports':[{'name':'u','port':53,'protocol':'UDP'}]", "");
	put_slice("dns", "1");
	settle();
	assert_string_equal(ask(C1, SOCK_DGRAM, "10.96.0.10", 53), "s1 10.244.0.21");
	/* A flow that goes on from the same socket must follow the endpoints. */
	int out[2], go[2];
	assert_int_equal(pipe(out) | pipe(go), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(53)};
		struct timeval timeout = {.tv_sec = 1};
		char text[64], c;
		setns(spaces[C1], CLONE_NEWNET);
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		inet_pton(AF_INET, "10.96.0.10", &addr.sin_addr);
		for (int i = 0; i < 2; i++) {
			connect(fd, (struct sockaddr *)&addr, sizeof(addr));
			send(fd, "x", 1, 0);
			ssize_t n = recv(fd, text, sizeof(text), 0);
			if (write(out[1], n > 0 ? text : "none", n > 0 ? 2 : 4) < 0 ||
			    (!i && read(go[0], &c, 1) != 1))
				break;
		}
		_exit(0);
	}
	char text[16] = "";
	assert_int_equal(read(out[0], text, 2), 2);
	assert_memory_equal(text, "s1", 2);
	put_slice("dns", "2");
	settle();
	run_for(300);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(out[0], text, 2), 2);
	assert_memory_equal(text, "s2", 2);
	waitpid(pid, NULL, 0);
}

static void test_pods_to_outside(void **state)
{
	NEED_ROOT();
	settle();
	assert_string_equal(tcp(C1, "192.168.77.2", PORT), "outside 192.168.77.1"); /* masqueraded */
	assert_string_equal(tcp(C1, "10.244.0.11", PORT), "s1 10.244.0.21");        /* not between pods */
}

static int canary; /* -1: not answered */

static void on_canary(void *arg, bool is_there)
{
	canary = is_there;
}

static int check_canary(void)
{
	struct iptables *ipt = iptables_new(loop, mode);
	canary = -1;
	iptables_check_canary(ipt, on_canary, NULL);
	for (int tries = 0; tries < 100 && canary < 0; tries++)
		run_for(20);
	iptables_free(ipt);
	return canary;
}

static void test_canary(void **state)
{
	NEED_ROOT();
	settle();
	assert_int_equal(check_canary(), 1);
	command("iptables-%s -t nat -F", mode); /* the chains stay, empty */
	assert_int_equal(check_canary(), 0);
	command("iptables-%s -t nat -X", mode);
	assert_int_equal(check_canary(), 0);
}

static int saved_lines(const char *pattern)
{
	char text[256];
	snprintf(text, sizeof(text), "iptables-%s-save | grep -c -e '%s'", mode, pattern);
	FILE *pipe = popen(text, "r");
	int n = -1;
	if (fscanf(pipe, "%d", &n) != 1)
		n = -1;
	pclose(pipe);
	return n;
}

static void test_only_what_changed_and_no_leftovers(void **state)
{
	NEED_ROOT();
	struct sync_counts before, after;
	for (int i = 0; i < 30; i++) {
		char name[32], spec[128];
		snprintf(name, sizeof(name), "svc%d", i);
		snprintf(spec, sizeof(spec), "'clusterIP':'10.96.1.%d','ports':[{'port':80}]", i + 1);
		put_service(name, spec, "");
		put_slice(name, "12");
	}
	settle();
	assert_int_equal(saved_lines("^:KUBE-SEP-"), 60);
	sync_get_counts(sync_, &before);
	put_slice("svc7", "3");
	informer_inject_delete(services, "ns", "svc8");
	put_service("svc9", "'clusterIP':'10.96.2.9','ports':[{'port':80}]", "");
	settle();
	sync_get_counts(sync_, &after);
	assert_int_equal(after.full_rounds, before.full_rounds);
	assert_int_equal(saved_lines("^:KUBE-SEP-"), 57);
	assert_string_equal(tcp(C1, "10.96.1.8", 80), "s3 10.244.0.21");
	assert_string_equal(tcp(C1, "10.96.1.9", 80), "timeout");
	spread(C1, "10.96.2.9", 80, 4);
	/* The last rule is still the one about node ports. */
	char text[256];
	snprintf(text, sizeof(text), "iptables-%s -t nat -S KUBE-SERVICES | tail -1 | grep -q KUBE-NODEPORTS",
	    mode);
	assert_int_equal(system(text), 0);
	/* Somebody breaks our books: the next round fails, and a full one puts all right. */
	snprintf(text, sizeof(text), "iptables-%s -t nat -F KUBE-SERVICES", mode);
	assert_int_equal(system(text), 0);
	informer_inject_delete(services, "ns", "svc10");
	run_for(2500);
	sync_get_counts(sync_, &after);
	assert_int_equal(after.failures, 1);
	assert_string_equal(tcp(C1, "10.96.1.8", 80), "s3 10.244.0.21");
	assert_int_equal(saved_lines("^:KUBE-SVC-"), 28);
	/* A new process takes over what an old one left: nothing doubles, nobody's chains go. */
	sync_free(sync_);
	informer_set_free(informers);
	loop_free(loop);
	arena_free(test_arena);
	int jumps = saved_lines("^-A \\(INPUT\\|OUTPUT\\|FORWARD\\|PREROUTING\\|POSTROUTING\\) .*-j [KC]UBE");
	setup(NULL);
	put_service("svc1", "'clusterIP':'10.96.1.2','ports':[{'port':80}]", "");
	put_slice("svc1", "2");
	settle();
	assert_int_equal(saved_lines("^:KUBE-SVC-"), 1);
	assert_int_equal(saved_lines("^:KUBE-SEP-"), 1);
	assert_int_equal(jumps, 16);
	assert_int_equal(
	    saved_lines("^-A \\(INPUT\\|OUTPUT\\|FORWARD\\|PREROUTING\\|POSTROUTING\\) .*-j [KC]UBE"), 16);
	assert_int_equal(cleanup_run(&(struct cleanup_options){NULL, NULL}), 0);
	assert_int_equal(saved_lines("[KC]UBE-"), 0);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_cluster_ip),
	    TEST(test_node_port),
	    TEST(test_node_port_local),
	    TEST(test_affinity),
	    TEST(test_external_addresses),
	    TEST(test_health_check_port),
	    TEST(test_udp),
	    TEST(test_pods_to_outside),
	    TEST(test_canary),
	    TEST(test_only_what_changed_and_no_leftovers),
	};
	mode = argc > 1 ? argv[1] : "nft";
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	resources_init();
	log_init("test", argc > 3 ? LOG_DEBUG : LOG_ERROR);
	return cmocka_run_group_tests(tests, make_world, end_world);
}
