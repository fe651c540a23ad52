/* /metrics of the whole server, read by a strict parser of Prometheus' text format 0.0.4. */
#include "apiserver/testing/test_server.h"

#include <ctype.h>
#include <math.h>

#include "lib/base/buf.h"
#include "lib/base/strmap.h"

/* --- the parser --- */

struct family {
	char *name, *type;
	bool has_samples;
};

struct bucket {       /* the last bucket line, until its histogram has ended */
	char *labels; /* without le */
	double bound, count;
	bool is_open;
};

struct parser {
	struct strmap *families; /* name -> struct family */
	struct strmap *seen;     /* sample with its labels, to find it twice */
	struct family *current;
	struct bucket bucket;
	size_t samples;
};

static void bad(const char *line, const char *why)
{
	fail_msg("/metrics: %s: %s", why, line);
}

static size_t name_size(const char *p)
{
	size_t n = 0;
	if (!isalpha((unsigned char)*p) && *p != '_' && *p != ':')
		return 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == ':')
		n++;
	return n;
}

static struct family *family_of(struct parser *p, const char *name)
{
	struct family *f = strmap_get(p->families, name);
	if (!f) {
		f = arena_alloc(arena, sizeof *f);
		f->name = arena_strdup(arena, name);
		strmap_put(p->families, name, f);
	}
	return f;
}

/* "# HELP name text" and, on the line behind it, "# TYPE name type": once for each family. */
static void parse_comment(struct parser *p, const char *line, const char *before)
{
	bool is_help = str_has_prefix(line, "# HELP ");
	const char *name = line + 7;
	size_t size = name_size(name);

	if (!is_help && !str_has_prefix(line, "# TYPE "))
		bad(line, "comment that is neither HELP nor TYPE");
	if (!size || name[size] != ' ' || !name[size + 1])
		bad(line, "no name, or nothing behind it");
	char *own = arena_strndup(arena, name, size);
	if (is_help) {
		if (strmap_has(p->families, own))
			bad(line, "second HELP");
		p->current = family_of(p, own);
		return;
	}
	if (!p->current || strcmp(p->current->name, own) != 0 || p->current->type ||
	    !str_has_prefix(before, "# HELP "))
		bad(line, "TYPE does not follow its HELP");
	p->current->type = arena_strdup(arena, name + size + 1);
	if (!str_eq(p->current->type, "counter") && !str_eq(p->current->type, "gauge") &&
	    !str_eq(p->current->type, "histogram"))
		bad(line, "unknown type");
}

/* name="value" with \\, \" and \n alone escaped. Returns what follows; fills value. */
static const char *parse_label(const char *line, const char *p, char **ret_name, char **ret_value)
{
	size_t size = name_size(p), n = 0;
	if (!size || p[size] != '=' || p[size + 1] != '"')
		bad(line, "malformed label");
	*ret_name = arena_strndup(arena, p, size);
	p += size + 2;
	char *value = arena_alloc(arena, strlen(p) + 1);
	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && !strchr("\\\"n", *++p))
			bad(line, "unknown escape");
		value[n++] = *p;
	}
	if (*p != '"')
		bad(line, "label without an end");
	value[n] = '\0';
	*ret_value = value;
	return p + 1;
}

static double number(const char *line, const char *text)
{
	char *end;
	if (str_eq(text, "+Inf"))
		return INFINITY;
	double value = strtod(text, &end);
	if (end == text || *end || isspace((unsigned char)*text) || !isfinite(value))
		bad(line, "not a number");
	return value;
}

/* Cumulative counts over ascending bounds up to +Inf; then _sum, and _count with the last bucket's value. */
static void check_histogram(
    struct parser *p, const char *line, const char *suffix, const char *labels, const char *le, double value)
{
	struct bucket *b = &p->bucket;

	if (str_eq(suffix, "_bucket")) {
		if (!le)
			bad(line, "bucket without le");
		double bound = number(line, le);
		if (b->is_open && (!str_eq(b->labels, labels) || bound <= b->bound || value < b->count))
			bad(line, "buckets do not ascend");
		*b = (struct bucket){arena_strdup(arena, labels), bound, value, true};
		return;
	}
	if (!b->is_open || !isinf(b->bound) || !str_eq(b->labels, labels))
		bad(line, "no +Inf bucket before it");
	if (str_eq(suffix, "_count")) {
		if (value != b->count)
			bad(line, "count is not that of the +Inf bucket");
		b->is_open = false;
	} else if (!str_eq(suffix, "_sum")) {
		bad(line, "not a series of a histogram");
	}
}

