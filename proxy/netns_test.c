/* What a Service does to packets: each kind of address, from pods, from the node and from outside. */
#include "proxy/netns_fixture.h"

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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_cluster_ip),
	    TEST(test_node_port),
	    TEST(test_node_port_local),
	    TEST(test_affinity),
	    TEST(test_external_addresses),
	    TEST(test_health_check_port),
	    TEST(test_udp),
	};
	return netns_run(argc, argv, tests);
}
