#include "dns/answer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/zone.h"
#include "lib/api/codec.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"

static struct arena *arena;
static struct dns_zone *zone;
static struct dns_answer_options options;
static struct buf response;
static char chase[DNS_NAME_MAX];

/* Objects from JSON with ' for ". */
static void *decode(const char *group, const char *kind, const char *json)
{
	char *text = arena_strdup(arena, json);
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	ProtobufCMessage *msg = NULL;
	struct error err = ERROR_INIT;
	codec_from_json_text(arena, schema_by_gvk(group, "v1", kind), text, strlen(text), NULL, &msg, &err);
	assert_string_equal(err.message, "");
	return msg;
}

static void service(const char *json)
{
	dns_zone_put_service(zone, decode("", "Service", json));
}

static void slice(const char *json)
{
	dns_zone_put_slice(zone, decode("discovery.k8s.io", "EndpointSlice", json));
}

static size_t make_query(uint8_t *out, const char *name, uint16_t type, int edns_size)
{
	uint8_t *p = out;
	const uint8_t header[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns_size ? 1 : 0};
	memcpy(p, header, sizeof(header));
	p += sizeof(header);
	while (*name) {
		size_t len = strcspn(name, ".");
		*p++ = (uint8_t)len;
		memcpy(p, name, len);
		p += len;
		name += len + (name[len] == '.');
	}
	const uint8_t tail[] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
	memcpy(p, tail, sizeof(tail));
	p += sizeof(tail);
	const uint8_t opt[] = {0, 0, 41, (uint8_t)(edns_size >> 8), (uint8_t)edns_size, 0, 0, 0, 0, 0, 0};
	if (edns_size) {
		memcpy(p, opt, sizeof(opt));
		p += sizeof(opt);
	}
	return (size_t)(p - out);
}

static void print_record(
    struct buf *out, const uint8_t *data, size_t size, const struct dns_record *record, const char *question)
{
	char text[DNS_NAME_MAX];
	size_t at = record->data_offset;
	const uint8_t *p = data + at;
	if (record->type == DNS_OPT) {
		buf_printf(out, " OPT");
		return;
	}
	buf_putc(out, ' ');
	if (strcmp(record->owner, question) != 0)
		buf_printf(out, "%s=", record->owner);
	switch (record->type) {
	case DNS_A:
		buf_printf(out, "%s", inet_ntop(AF_INET, p, text, sizeof(text)));
		break;
	case DNS_AAAA:
		buf_printf(out, "%s", inet_ntop(AF_INET6, p, text, sizeof(text)));
		break;
	case DNS_SRV:
		at += 6;
		assert_true(dns_read_name(data, size, &at, text));
		buf_printf(out, "SRV(%d,%d,%s)", p[2] << 8 | p[3], p[4] << 8 | p[5], text);
		break;
	case DNS_SOA:
		buf_printf(out, "SOA");
		break;
	case DNS_TXT:
		buf_printf(out, "\"%.*s\"", p[0], p + 1);
		break;
	default:
		assert_true(dns_read_name(data, size, &at, text));
		buf_printf(out, "%s", text);
	}
	if (record->type != DNS_SOA)
		assert_true(record->ttl == 30 || record->ttl == 77);
}

