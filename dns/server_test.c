/* The server and the forwarder on loopback sockets, with a small server playing upstream. */
#include "dns/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/forward.h"
#include "dns/message.h"
#include "dns/zone.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

static struct loop *loop;
static struct dns_zone *zone;
static struct dns_forwarder *forwarder;
static struct dns_server *server;
static char address[64];

/* Upstream answers A 9.9.9.9 for what it is asked, in the manner it is told. */
static struct udp *upstream, *stranger;
static struct {
	bool silent, wrong_id, wrong_question, from_stranger, big;
	char to[64]; /* or sends on to here */
	int asked;
} manner;

static void on_upstream(void *arg, const char *from, const void *data, size_t size)
{
	static const uint8_t tail[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 9, 9, 9, 9};
	uint8_t reply[3000];
	manner.asked++;
	if (manner.silent)
		return;
	if (*manner.to) {
		udp_send(upstream, manner.to, data, size);
		return;
	}
	memcpy(reply, data, size);
	reply[2] |= 0x80;
	reply[7] = 1;
	if (manner.wrong_id)
		reply[0] ^= 1;
	if (manner.wrong_question)
		reply[13] ^= 1;
	memcpy(reply + size, tail, sizeof(tail));
	size += sizeof(tail);
	while (manner.big && size < 2000) {
		memcpy(reply + size, tail, sizeof(tail));
		size += sizeof(tail);
		reply[7]++;
	}
	udp_send(manner.from_stranger ? stranger : upstream, from, reply, size);
}

static void ignore(void *arg, const char *from, const void *data, size_t size)
{
}

static void add_alias(void)
{
	MetaV1__ObjectMeta meta = META_V1__OBJECT_META__INIT;
	CoreV1__Service service = CORE_V1__SERVICE__INIT;
	CoreV1__ServiceSpec spec = CORE_V1__SERVICE_SPEC__INIT;
	meta.namespace_ = "default";
	meta.name = "out";
	spec.type = "ExternalName";
	spec.external_name = "www.example.com";
	service.metadata = &meta;
	service.spec = &spec;
	dns_zone_put_service(zone, &service);
}

static void listen_any(void)
{
	/* The port that is free for TCP may be taken for UDP. */
	for (int tries = 0; tries < 20; tries++)
		if (!dns_server_listen(server, "127.0.0.1:0", NULL))
			break;
	snprintf(address, sizeof(address), "127.0.0.1:%d", dns_server_port(server));
	assert_int_not_equal(dns_server_port(server), 0);
}

static int setup(void **state)
{
	char text[64];
	memset(&manner, 0, sizeof(manner));
	loop = loop_new(NULL);
	zone = dns_zone_new("cluster.local", 30);
	add_alias();
	upstream = udp_bind(loop, "127.0.0.1:0", on_upstream, NULL, NULL);
	stranger = udp_bind(loop, "127.0.0.1:0", ignore, NULL, NULL);
	snprintf(text, sizeof(text), "127.0.0.1:%d", udp_port(upstream));
	const char *const servers[] = {text};
	forwarder = dns_forwarder_new(loop, servers, 1);
	server = dns_server_new(loop, zone, forwarder);
	dns_server_set_ready(server);
	listen_any();
	return 0;
}

static int teardown(void **state)
{
	dns_server_free(server);
	dns_forwarder_free(forwarder);
	udp_close(upstream);
	udp_close(stranger);
	dns_zone_free(zone);
	loop_free(loop);
	return 0;
}

static struct buf answer;

static void on_answer(void *arg, const char *from, const void *data, size_t size)
{
	buf_reset(&answer);
	buf_append(&answer, data, size);
	loop_stop(loop);
}

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

