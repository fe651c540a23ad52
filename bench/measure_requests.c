/* Requests for one object: GET, create, and what etcd's gateway does with the same values alone. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALUE_SIZE = 2000 };

void write_config_map(struct buf *out, const char *name, const char *labels, int64_t salt)
{
	buf_printf(out,
	    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{%s\"name\":\"%s\",\"namespace\":"
	    "\"bench\"},"
	    "\"data\":{\"salt\":\"%lld\",\"text\":\"",
	    labels, name, (long long)salt);
	char *text = buf_reserve(out, VALUE_SIZE);
	memset(text, 'x', VALUE_SIZE);
	out->size += VALUE_SIZE;
	buf_puts(out, "\"}}");
}

static void on_namespace(void *arg, struct conn *conn, int status, size_t body_size)
{
	*(bool *)arg = true;
}

void create_namespace(const struct bench_options *o)
{
	static const char body[] =
	    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"bench\"}}";
	static const char account[] =
	    "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"default\"}}";
	static const struct conn_callbacks callbacks = {on_namespace, NULL};
	static const struct {
		const char *target, *body;
	} steps[] = {{"/api/v1/namespaces", body}, {"/api/v1/namespaces/bench/serviceaccounts", account}};
	for (size_t i = 0; i < 2; i++) {
		bool done = false;
		struct conn_set *set = conn_set_new(o);
		struct conn *conn = conn_open(set, false, &callbacks, &done);
		struct buf out = BUF_INIT;
		request_write(&out, o, "POST", steps[i].target, steps[i].body, strlen(steps[i].body));
		conn_send(conn, out.data, out.size);
		buf_done(&out);
		while (!done)
			conn_run(set, 1000);
		conn_set_free(set);
	}
}

static void create_config_map(struct load *load, struct buf *out, int64_t nth)
{
	static int64_t unique; /* names differ from one loop to the next */
	char name[64];
	struct buf body = BUF_INIT;
	snprintf(name, sizeof name, "map-%lld-%d", (long long)unique++, (int)getpid());
	write_config_map(&body, name, "", nth);
	request_write(
	    out, load->options, "POST", "/api/v1/namespaces/bench/configmaps", body.data, body.size);
	buf_done(&body);
}

static void get_cached(struct load *load, struct buf *out, int64_t nth)
{
	request_write(out, load->options, "GET", "/api/v1/namespaces/bench?resourceVersion=0", NULL, 0);
}

static void get_consistent(struct load *load, struct buf *out, int64_t nth)
{
	request_write(out, load->options, "GET", "/api/v1/namespaces/bench", NULL, 0);
}

/* The same conditional write as a create, without an API server in between. */
static void put_etcd(struct load *load, struct buf *out, int64_t nth)
{
	static int64_t unique;
	struct buf body = BUF_INIT;
	char key[32];
	snprintf(key, sizeof key, "QkVOQ0g%09lld", (long long)unique++); /* 16 digits of base64: 12 bytes */
	buf_printf(&body,
	    "{\"compare\":[{\"key\":\"%s\",\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"0\"}],"
	    "\"success\":[{\"request_put\":{\"key\":\"%s\",\"value\":\"",
	    key, key);
	size_t size = VALUE_SIZE / 3 * 4;
	memset(buf_reserve(&body, size), 'e', size);
	body.size += size;
	buf_puts(&body, "\"}}]}");
	struct bench_options none = *load->options;
	none.token = NULL;
	request_write(out, &none, "POST", "/v3/kv/txn", body.data, body.size);
	buf_done(&body);
}

static struct load_result loop_of(const struct bench_options *o, const char *name, int64_t connections,
    void (*write_request)(struct load *, struct buf *, int64_t), int status, bool to_etcd)
{
	struct load load = {.options = o,
	    .connections = connections,
	    .seconds_x10 = o->seconds_x10,
	    .to_etcd = to_etcd,
	    .write_request = write_request,
	    .status = status,
	    .name = name};
	return load_run(&load);
}

static void report(const char *name, const struct load_result *r)
{
	row(name, "%8.1f us CPU each | %8.0f/s | etcd %6.1f us", cpu_us_of(r), rate_of(r),
	    (double)r->etcd_cpu_ns / 1e3 / (double)r->count);
}

void measure_get(const struct bench_options *o)
{
	char name[64];
	struct load_result r = loop_of(o, "GET", 1, get_cached, 200, false);
	report("GET, from the cache, 1 connection", &r);
	r = loop_of(o, "GET", o->connections, get_cached, 200, false);
	snprintf(name, sizeof name, "GET, from the cache, %d connections", (int)o->connections);
	report(name, &r);
	r = loop_of(o, "GET", 1, get_consistent, 200, false);
	report("GET, consistent, 1 connection", &r);
	r = loop_of(o, "GET", o->connections, get_consistent, 200, false);
	snprintf(name, sizeof name, "GET, consistent, %d connections", (int)o->connections);
	report(name, &r);
}

void measure_create(const struct bench_options *o)
{
	char name[64];
	struct load_result r = loop_of(o, "create", 1, create_config_map, 201, false);
	report("create 2 KB ConfigMap, 1 connection", &r);
	r = loop_of(o, "create", o->connections, create_config_map, 201, false);
	snprintf(name, sizeof name, "create 2 KB ConfigMap, %d connections", (int)o->connections);
	report(name, &r);
	r = loop_of(o, "etcd txn", o->connections, put_etcd, 200, true);
	snprintf(name, sizeof name, "etcd's gateway alone, %d connections", (int)o->connections);
	r.cpu_ns = 0; /* the API server sees these only as changes that it has no type for */
	report(name, &r);
}