static void parse_sample(struct parser *p, const char *line)
{
	size_t size = name_size(line), family_size = p->current ? strlen(p->current->name) : 0;
	const char *at = line + size, *suffix, *le = NULL;
	struct buf labels = BUF_INIT;

	if (!size || !p->current || !p->current->type || size < family_size ||
	    strncmp(line, p->current->name, family_size) != 0)
		bad(line, "a sample outside of its family");
	suffix = arena_strndup(arena, line + family_size, size - family_size);
	if (*at == '{') {
		do {
			char *name, *value;
			at = parse_label(line, at + 1, &name, &value);
			if (str_eq(name, "le"))
				le = value;
			else
				buf_printf(&labels, "%s=%s,", name, value);
		} while (*at == ',');
		if (*at++ != '}')
			bad(line, "labels without an end");
	}
	if (*at != ' ')
		bad(line, "no space before the value");
	double value = number(line, at + 1);
	char *key = arena_strndup(arena, line, (size_t)(at - line));
	if (strmap_put(p->seen, key, p))
		bad(line, "the same series twice");
	if (str_eq(p->current->type, "histogram"))
		check_histogram(p, line, suffix, buf_str(&labels), le, value);
	else if (*suffix || le)
		bad(line, "only histograms have suffixes and le");
	else if (str_eq(p->current->type, "counter") && value < 0)
		bad(line, "a counter below zero");
	buf_done(&labels);
	p->current->has_samples = true;
	p->samples++;
}

static void parse_all(const struct answer *a)
{
	struct parser p = {.families = strmap_new(), .seen = strmap_new()};
	const char *before = "";

	assert_true(a->size > 0 && a->text[a->size - 1] == '\n');
	assert_int_equal(strlen(a->text), a->size);
	char *rest = arena_strdup(arena, a->text);
	for (char *line; *rest && (line = strsep(&rest, "\n")); before = line) {
		if (*line == '#')
			parse_comment(&p, line, before);
		else
			parse_sample(&p, line);
	}
	assert_false(p.bucket.is_open);
	strmap_for_each (p.families, e) {
		const struct family *f = strmap_value(e);
		if (!f->type || !f->has_samples)
			fail_msg("/metrics: %s has no type or no sample", f->name);
	}
	assert_true(p.samples > 100);
	strmap_free(p.families, NULL);
	strmap_free(p.seen, NULL);
}

/* --- the tests --- */

static struct answer scrape(void)
{
	struct answer a = call(ADMIN, "GET", "/metrics", NULL);

	assert_int_equal(a.status, 200);
	parse_all(&a);
	return a;
}

/* Value of the series written exactly so; -1 when there is none. */
static double sample(const char *series)
{
	struct answer a = scrape();
	const char *at = strstr(a.text, arena_printf(arena, "\n%s ", series));
	return at ? strtod(at + strlen(series) + 2, NULL) : -1;
}

static void must_grow(const char *series, double before, double by)
{
	double now = sample(series);
	if (now != (before < 0 ? 0 : before) + by)
		fail_msg("%s: %g, expected %g more than %g", series, now, by, before);
}

#define MAPS "/api/v1/namespaces/default/configmaps"
#define MAP "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"}}"
#define SERIES(name, verb, scope)                                                                            \
	name "{verb=\"" verb "\",dry_run=\"\",group=\"\",version=\"v1\",resource=\"configmaps\","            \
	     "subresource=\"\",scope=\"" scope "\",component=\"apiserver\""
#define TOTAL(verb, scope, code) SERIES("apiserver_request_total", verb, scope) ",code=\"" code "\"}"

static void test_requests(void **state)
{
	static const char get[] = TOTAL("GET", "resource", "200"),
			  missing[] = TOTAL("GET", "resource", "404"),
			  list[] = TOTAL("LIST", "namespace", "200"), all[] = TOTAL("LIST", "cluster", "200"),
			  post[] = TOTAL("POST", "resource", "201"),
			  delete[] = TOTAL("DELETE", "resource", "200");
	double lists = sample(list), everywhere = sample(all), created = sample(post), gets = sample(get);
	double timed = sample(SERIES("apiserver_request_duration_seconds_count", "GET", "resource") "}");

	create(MAPS, arena_printf(arena, MAP, "a"));
	create(MAPS, arena_printf(arena, MAP, "b"));
	assert_int_equal(call(ADMIN, "GET", MAPS "/a", NULL).status, 200);
	assert_int_equal(call(ADMIN, "GET", MAPS "/none", NULL).status, 404);
	assert_int_equal(call(ADMIN, "GET", MAPS, NULL).status, 200);
	assert_int_equal(call(ADMIN, "GET", "/api/v1/configmaps", NULL).status, 200);
	must_grow(post, created, 2);
	must_grow(get, gets, 1);
	must_grow(missing, -1, 1);
	must_grow(list, lists, 1);
	must_grow(all, everywhere, 1);
	must_grow(SERIES("apiserver_request_duration_seconds_count", "GET", "resource") "}", timed, 2);
	double objects = sample("apiserver_storage_objects{resource=\"configmaps\"}");
	assert_true(objects >= 2);
	assert_int_equal(call(ADMIN, "DELETE", MAPS "/a", NULL).status, 200);
	assert_int_equal(call(ADMIN, "DELETE", MAPS "/b", NULL).status, 200);
	must_grow(delete, -1, 2);
	must_grow("apiserver_storage_objects{resource=\"configmaps\"}", objects, -2);
}