/* A response as text: "NOERROR aa | answers | authority | additional". */
static const char *print(const void *message, size_t size)
{
	static const char *const rcodes[] = {
	    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
	static struct buf out;
	const uint8_t *data = message;
	struct dns_query head;
	buf_reset(&out);
	assert_true(dns_query_parse(data, size, &head) >= 0);
	assert_true(head.is_response);
	assert_int_equal(head.id, 0x1234);
	buf_printf(&out, "%s%s%s", rcodes[data[3] & 15], data[2] & 4 ? " aa" : "", data[2] & 2 ? " tc" : "");
	size_t offset = DNS_HEADER_SIZE + head.question_size;
	for (int section = 0; section < 3; section++) {
		int len = data[6 + 2 * section] << 8 | data[7 + 2 * section];
		buf_puts(&out, len ? " |" : "");
		for (; len; len--) {
			struct dns_record record;
			assert_true(dns_read_record(data, size, &offset, &record));
			print_record(&out, data, size, &record, head.name);
		}
	}
	assert_int_equal(offset, size);
	return buf_str(&out);
}

static enum dns_verdict verdict;

static const char *ask(const char *name, enum dns_type type)
{
	uint8_t query[600];
	size_t size = make_query(query, name, type, 0);
	buf_reset(&response);
	verdict = dns_answer(zone, query, size, &options, &response, chase);
	if (verdict == DNS_VERDICT_FORWARD)
		return "FORWARD";
	if (verdict == DNS_VERDICT_CHASE)
		return chase;
	return print(response.data, response.size);
}

#define META(ns, name) "'metadata':{'namespace':'" ns "','name':'" name "'}"
#define SLICE_META(ns, name, svc)                                                                            \
	"'metadata':{'namespace':'" ns "','name':'" name "','labels':{'kubernetes.io/service-name':'" svc    \
	"'}}"

static int setup(void **state)
{
	arena = arena_new();
	zone = dns_zone_new("cluster.local.", 30);
	options = (struct dns_answer_options){.is_ready = true, .has_upstream = true};
	dns_zone_put_namespace(zone, "default");
	dns_zone_put_namespace(zone, "empty");
	service("{" META("default",
	    "web") ",'spec':{'clusterIP':'10.96.0.20','clusterIPs':['10.96.0.20','fd00::20'],"
		   "'ports':[{'name':'http','port':80},{'name':'dns','port':53,'protocol':'UDP'}]}}");
	service("{" META("default",
	    "db") ",'spec':{'clusterIP':'None','clusterIPs':['None'],'ports':[{'name':'sql','port':5432}]}}");
	slice("{" SLICE_META("default", "db-1",
	    "db") ",'addressType':'IPv4','ports':[{'name':'sql','port':5432,'protocol':'TCP'}],"
		  "'endpoints':[{'addresses':['10.244.0.5'],'hostname':'db-0','conditions':{'ready':true}},"
		  "{'addresses':['10.244.0.6']},{'addresses':['10.244.0.7'],'conditions':{'ready':false}}]}");
	service(
	    "{" META("default", "out") ",'spec':{'type':'ExternalName','externalName':'WWW.example.com.'}}");
	service("{" META("default",
	    "in") ",'spec':{'type':'ExternalName','externalName':'web.default.svc.cluster.local'}}");
	service("{" META("default",
	    "loop") ",'spec':{'type':'ExternalName','externalName':'loop.default.svc.cluster.local'}}");
	service("{" META("default", "addr") ",'spec':{'type':'ExternalName','externalName':'1.2.3.4'}}");
	service("{" META("default", "none") ",'spec':{'clusterIP':'None'}}");
	return 0;
}

static int teardown(void **state)
{
	dns_zone_free(zone);
	arena_free(arena);
	buf_done(&response);
	return 0;
}

static void test_cluster_ip(void **state)
{
	assert_string_equal(ask("web.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.96.0.20");
	assert_string_equal(ask("WEB.Default.svc.CLUSTER.local", DNS_A), "NOERROR aa | 10.96.0.20");
	assert_string_equal(ask("web.default.svc.cluster.local", DNS_AAAA), "NOERROR aa | fd00::20");
	assert_string_equal(ask("web.default.svc.cluster.local", DNS_TXT), "NOERROR aa | cluster.local=SOA");
	assert_string_equal(ask("web.default.svc.cluster.local", DNS_ANY),
	    "NOERROR aa | 10.96.0.20 fd00::20 SRV(50,80,web.default.svc.cluster.local) "
	    "SRV(50,53,web.default.svc.cluster.local) | 10.96.0.20 fd00::20");
}

static void test_srv(void **state)
{
	assert_string_equal(ask("_http._tcp.web.default.svc.cluster.local", DNS_SRV),
	    "NOERROR aa | SRV(100,80,web.default.svc.cluster.local) | "
	    "web.default.svc.cluster.local=10.96.0.20 web.default.svc.cluster.local=fd00::20");
	assert_string_equal(
	    ask("_http._udp.web.default.svc.cluster.local", DNS_SRV), "NXDOMAIN aa | cluster.local=SOA");
	assert_string_equal(
	    ask("_http._tcp.web.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.96.0.20");
	assert_string_equal(
	    ask("http._tcp.web.default.svc.cluster.local", DNS_SRV), "NXDOMAIN aa | cluster.local=SOA");
	assert_string_equal(ask("_sql._tcp.db.default.svc.cluster.local", DNS_SRV),
	    "NOERROR aa | SRV(50,5432,db-0.db.default.svc.cluster.local) "
	    "SRV(50,5432,10-244-0-6.db.default.svc.cluster.local)"
	    " | db-0.db.default.svc.cluster.local=10.244.0.5 "
	    "10-244-0-6.db.default.svc.cluster.local=10.244.0.6");
}

static void test_headless(void **state)
{
	assert_string_equal(ask("db.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.244.0.5 10.244.0.6");
	options.rotate = 1;
	assert_string_equal(ask("db.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.244.0.6 10.244.0.5");
	assert_string_equal(ask("db-0.db.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.244.0.5");
	assert_string_equal(ask("10-244-0-6.db.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.244.0.6");
	assert_string_equal(
	    ask("10-244-0-5.db.default.svc.cluster.local", DNS_A), "NXDOMAIN aa | cluster.local=SOA");
	assert_string_equal(
	    ask("10-244-0-7.db.default.svc.cluster.local", DNS_A), "NXDOMAIN aa | cluster.local=SOA");
	assert_string_equal(ask("db.default.svc.cluster.local", DNS_AAAA), "NOERROR aa | cluster.local=SOA");
	assert_string_equal(ask("none.default.svc.cluster.local", DNS_A), "NXDOMAIN aa | cluster.local=SOA");
	/* Two slices of different ports with the same address; no ports; the slice moves and goes. */
	slice("{" SLICE_META("default", "db-2", "db") ",'ports':[{'name':'admin','port':1}],'endpoints':[{'"
						      "addresses':['10.244.0.5'],'hostname':'db-0'}]}");
	options.rotate = 0;
	assert_string_equal(ask("db-0.db.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.244.0.5");
	assert_string_equal(ask("_admin._tcp.db.default.svc.cluster.local", DNS_SRV),
	    "NOERROR aa | SRV(100,1,db-0.db.default.svc.cluster.local) | "
	    "db-0.db.default.svc.cluster.local=10.244.0.5");
	dns_zone_remove_slice(zone, "default", "db-1");
	slice("{" SLICE_META("default", "db-2", "none") ",'endpoints':[{'addresses':['10.244.0.9']}]}");
	assert_string_equal(ask("db.default.svc.cluster.local", DNS_A), "NXDOMAIN aa | cluster.local=SOA");
	assert_string_equal(ask("none.default.svc.cluster.local", DNS_A), "NOERROR aa | 10.244.0.9");
	assert_string_equal(ask("none.default.svc.cluster.local", DNS_SRV), "NOERROR aa | cluster.local=SOA");
}

static void test_names_that_are_not(void **state)
{
	static const char *const exist[] = {"svc.cluster.local", "default.svc.cluster.local",
	    "empty.svc.cluster.local", "pod.cluster.local", "default.pod.cluster.local", "dns.cluster.local"};
	static const char *const missing[] = {"x.cluster.local", "no.svc.cluster.local",
	    "x.default.svc.cluster.local", "a.b.c.d.default.svc.cluster.local",
	    "a.b.c.d.e.f.g.h.i.cluster.local", "x.default.pod.cluster.local", "1-2-3-4.no.pod.cluster.local",
	    "1-2-3-4.x.default.pod.cluster.local", "addr.default.svc.cluster.local",
	    "_http._tcp.out.default.svc.cluster.local", "web.default.svc.cluster.local.cluster.local"};
	for (size_t i = 0; i < sizeof(exist) / sizeof(*exist); i++)
		assert_string_equal(ask(exist[i], DNS_A), "NOERROR aa | cluster.local=SOA");
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		assert_string_equal(ask(missing[i], DNS_A), "NXDOMAIN aa | cluster.local=SOA");
	assert_string_equal(ask("cluster.local", DNS_A), "NOERROR aa | SOA");
	dns_zone_remove_namespace(zone, "empty");
	assert_string_equal(ask("empty.svc.cluster.local", DNS_A), "NXDOMAIN aa | cluster.local=SOA");
}

static void test_apex_pods_version(void **state)
{
	struct dns_ip self;
	dns_ip_parse("10.96.0.10", &self);
	dns_zone_set_self(zone, &self);
	assert_string_equal(ask("cluster.local", DNS_SOA), "NOERROR aa | SOA");
	assert_string_equal(ask("cluster.local", DNS_NS),
	    "NOERROR aa | ns.dns.cluster.local | ns.dns.cluster.local=10.96.0.10");
	assert_string_equal(ask("ns.dns.cluster.local", DNS_A), "NOERROR aa | 10.96.0.10");
	assert_string_equal(ask("dns-version.cluster.local", DNS_TXT), "NOERROR aa | \"1.1.0\"");
	assert_string_equal(ask("10-244-0-99.default.pod.cluster.local", DNS_A), "NOERROR aa | 10.244.0.99");
	assert_string_equal(
	    ask("10-244-0-99.default.pod.cluster.local", DNS_AAAA), "NOERROR aa | cluster.local=SOA");
	assert_string_equal(ask("fd00--1.default.pod.cluster.local", DNS_AAAA), "NOERROR aa | fd00::1");
}

static void test_reverse(void **state)
{
	assert_string_equal(
	    ask("20.0.96.10.in-addr.arpa", DNS_PTR), "NOERROR aa | web.default.svc.cluster.local");
	assert_string_equal(
	    ask("5.0.244.10.in-addr.arpa", DNS_PTR), "NOERROR aa | db-0.db.default.svc.cluster.local");
	assert_string_equal(ask("6.0.244.10.in-addr.arpa", DNS_PTR), "FORWARD"); /* no host name */
	assert_string_equal(
	    ask("0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", DNS_PTR),
	    "NOERROR aa | web.default.svc.cluster.local");
	static const char *const others[] = {"999.0.96.10.in-addr.arpa", "0.96.10.in-addr.arpa",
	    "1.20.0.96.10.in-addr.arpa", " 20.0.96.10.in-addr.arpa", "x.ip6.arpa", "in-addr.arpa"};
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_string_equal(ask(others[i], DNS_PTR), "FORWARD");
	dns_zone_remove_service(zone, "default", "web");
	assert_string_equal(ask("20.0.96.10.in-addr.arpa", DNS_PTR), "FORWARD");
}

static void test_alias(void **state)
{
	assert_string_equal(ask("in.default.svc.cluster.local", DNS_A),
	    "NOERROR aa | web.default.svc.cluster.local web.default.svc.cluster.local=10.96.0.20");
	assert_string_equal(ask("out.default.svc.cluster.local", DNS_CNAME), "NOERROR aa | www.example.com");
	assert_string_equal(ask("out.default.svc.cluster.local", DNS_A), "www.example.com");
	assert_int_equal(verdict, DNS_VERDICT_CHASE);
	ask("loop.default.svc.cluster.local", DNS_A); /* ends */
	/* The target's own answer comes from upstream: another alias and an address. */
	uint8_t query[600], from_upstream[600];
	struct buf sent = BUF_INIT;
	size_t size = make_query(query, "out.default.svc.cluster.local", DNS_A, 0);
	dns_chase_query(query, size, "www.example.com", 0x1234, &sent);
	assert_int_equal(sent.size, make_query(from_upstream, "www.example.com", DNS_A, 0));
	assert_memory_equal(sent.data, from_upstream, sent.size);
	static const uint8_t tail[] = {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 77, 0, 4, 1, 'e', 0xc0, 16, 0xc0, 45, 0,
	    1, 0, 1, 0, 0, 0, 77, 0, 4, 9, 8, 7, 6};
	memcpy(from_upstream + sent.size, tail, sizeof(tail));
	from_upstream[2] |= 0x80;
	from_upstream[7] = 2;
	for (size_t cut = 0; cut <= sent.size + sizeof(tail); cut++) {
		buf_reset(&response);
		dns_answer_chased(
		    zone, query, size, &options, "www.example.com", from_upstream, cut, &response);
	}
	assert_string_equal(print(response.data, response.size),
	    "NOERROR aa | www.example.com www.example.com=e.example.com e.example.com=9.8.7.6");
	buf_reset(&response);
	dns_answer_chased(zone, query, size, &options, "www.example.com", NULL, 0, &response);
	assert_string_equal(print(response.data, response.size), "SERVFAIL aa | www.example.com");
	options.has_upstream = false;
	assert_string_equal(ask("out.default.svc.cluster.local", DNS_A), "NOERROR aa | www.example.com");
	buf_done(&sent);
}

static void test_not_ours(void **state)
{
	assert_string_equal(ask("example.com", DNS_A), "FORWARD");
	assert_string_equal(ask("xcluster.local", DNS_A), "FORWARD");
	assert_string_equal(ask("", DNS_NS), "FORWARD");
	options.has_upstream = false;
	assert_string_equal(ask("example.com", DNS_A), "REFUSED");
	options.is_ready = false;
	assert_string_equal(ask("web.default.svc.cluster.local", DNS_A), "SERVFAIL");
	assert_string_equal(ask("cluster.local", DNS_AXFR), "REFUSED");
}

static const char *raw(uint8_t *query, size_t size)
{
	buf_reset(&response);
	verdict = dns_answer(zone, query, size, &options, &response, chase);
	return verdict == DNS_VERDICT_DROP ? "DROP" : print(response.data, response.size);
}

static void test_strange_queries(void **state)
{
	uint8_t query[600];
	size_t size = make_query(query, "web.default.svc.cluster.local", DNS_A, 0);
	assert_string_equal(raw(query, 11), "DROP");
	assert_string_equal(raw(query, 20), "FORMERR");
	query[5] = 2;
	assert_string_equal(raw(query, size), "FORMERR");
	query[5] = 1;
	query[2] = 0x80;
	assert_string_equal(raw(query, size), "DROP"); /* an answer gets no answer */
	query[2] = 0x28;
	assert_string_equal(raw(query, size), "NOTIMP");
	query[2] = 1;
	query[size - 1] = 3; /* class CHAOS */
	assert_string_equal(raw(query, size), "REFUSED");
	query[size - 1] = 1;
	query[12] = 0xc0; /* a name that points to itself */
	query[13] = 12;
	assert_string_equal(raw(query, size), "FORMERR");
	size = make_query(query, "web.default.svc.cluster.local", DNS_A, 1232);
	assert_string_equal(raw(query, size), "NOERROR aa | 10.96.0.20 | OPT");
	query[size - 5] = 1; /* EDNS version 1 */
	assert_string_equal(raw(query, size), "NOERROR | OPT");
	assert_int_equal(((uint8_t *)response.data)[response.size - 6], 1); /* BADVERS is 16 */
	query[size - 5] = 0;
	assert_string_equal(raw(query, size - 1), "FORMERR");
}

static void test_truncation(void **state)
{
	struct buf json = BUF_INIT;
	uint8_t query[600];
	buf_puts(&json,
	    "{" SLICE_META("default", "many", "none") ",'ports':[{'name':'p','port':7}],'endpoints':[");
	for (int i = 0; i < 2000; i++)
		buf_printf(&json, "%s{'addresses':['10.1.%d.%d']}", i ? "," : "", i / 200, i % 200 + 1);
	buf_puts(&json, "]}");
	slice(json.data);
	buf_done(&json);
	size_t size = make_query(query, "none.default.svc.cluster.local", DNS_A, 0);
	assert_memory_equal(raw(query, size), "NOERROR aa tc |", 15);
	assert_in_range(response.size, 490, 512);
	size = make_query(query, "none.default.svc.cluster.local", DNS_A, 1232);
	assert_memory_equal(raw(query, size), "NOERROR aa tc |", 15);
	assert_in_range(response.size, 1200, 1232);
	size = make_query(query, "none.default.svc.cluster.local", DNS_SRV, 65000);
	assert_memory_equal(raw(query, size), "NOERROR aa tc |", 15);
	assert_in_range(response.size, 4000, 4096);
	options.is_tcp = true;
	size = make_query(query, "none.default.svc.cluster.local", DNS_A, 0);
	assert_memory_equal(raw(query, size), "NOERROR aa |", 12);
	assert_in_range(response.size, 32000, 33000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_cluster_ip),
	    TEST(test_srv),
	    TEST(test_headless),
	    TEST(test_names_that_are_not),
	    TEST(test_apex_pods_version),
	    TEST(test_reverse),
	    TEST(test_alias),
	    TEST(test_not_ours),
	    TEST(test_strange_queries),
	    TEST(test_truncation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
