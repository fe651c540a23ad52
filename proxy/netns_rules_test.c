/* What stands in the tables: masquerading, the canary, that only what changed is written, and that nothing is
 * left. */
#include "proxy/netns_fixture.h"

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
	const struct CMUnitTest tests[] = {
	    TEST(test_pods_to_outside),
	    TEST(test_canary),
	    TEST(test_only_what_changed_and_no_leftovers),
	};
	return netns_run(argc, argv, tests);
}