/* The body that a client gets is the body that is counted. */
static void test_response_sizes(void **state)
{
#define SIZES(suffix)                                                                                        \
	"apiserver_response_sizes" suffix                                                                    \
	"{verb=\"LIST\",group=\"\",version=\"v1\",resource=\"namespaces\","                                  \
	"subresource=\"\",scope=\"cluster\",component=\"apiserver\"}"
	double sum = sample(SIZES("_sum")), count = sample(SIZES("_count"));
	struct answer a = call(ADMIN, "GET", "/api/v1/namespaces", NULL);

	must_grow(SIZES("_sum"), sum, (double)a.size);
	must_grow(SIZES("_count"), count, 1);
}

/* Words of clients do not become labels. */
static void test_clients_make_no_series(void **state)
{
	call(ADMIN, "GET", "/api/v1/namespaces/default/surprises/evil", NULL);
	call(ADMIN, "GET", "/evil/page", NULL);
	call(ADMIN, "GET", MAPS "/x/evil", NULL);
	call("evil", "GET", "/api/v1/evils", NULL);
	call(ADMIN, "EVIL", "/version", NULL);
	struct answer a = scrape();
	assert_null(strstr(a.text, "evil"));
	assert_null(strstr(a.text, "EVIL"));
	assert_null(strstr(a.text, "surprises"));
}

static void test_who_and_what(void **state)
{
	double known = sample("authentication_attempts{result=\"success\"}"),
	       unknown = sample("authentication_attempts{result=\"failure\"}"),
	       allowed = sample("apiserver_authorization_decisions_total{type=\"RBAC\",name=\"rbac\","
				"decision=\"allowed\"}");

	assert_int_equal(call("nobody", "GET", MAPS, NULL).status, 401);
	must_grow("authentication_attempts{result=\"failure\"}", unknown, 1);
	assert_true(sample("authentication_attempts{result=\"success\"}") > known);
	assert_int_equal(call(ALICE, "GET", "/version", NULL).status, 200);
	assert_true(sample("apiserver_authorization_decisions_total{type=\"RBAC\",name=\"rbac\",decision="
			   "\"allowed\"}") > allowed);
	assert_true(
	    sample("kubernetes_feature_enabled{name=\"APIResponseCompression\",stage=\"BETA\"}") == 1);
	assert_true(sample("process_resident_memory_bytes") > 0);
	assert_true(sample("process_start_time_seconds") > 0);
}

static void test_build_info(void **state)
{
	struct answer v = call(ADMIN, "GET", "/version", NULL);
	const char *series = arena_printf(arena,
	    "kubernetes_build_info{build_date=\"%s\",compiler=\"%s\",git_commit=\"%s\",git_tree_state=\"%s\","
	    "git_version=\"%s\",go_version=\"%s\",major=\"%s\",minor=\"%s\",platform=\"%s\"}",
	    json_get_string(v.body, "buildDate", "?"), json_get_string(v.body, "compiler", "?"),
	    json_get_string(v.body, "gitCommit", "?"), json_get_string(v.body, "gitTreeState", "?"),
	    json_get_string(v.body, "gitVersion", "?"), json_get_string(v.body, "goVersion", "?"),
	    json_get_string(v.body, "major", "?"), json_get_string(v.body, "minor", "?"),
	    json_get_string(v.body, "platform", "?"));

	assert_true(sample(series) == 1);
}

static void test_admission(void **state)
{
#define TOOK(rejected)                                                                                       \
	"apiserver_admission_controller_admission_duration_seconds_count{name=\"NamespaceLifecycle\","       \
	"operation=\"CREATE\",type=\"admit\",rejected=\"" rejected "\"}"
	double refused = sample(TOOK("true")), passed = sample(TOOK("false"));

	assert_int_equal(
	    call(ADMIN, "POST", "/api/v1/namespaces/none/configmaps", arena_printf(arena, MAP, "c")).status,
	    404);
	create(MAPS, arena_printf(arena, MAP, "c"));
	must_grow(TOOK("true"), refused, 1);
	must_grow(TOOK("false"), passed, 1);
	call(ADMIN, "DELETE", MAPS "/c", NULL);
}

