#include "proxy/render.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/names.h"
#include "proxy/test_objects.h"

static struct proxy_config config;
static struct rules rules;
static struct render_extra extra;

static int setup(void **state)
{
	test_arena = arena_new();
	config = (struct proxy_config){.node_name = "node1", .zone = "", .cluster_cidr = "10.244.0.0/16"};
	return 0;
}

static int teardown(void **state)
{
	rules_done(&rules);
	arena_free(test_arena);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct rules_chain *x = a, *y = b;
	return x->table != y->table ? (int)x->table - (int)y->table : strcmp(x->name, y->name);
}

/* All rules as text: shared lines in order, then chains by name. Comments are left out: they are for people.
 */
static const char *render(const CoreV1__Service *service, const DiscoveryV1__EndpointSlice *slice)
{
	struct buf out = BUF_INIT;
	rules_done(&rules);
	render_service(&config, service, &slice, slice ? 1 : 0, test_arena, &rules, &extra);
	for (size_t i = 0; i < rules.lines_len; i++)
		buf_printf(&out, "%s -A %s %s\n", proxy_table_names[rules.lines[i].table],
		    rules.lines[i].chain, rules.lines[i].spec);
	if (rules.chains_len)
		qsort(rules.chains, rules.chains_len, sizeof(*rules.chains), by_name);
	for (size_t i = 0; i < rules.chains_len; i++)
		buf_append(&out, buf_str(&rules.chains[i].text), rules.chains[i].text.size);
	char *from = out.data, *to = out.data;
	while (from && *from) {
		const char comment[] = "-m comment --comment \"";
		if (strncmp(from, comment, sizeof(comment) - 1) == 0)
			from = strchr(from + sizeof(comment), '"') + 2;
		else
			*to++ = *from++;
	}
	if (to)
		*to = 0;
	const char *text = arena_strdup(test_arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static const char two[] = "'ports':[{'name':'http','port':8080,'protocol':'TCP'}],'endpoints':["
			  "{'addresses':['10.244.0.2'],'nodeName':'node1','conditions':{'ready':true}},"
			  "{'addresses':['10.244.1.3'],'nodeName':'node2','conditions':{'ready':true}}]";
#define CHAIN(prefix, text) chain_name(prefix, text, (char[CHAIN_NAME_MAX]){0})

static void test_names(void **state)
{
	/* These are in every cluster. */
	assert_string_equal(CHAIN("KUBE-SVC-", "default/kubernetes:httpstcp"), "KUBE-SVC-NPX46M4PTMTKRN6Y");
	assert_string_equal(CHAIN("KUBE-SVC-", "kube-system/kube-dns:dnsudp"), "KUBE-SVC-TCOU7JCQXEZGVUNU");
	assert_string_equal(
	    CHAIN("KUBE-SVC-", "kube-system/kube-dns:dns-tcptcp"), "KUBE-SVC-ERIFXISQEP7F7OF4");
	assert_string_equal(CHAIN("KUBE-SEP-", "ns1/svc1:p80tcp10.180.0.1:80"), "KUBE-SEP-SXIVWICOYRO3J4NJ");
}

static const char *fill(const char *text)
{
	/* $SVC and so on stand for the chains of ns/web:http. */
	static const struct {
		const char *word, *prefix, *hashed;
	} words[] = {{"$SVC", "KUBE-SVC-", "ns/web:httptcp"}, {"$SVL", "KUBE-SVL-", "ns/web:httptcp"},
	    {"$EXT", "KUBE-EXT-", "ns/web:httptcp"}, {"$FW", "KUBE-FW-", "ns/web:httptcp"},
	    {"$SEP1", "KUBE-SEP-", "ns/web:httptcp10.244.0.2:8080"},
	    {"$SEP2", "KUBE-SEP-", "ns/web:httptcp10.244.1.3:8080"}};
	struct buf out = BUF_INIT;
	for (const char *p = text; *p;) {
		size_t i = 0;
		while (i < 6 && strncmp(p, words[i].word, strlen(words[i].word)) != 0)
			i++;
		if (i == 6) {
			buf_putc(&out, *p++);
			continue;
		}
		buf_puts(&out, CHAIN(words[i].prefix, words[i].hashed));
		p += strlen(words[i].word);
	}
	const char *filled = arena_strdup(test_arena, buf_str(&out));
	buf_done(&out);
	return filled;
}

/* Chains are sorted by their hashed names, so both sides are compared as sets of lines. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *sorted(const char *text)
{
	char *lines[200], *copy = arena_strdup(test_arena, text);
	size_t len = 0;
	for (char *line = strtok(copy, "\n"); line && len < 200; line = strtok(NULL, "\n"))
		lines[len++] = line;
	qsort(lines, len, sizeof(*lines), by_text);
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < len; i++)
		buf_printf(&out, "%s\n", lines[i]);
	const char *joined = arena_strdup(test_arena, buf_str(&out));
	buf_done(&out);
	return joined;
}

static void expect(const char *got, const char *wanted)
{
	assert_string_equal(sorted(got), sorted(fill(wanted)));
}

#define ENDPOINTS                                                                                            \
	"-A $SEP1 -s 10.244.0.2 -j KUBE-MARK-MASQ\n-A $SEP1 -m tcp -p tcp -j DNAT --to-destination "         \
	"10.244.0.2:8080\n"                                                                                  \
	"-A $SEP2 -s 10.244.1.3 -j KUBE-MARK-MASQ\n-A $SEP2 -m tcp -p tcp -j DNAT --to-destination "         \
	"10.244.1.3:8080\n"
#define SPREAD "-A $SVC -m statistic --mode random --probability 0.5000000000 -j $SEP1\n-A $SVC -j $SEP2\n"
#define CLUSTER_IP                                                                                           \
	"nat -A KUBE-SERVICES -m tcp -p tcp -d 10.96.0.20 --dport 80 -j $SVC\n"                              \
	"-A $SVC -m tcp -p tcp -d 10.96.0.20 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ\n" SPREAD       \
	    ENDPOINTS

static void test_cluster_ip(void **state)
{
	const CoreV1__Service *service =
	    test_service("web", "'clusterIP':'10.96.0.20','ports':[{'name':'http','port':80}]");
	expect(render(service, test_slice("web", "a", two)), CLUSTER_IP);
	assert_int_equal(extra.udp_len, 0);
	config.masquerade_all = true;
	assert_non_null(
	    strstr(render(service, test_slice("web", "a", two)), "--dport 80 -j KUBE-MARK-MASQ\n"));
	config.masquerade_all = false;
	config.cluster_cidr = "";
	assert_null(strstr(render(service, test_slice("web", "a", two)), "--dport 80 -j KUBE-MARK-MASQ\n"));
}

static void test_none(void **state)
{
	const CoreV1__Service *service =
	    test_service("web", "'type':'NodePort','clusterIP':'10.96.0.20','externalIPs':['198.51.100.1','"
				"fd00::1'],'ports':[{'name':'http','port':80,'nodePort':30080}]");
	expect(render(service, NULL),
	    "filter -A KUBE-SERVICES -m tcp -p tcp -d 10.96.0.20 --dport 80 -j REJECT\n"
	    "filter -A KUBE-EXTERNAL-SERVICES -m tcp -p tcp -d 198.51.100.1 --dport 80 -j REJECT\n"
	    "filter -A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 30080 -j "
	    "REJECT\n");
}

static void test_skipped(void **state)
{
	static const char *const specs[] = {"'clusterIP':'None','ports':[{'port':80}]",
	    "'type':'ExternalName','externalName':'x.y'", "'clusterIP':'','ports':[{'port':80}]",
	    "'clusterIP':'fd00::5','clusterIPs':['fd00::5'],'ports':[{'port':80}]"};
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++)
		assert_string_equal(render(test_service("web", specs[i]), test_slice("web", "a", two)), "");
}

#define NODE_PORT "'clusterIP':'10.96.0.20','ports':[{'name':'http','port':80,'nodePort':30080}]"

static void test_node_port(void **state)
{
	expect(render(test_service("web", "'type':'NodePort'," NODE_PORT), test_slice("web", "a", two)),
	    CLUSTER_IP "nat -A KUBE-NODEPORTS -m tcp -p tcp --dport 30080 -j $EXT\n"
		       "-A $EXT -j KUBE-MARK-MASQ\n-A $EXT -j $SVC\n");
}

static void test_node_port_local(void **state)
{
	expect(render(test_service("web", "'type':'NodePort','externalTrafficPolicy':'Local'," NODE_PORT),
		   test_slice("web", "a", two)),
	    CLUSTER_IP
	    "nat -A KUBE-NODEPORTS -m tcp -p tcp --dport 30080 -j $EXT\n"
	    "-A $EXT -s 10.244.0.0/16 -j $SVC\n-A $EXT -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ\n"
	    "-A $EXT -m addrtype --src-type LOCAL -j $SVC\n-A $EXT -j $SVL\n-A $SVL -j $SEP1\n");
	config.node_name = "node3"; /* without an endpoint */
	expect(render(test_service("web", "'type':'NodePort','externalTrafficPolicy':'Local'," NODE_PORT),
		   test_slice("web", "a", two)),
	    CLUSTER_IP
	    "nat -A KUBE-NODEPORTS -m tcp -p tcp --dport 30080 -j $EXT\n"
	    "filter -A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 30080 -j "
	    "DROP\n"
	    "-A $EXT -s 10.244.0.0/16 -j $SVC\n-A $EXT -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ\n"
	    "-A $EXT -m addrtype --src-type LOCAL -j $SVC\n");
}

static void test_internal_local(void **state)
{
	const CoreV1__Service *service = test_service("web",
	    "'clusterIP':'10.96.0.20','internalTrafficPolicy':'Local','ports':[{'name':'http','port':80}]");
	expect(render(service, test_slice("web", "a", two)),
	    "nat -A KUBE-SERVICES -m tcp -p tcp -d 10.96.0.20 --dport 80 -j $SVL\n"
	    "-A $SVL -m tcp -p tcp -d 10.96.0.20 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ\n-A $SVL -j "
	    "$SEP1\n"
	    "-A $SEP1 -s 10.244.0.2 -j KUBE-MARK-MASQ\n-A $SEP1 -m tcp -p tcp -j DNAT --to-destination "
	    "10.244.0.2:8080\n");
	config.node_name = "node3";
	/* Dropped and not refused: there are endpoints, elsewhere. */
	expect(render(service, test_slice("web", "a", two)),
	    "filter -A KUBE-SERVICES -m tcp -p tcp -d 10.96.0.20 --dport 80 -j DROP\n");
}

static void test_affinity(void **state)
{
	expect(render(test_service("web", "'clusterIP':'10.96.0.20','sessionAffinity':'ClientIP','"
					  "sessionAffinityConfig':{'clientIP':{'timeoutSeconds':60}},"
					  "'ports':[{'name':'http','port':80}]"),
		   test_slice("web", "a", two)),
	    "nat -A KUBE-SERVICES -m tcp -p tcp -d 10.96.0.20 --dport 80 -j $SVC\n"
	    "-A $SVC -m tcp -p tcp -d 10.96.0.20 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ\n"
	    "-A $SVC -m recent --name $SEP1 --rcheck --seconds 60 --reap -j $SEP1\n"
	    "-A $SVC -m recent --name $SEP2 --rcheck --seconds 60 --reap -j $SEP2\n" SPREAD
	    "-A $SEP1 -s 10.244.0.2 -j KUBE-MARK-MASQ\n-A $SEP1 -m recent --name $SEP1 --set -m tcp -p tcp "
	    "-j DNAT --to-destination 10.244.0.2:8080\n"
	    "-A $SEP2 -s 10.244.1.3 -j KUBE-MARK-MASQ\n-A $SEP2 -m recent --name $SEP2 --set -m tcp -p tcp "
	    "-j DNAT --to-destination 10.244.1.3:8080\n");
}

static void test_load_balancer(void **state)
{
	static const char *const ips[] = {"192.168.5.5"};
	config.node_ips = ips;
	config.node_ips_len = 1;
	const CoreV1__Service *service = test_decode("", "Service",
	    "{'metadata':{'namespace':'ns','name':'web'},'spec':{'type':'LoadBalancer','"
	    "loadBalancerSourceRanges':[' 192.168.0.0/16 ','fd00::/8'],"
	    "'clusterIP':'10.96.0.20','ports':[{'name':'http','port':80}]},'status':{'loadBalancer':{'"
	    "ingress':[{'ip':'203.0.113.9'},"
	    "{'ip':'203.0.113.10','ipMode':'Proxy'},{'hostname':'x.y'}]}}}");
	expect(render(service, test_slice("web", "a", two)),
	    CLUSTER_IP "nat -A KUBE-SERVICES -m tcp -p tcp -d 203.0.113.9 --dport 80 -j $FW\n"
		       "filter -A KUBE-PROXY-FIREWALL -m tcp -p tcp -d 203.0.113.9 --dport 80 -j DROP\n"
		       "-A $FW -s 192.168.0.0/16 -j $EXT\n-A $FW -s 203.0.113.9 -j $EXT\n"
		       "-A $EXT -j KUBE-MARK-MASQ\n-A $EXT -j $SVC\n");
	service = test_decode("", "Service",
	    "{'metadata':{'namespace':'ns','name':'web'},'spec':{'type':'LoadBalancer','"
	    "externalTrafficPolicy':'Local','healthCheckNodePort':31000,"
	    "'clusterIP':'10.96.0.20','ports':[{'name':'http','port':80}]},'status':{'loadBalancer':{'"
	    "ingress':[{'ip':'203.0.113.9'}]}}}");
	const char *text = render(service, test_slice("web", "a", two));
	assert_non_null(strstr(text, "filter -A KUBE-NODEPORTS -m tcp -p tcp --dport 31000 -j ACCEPT\n"));
	assert_int_equal(extra.health_check_port, 31000);
	assert_int_equal(extra.local_endpoints, 1);
}

static void test_not_ready_and_terminating(void **state)
{
	const CoreV1__Service *service =
	    test_service("web", "'clusterIP':'10.96.0.20','ports':[{'name':'http','port':80}]");
	const char *one_ready =
	    "'ports':[{'name':'http','port':8080,'protocol':'TCP'}],'endpoints':["
	    "{'addresses':['10.244.0.2'],'conditions':{'ready':true}},"
	    "{'addresses':['10.244.0.9'],'conditions':{'ready':false,'serving':true,'terminating':true}},"
	    "{'addresses':['10.244.1.3'],'conditions':{'ready':false,'serving':false,'terminating':false}}]";
	const char *text = render(service, test_slice("web", "a", one_ready));
	assert_non_null(strstr(text, "10.244.0.2:8080"));
	assert_null(strstr(text, "10.244.0.9:8080"));
	assert_null(strstr(text, "10.244.1.3:8080"));
	const char *leaving =
	    "'ports':[{'name':'http','port':8080,'protocol':'TCP'}],'endpoints':["
	    "{'addresses':['10.244.0.9'],'conditions':{'ready':false,'serving':true,'terminating':true}},"
	    "{'addresses':['10.244.1.3'],'conditions':{'ready':false,'serving':false,'terminating':true}}]";
	text = render(service, test_slice("web", "a", leaving));
	assert_non_null(strstr(text, "10.244.0.9:8080"));
	assert_null(strstr(text, "10.244.1.3:8080"));
}

static void test_ports_and_hints(void **state)
{
	const CoreV1__Service *service =
	    test_service("web", "'clusterIP':'10.96.0.20','ports':[{'name':'http','port':80},{'name':'dns','"
				"port':53,'protocol':'UDP'},{'name':'s','port':9,'protocol':'SCTP'}]");
	const char *slice =
	    "'ports':[{'name':'http','port':8080,'protocol':'TCP'},{'name':'dns','port':5353,'protocol':'UDP'"
	    "},{'name':'http','port':1,'protocol':'UDP'}],"
	    "'endpoints':[{'addresses':['10.244.0.2'],'hints':{'forZones':[{'name':'a'}]}},"
	    "{'addresses':['10.244.0.3'],'hints':{'forZones':[{'name':'b'}]}},{'addresses':['10.244.0.2'],"
	    "'hints':{'forZones':[{'name':'a'}]}}]";
	const char *text = render(service, test_slice("web", "a", slice));
	assert_non_null(strstr(text, "-m tcp -p tcp -j DNAT --to-destination 10.244.0.2:8080"));
	assert_non_null(strstr(text, "-m udp -p udp -j DNAT --to-destination 10.244.0.3:5353"));
	assert_non_null(
	    strstr(text, "filter -A KUBE-SERVICES -m sctp -p sctp -d 10.96.0.20 --dport 9 -j REJECT"));
	assert_null(strstr(text, ":1\n"));
	assert_int_equal(extra.udp_len, 1);
	assert_string_equal(extra.udp[0].address, "10.96.0.20:53");
	assert_int_equal(extra.udp[0].endpoints_len, 2);
	config.zone = "b";
	text = render(service, test_slice("web", "a", slice));
	assert_null(strstr(text, "10.244.0.2:8080"));
	assert_non_null(strstr(text, "10.244.0.3:8080"));
	config.zone = "c"; /* no endpoint for it: hints do not count */
	assert_non_null(strstr(render(service, test_slice("web", "a", slice)), "10.244.0.2:8080"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_names),
	    TEST(test_cluster_ip),
	    TEST(test_none),
	    TEST(test_skipped),
	    TEST(test_node_port),
	    TEST(test_node_port_local),
	    TEST(test_internal_local),
	    TEST(test_affinity),
	    TEST(test_load_balancer),
	    TEST(test_not_ready_and_terminating),
	    TEST(test_ports_and_hints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