static size_t make_query(uint8_t *out, const char *name)
{
	uint8_t *p = out;
	const uint8_t header[] = {0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, tail[] = {0, 0, 1, 0, 1};
	memcpy(p, header, sizeof(header));
	p += sizeof(header);
	while (*name) {
		size_t len = strcspn(name, ".");
		*p++ = (uint8_t)len;
		memcpy(p, name, len);
		p += len;
		name += len + (name[len] == '.');
	}
	memcpy(p, tail, sizeof(tail));
	return (size_t)(p + sizeof(tail) - out);
}

/* Asks by UDP; returns rcode, or -1 without answer in time. */
static int ask(const char *name, int64_t wait_ms)
{
	uint8_t query[300];
	size_t size = make_query(query, name);
	buf_reset(&answer);
	struct udp *client = udp_bind(loop, "127.0.0.1:0", on_answer, NULL, NULL);
	udp_send(client, address, query, size);
	run_for(wait_ms);
	udp_close(client);
	if (!answer.size)
		return -1;
	assert_memory_equal(answer.data, "\xab\xcd", 2);
	return answer.data[3] & 15;
}

static void test_forward(void **state)
{
	assert_int_equal(ask("example.com", 1000), DNS_NOERROR);
	assert_memory_equal(answer.data + answer.size - 4, "\x09\x09\x09\x09", 4);
	assert_int_equal(ask("nothing.cluster.local", 1000), DNS_NXDOMAIN);
	assert_int_equal(manner.asked, 1);
	assert_int_equal(ask("out.default.svc.cluster.local", 1000), DNS_NOERROR);
	assert_int_equal(answer.data[7], 2); /* alias and address */
	assert_memory_equal(answer.data + answer.size - 4, "\x09\x09\x09\x09", 4);
	assert_int_equal(dns_forwarder_pending(forwarder), 0);
	assert_int_equal(dns_server_counts(server)->forwarded, 2);
}

static void test_false_answers_do_not_count(void **state)
{
	manner.wrong_id = true;
	assert_int_equal(ask("example.com", 100), -1);
	manner.wrong_id = false;
	manner.wrong_question = true;
	assert_int_equal(ask("example.com", 100), -1);
	manner.wrong_question = false;
	manner.from_stranger = true;
	assert_int_equal(ask("example.com", 100), -1);
	assert_int_equal(dns_forwarder_pending(forwarder), 3);
}

static void test_silence_ends_in_servfail(void **state)
{
	manner.silent = true;
	assert_int_equal(ask("example.com", 8000), DNS_SERVFAIL);
	assert_int_equal(manner.asked, 3);
}

static void test_big_answers_are_cut(void **state)
{
	manner.big = true;
	assert_int_equal(ask("example.com", 1000), DNS_NOERROR);
	assert_true(answer.size < 100);
	assert_true(answer.data[2] & 2);
}

static void test_next_server(void **state)
{
	char good[64];
	snprintf(good, sizeof(good), "127.0.0.1:%d", udp_port(upstream));
	const char *const servers[] = {"127.0.0.1:9", good};
	struct dns_forwarder *two = dns_forwarder_new(loop, servers, 2);
	dns_server_free(server);
	server = dns_server_new(loop, zone, two);
	listen_any();
	assert_int_equal(ask("example.com", 4000), DNS_NOERROR);
	int64_t before = loop_now_ms(loop);
	assert_int_equal(ask("example.com", 4000), DNS_NOERROR);
	assert_true(loop_now_ms(loop) - before < 1000); /* the one that answered is asked first now */
	dns_server_free(server);
	server = NULL;
	dns_forwarder_free(two);
}

static void test_limit(void **state)
{
	uint8_t query[300];
	size_t size = make_query(query, "example.com");
	manner.silent = true;
	struct udp *client = udp_bind(loop, "127.0.0.1:0", on_answer, NULL, NULL);
	for (int i = 0; i < 512; i++) {
		udp_send(client, address, query, size);
		if (i % 32 == 31)
			run_for(5);
	}
	run_for(50);
	assert_int_equal(dns_forwarder_pending(forwarder), 512);
	assert_int_equal(ask("example.com", 1000), DNS_SERVFAIL);
	udp_close(client);
}

static bool looped;

static void on_loop(void *arg)
{
	looped = true;
}

static void test_loop_is_found(void **state)
{
	dns_server_probe_loop(server, on_loop, NULL);
	run_for(100);
	assert_false(looped);
	assert_int_equal(ask("example.com", 1000), DNS_NOERROR);
	strcpy(manner.to, address);
	dns_server_probe_loop(server, on_loop, NULL);
	run_for(100);
	assert_true(looped);
	assert_int_equal(ask("example.com", 1000), DNS_REFUSED);
}

static int tcp_answers;
static struct buf tcp_in;
static bool tcp_ended;

static void on_tcp_data(void *arg, const char *data, size_t size)
{
	buf_append(&tcp_in, data, size);
	const uint8_t *p = (const uint8_t *)tcp_in.data;
	while (tcp_in.size >= 2 && tcp_in.size >= 2u + (size_t)(p[0] << 8 | p[1])) {
		tcp_answers++;
		buf_consume(&tcp_in, 2u + (size_t)(p[0] << 8 | p[1]));
	}
}

static void on_tcp_end(void *arg, const struct error *err)
{
	tcp_ended = true;
}

static void test_tcp(void **state)
{
	static const struct stream_callbacks callbacks = {.on_data = on_tcp_data, .on_end = on_tcp_end};
	uint8_t message[302];
	size_t size = make_query(message + 2, "x.cluster.local");
	message[0] = 0;
	message[1] = (uint8_t)size;
	struct stream *client = stream_connect(loop, address, NULL, 1000, &callbacks, NULL);
	for (int i = 0; i < 5; i++)
		stream_write(client, message, size + 2);
	stream_write(client, message, 3); /* in pieces */
	run_for(50);
	assert_int_equal(tcp_answers, 5);
	stream_write(client, message + 3, size - 1);
	run_for(50);
	assert_int_equal(tcp_answers, 6);
	/* Upstream does not listen on TCP: the failure is an answer too. */
	size = make_query(message + 2, "example.com");
	message[1] = (uint8_t)size;
	stream_write(client, message, size + 2);
	stream_shutdown(client);
	run_for(100);
	assert_int_equal(tcp_answers, 7);
	stream_close(client);
	/* A client that goes away while its query is under way. */
	client = stream_connect(loop, address, NULL, 1000, &callbacks, NULL);
	stream_write(client, message, size + 2);
	run_for(1);
	stream_close(client);
	run_for(20);
	buf_done(&tcp_in);
}

static void test_upstream_list(void **state)
{
	struct arena *arena = arena_new();
	size_t len;
	const char *const given[] = {"1.1.1.1", "::1", "2.2.2.2:5353", "10.96.0.10"}, *const own[] = {
											  "10.96.0.10:53"};
	const char *const *list = dns_upstreams(arena, given, 4, NULL, own, 1, &len);
	assert_int_equal(len, 3);
	assert_string_equal(list[0], "1.1.1.1:53");
	assert_string_equal(list[1], "[::1]:53");
	assert_string_equal(list[2], "2.2.2.2:5353");
	char path[64];
	snprintf(path, sizeof(path), "/tmp/cube-resolv.%d", getpid());
	FILE *file = fopen(path, "w");
	fputs(
	    "# comment\nsearch x\nnameserver 10.96.0.10\n nameserver\t8.8.8.8 # x\nnameserver fe80::1%eth0\n",
	    file);
	fclose(file);
	list = dns_upstreams(arena, NULL, 0, path, own, 1, &len);
	assert_int_equal(len, 1);
	assert_string_equal(list[0], "8.8.8.8:53");
	unlink(path);
	dns_upstreams(arena, NULL, 0, path, own, 1, &len);
	assert_int_equal(len, 0);
	arena_free(arena);
}

static int done(void **state)
{
	buf_done(&answer);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_forward),
	    TEST(test_false_answers_do_not_count),
	    TEST(test_silence_ends_in_servfail),
	    TEST(test_big_answers_are_cut),
	    TEST(test_next_server),
	    TEST(test_limit),
	    TEST(test_loop_is_found),
	    TEST(test_tcp),
	    TEST(test_upstream_list),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