/* A webhook that nobody answers for: let through or refused, as it says. */
static void test_webhooks(void **state)
{
#define HOOKS "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
#define HOOK                                                                                                 \
	"{\"apiVersion\":\"admissionregistration.k8s.io/v1\",\"kind\":\"ValidatingWebhookConfiguration\","   \
	"\"metadata\":{\"name\":\"%s\"},\"webhooks\":[{\"name\":\"%s.example.com\",\"clientConfig\":{"       \
	"\"url\":"                                                                                           \
	"\"https://127.0.0.1:1/"                                                                             \
	"\"},\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"operations\":["                     \
	"\"CREATE\"],\"resources\":[\"configmaps\"]}],\"sideEffects\":\"None\",\"admissionReviewVersions\":" \
	"["                                                                                                  \
	"\"v1\"],\"failurePolicy\":\"%s\"}]}"
#define CALLS(name, rejected)                                                                                \
	"apiserver_admission_webhook_request_total{name=\"" name                                             \
	".example.com\",operation=\"CREATE\",type=\"validating\",code=\"0\",rejected=\"" rejected "\"}"
	create(HOOKS, arena_printf(arena, HOOK, "open", "open", "Ignore"));
	create(MAPS, arena_printf(arena, MAP, "e"));
	must_grow(CALLS("open", "false"), -1, 1);
	must_grow(
	    "apiserver_admission_webhook_fail_open_count{name=\"open.example.com\",type=\"validating\"}", -1,
	    1);
	assert_int_equal(call(ADMIN, "DELETE", HOOKS "/open", NULL).status, 200);
	create(HOOKS, arena_printf(arena, HOOK, "shut", "shut", "Fail"));
	assert_int_equal(call(ADMIN, "POST", MAPS, arena_printf(arena, MAP, "f")).status, 500);
	must_grow(CALLS("shut", "true"), -1, 1);
	must_grow(
	    "apiserver_admission_webhook_rejection_count{name=\"shut.example.com\",operation=\"CREATE\","
	    "type=\"validating\",error_type=\"calling_webhook_error\",rejection_code=\"0\"}",
	    -1, 1);
	assert_int_equal(call(ADMIN, "DELETE", HOOKS "/shut", NULL).status, 200);
	assert_int_equal(call(ADMIN, "DELETE", MAPS "/e", NULL).status, 200);
}

/* --- watches --- */

static size_t opened, received;

static void on_open(void *arg, int status)
{
	assert_int_equal(status, 200);
	opened++;
}

static void on_data(void *arg, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		received += data[i] == '\n';
}

static void on_watch_end(void *arg, const struct http_response *response)
{
}

#define STREAMS                                                                                              \
	"apiserver_longrunning_requests{verb=\"WATCH\",group=\"\",version=\"v1\",resource=\"configmaps\","   \
	"subresource=\"\",scope=\"namespace\",component=\"apiserver\"}"
#define EVENTS "apiserver_watch_events_total{group=\"\",version=\"v1\",kind=\"ConfigMap\"}"

static void test_watches(void **state)
{
	const char *headers[] = {"Authorization: Bearer " ADMIN, NULL};
	const struct http_request request = {
	    .url = arena_printf(arena, "http://127.0.0.1:%d" MAPS "?watch=1", api_server_port(server)),
	    .headers = headers,
	    .timeout_ms = -1};
	double before = sample(EVENTS);
	opened = received = 0;
	struct http_call *watch = http_client_stream(client, &request, on_open, on_data, on_watch_end, NULL);

	while (!opened)
		call(ADMIN, "GET", "/version", NULL);
	assert_true(sample(STREAMS) == 1);
	size_t initial = received;
	create(MAPS, arena_printf(arena, MAP, "d"));
	call(ADMIN, "DELETE", MAPS "/d", NULL);
	while (received < initial + 2)
		call(ADMIN, "GET", "/version", NULL);
	must_grow(EVENTS, before, (double)received);
	http_call_cancel(watch);
	while (server->streams_running > 0)
		call(ADMIN, "GET", "/version", NULL);
	assert_true(sample(STREAMS) == 0);
	assert_true(sample("apiserver_current_inflight_requests{request_kind=\"mutating\"}") == 0);
	assert_true(sample("apiserver_current_inflight_requests{request_kind=\"readOnly\"}") == 1); /* this */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_response_sizes),
	    cmocka_unit_test(test_clients_make_no_series),
	    cmocka_unit_test(test_who_and_what),
	    cmocka_unit_test(test_build_info),
	    cmocka_unit_test(test_admission),
	    cmocka_unit_test(test_webhooks),
	    cmocka_unit_test(test_watches),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
