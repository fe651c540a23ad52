/* Component test: what verbs answer where a kind or a subresource has a rule of its own. */
#include "apiserver/testing/test_server.h"

#define NS "/api/v1/namespaces/default"

/* One request and what its answer must have: the status, and a piece of the text unless NULL. */
struct step {
	const char *method, *path, *body;
	int status;
	const char *want;
};

static void run(const struct step *steps, size_t len)
{
	for (const struct step *s = steps; s < steps + len; s++) {
		struct answer a = call(ADMIN, s->method, s->path, s->body);
		if (a.status != s->status || (s->want && !strstr(a.text, s->want)))
			fail_msg("%s %s: %d %s; want %d %s", s->method, s->path, a.status, a.text, s->status,
			    s->want ? s->want : "");
	}
}
#define RUN(steps) run(steps, sizeof(steps) / sizeof(*(steps)))

#define EVENT(name)                                                                                          \
	"{\"metadata\":{\"name\":\"" name                                                                    \
	"\"},\"involvedObject\":{\"namespace\":\"default\",\"name\":\"x\"},\"reason\":\"r\"}"
#define EVENTS_V1 "/apis/events.k8s.io/v1/namespaces/default/events"

/* Events own nothing, so a propagation policy leaves no finalizer. */
static void test_events_go_at_once(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/events", EVENT("a"), 201, NULL},
	    {"DELETE", NS "/events/a?propagationPolicy=Foreground", NULL, 200, "\"Success\""},
	    {"GET", NS "/events/a", NULL, 404, NULL},
	    {"POST", NS "/events", EVENT("b"), 201, NULL},
	    {"DELETE", EVENTS_V1 "/b?propagationPolicy=Orphan", NULL, 200, "\"Success\""},
	    {"GET", EVENTS_V1 "/b", NULL, 404, NULL},
	};
	(void)state;
	RUN(steps);
}

static void test_namespace_errors(void **state)
{
	static const struct step steps[] = {
	    {"POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"n\"}}", 201, NULL},
	    {"DELETE", "/api/v1/namespaces/n", "{\"preconditions\":{\"uid\":\"other\"}}", 409,
		"\"details\":{\"name\":\"n\",\"kind\":\"namespaces\"}"},
	    {"PUT", "/api/v1/namespaces/n/finalize",
		"{\"metadata\":{\"name\":\"n\"},\"spec\":{\"finalizers\":[\"kubernetes\",\"x\"]}}", 422,
		"\"field\":\"spec.finalizers[1]\""},
	};
	(void)state;
	RUN(steps);
}

#define POD(name, labels)                                                                                    \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":" labels                                            \
	"},\"spec\":{\"nodeName\":\"n\",\"automountServiceAccountToken\":false,\"containers\":[{\"name\":"   \
	"\"c\","                                                                                             \
	"\"image\":\"i\"}]}}"
#define READY(ready)                                                                                         \
	"{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}" \
	"}"
#define BUDGETS "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
#define BUDGET(name, spec)                                                                                   \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"selector\":{\"matchLabels\":{\"b\":\"" name       \
	"\"}}" spec "}}"
#define BUDGET_STATUS(status) "{\"status\":{" status "}}"
#define EVICTION(name) "{\"metadata\":{\"name\":\"" name "\"}}"

static void test_eviction_of_unready_pods(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/pods", POD("u", "{\"b\":\"met\"}"), 201, NULL},
	    {"PATCH", NS "/pods/u/status", READY("False"), 200, NULL},
	    {"POST", BUDGETS, BUDGET("met", ""), 201, NULL},
	    {"PATCH", BUDGETS "/met/status",
		BUDGET_STATUS("\"observedGeneration\":1,\"desiredHealthy\":2,\"currentHealthy\":1"), 200,
		NULL},
	    {"POST", NS "/pods/u/eviction", EVICTION("u"), 429, "needs 2 healthy pods and has 1 currently"},
	    {"PATCH", BUDGETS "/met/status",
		BUDGET_STATUS("\"observedGeneration\":1,\"desiredHealthy\":1,\"currentHealthy\":1"), 200,
		NULL},
	    {"POST", NS "/pods/u/eviction", EVICTION("u"), 201, NULL},
	    {"POST", NS "/pods", POD("w", "{\"b\":\"always\"}"), 201, NULL},
	    {"PATCH", NS "/pods/w/status", READY("False"), 200, NULL},
	    {"POST", BUDGETS, BUDGET("always", ",\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\""), 201, NULL},
	    {"POST", NS "/pods/w/eviction", EVICTION("w"), 201, NULL},
	};
	(void)state;
	RUN(steps);
}

static void test_eviction_and_budget(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/pods", POD("p", "{\"b\":\"one\"}"), 201, NULL},
	    {"PATCH", NS "/pods/p/status", READY("True"), 200, NULL},
	    {"POST", NS "/pods/p/eviction", "{}", 400, "name must be provided"},
	    {"POST", BUDGETS, BUDGET("one", ""), 201, NULL},
	    {"POST", NS "/pods/p/eviction", EVICTION("p"), 429, "\"retryAfterSeconds\":10"},
	    {"PATCH", BUDGETS "/one/status",
		BUDGET_STATUS("\"observedGeneration\":1,\"disruptionsAllowed\":1"), 200, NULL},
	    {"POST", NS "/pods/p/eviction",
		"{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":{\"dryRun\":[\"All\"]}}", 201, NULL},
	    {"GET", BUDGETS "/one", NULL, 200, "\"disruptionsAllowed\":1"},
	    {"POST", NS "/pods/p/eviction?dryRun=All",
		"{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":{\"dryRun\":[\"Some\"]}}", 400,
		"Non-matching"},
	    {"POST", NS "/pods/p/eviction", EVICTION("p"), 201, NULL},
	    {"GET", BUDGETS "/one", NULL, 200, "InsufficientPods"},
	};
	(void)state;
	RUN(steps);
}

#define BINDING(meta) "{\"metadata\":{" meta "},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}"

static void test_binding_preconditions(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/pods",
		"{\"metadata\":{\"name\":\"b\"},\"spec\":{\"automountServiceAccountToken\":false,"
		"\"containers\":[{\"name\":\"c\","
		"\"image\":\"i\"}]}}",
		201, NULL},
	    {"POST", NS "/pods/b/binding", BINDING("\"name\":\"b\",\"uid\":\"other\""), 409,
		"\"kind\":\"pods\""},
	    {"POST", NS "/pods/b/binding", BINDING("\"name\":\"b\",\"resourceVersion\":\"1\""), 409,
		"\"kind\":\"pods\""},
	    {"POST", NS "/pods/b/binding", BINDING(""), 400, "name must be provided"},
	    {"POST", NS "/bindings", BINDING(""), 400, "metadata.name"},
	    {"POST", NS "/bindings", BINDING("\"name\":\"b\""), 201, NULL},
	};
	(void)state;
	RUN(steps);
}

#define TOKEN NS "/serviceaccounts/t/token"
#define BOUND(ref) "{\"spec\":{\"audiences\":[\"a\"],\"boundObjectRef\":{" ref "}}}"

static void test_bound_tokens(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"t\"}}", 201, NULL},
	    {"POST", NS "/secrets", "{\"metadata\":{\"name\":\"s\"}}", 201, NULL},
	    {"POST", TOKEN, BOUND("\"kind\":\"Pod\",\"name\":\"zz\""), 404, "\"kind\":\"pods\""},
	    {"POST", TOKEN, BOUND("\"kind\":\"Secret\",\"apiVersion\":\"v1\""), 400,
		"spec.boundObjectRef.name"},
	    {"POST", TOKEN, BOUND("\"kind\":\"Pod\",\"apiVersion\":\"apps/v1\",\"name\":\"zz\""), 400,
		"cannot bind"},
	    {"POST", TOKEN, BOUND("\"kind\":\"Secret\",\"name\":\"s\""), 201, "\"token\""},
	};
	(void)state;
	RUN(steps);
}

static void test_field_selectors(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/pods", POD("f", "{}"), 201, NULL},
	    {"GET", "/api/v1/pods?fieldSelector=spec.host%3Dn,metadata.name%3Df", NULL, 200,
		"\"name\":\"f\""},
	    {"GET", "/api/v1/pods?fieldSelector=spec.host%3Dm", NULL, 200, "\"items\":[]"},
	    {"GET", "/api/v1/nodes?fieldSelector=metadata.namespace%3Dx", NULL, 400,
		"field label not supported"},
	    {"GET", "/api/v1/namespaces?fieldSelector=metadata.namespace%3Dx", NULL, 400,
		"metadata.namespace"},
	    {"GET", "/api/v1/persistentvolumes?fieldSelector=metadata.namespace%3Dx", NULL, 200,
		"\"items\":[]"},
	};
	(void)state;
	RUN(steps);
}

static void test_component_status_table(void **state)
{
	struct answer a = call_with(
	    ADMIN, "Accept: application/json;as=Table;v=v1;g=meta.k8s.io", "/api/v1/componentstatuses");
	(void)state;
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.text, "\"cells\":[\"etcd-0\",\"Healthy\",\"ok\",\"\"]"));
}

/* Discovery's own kinds are described too. */
static void test_openapi_of_discovery(void **state)
{
	static const char *const kinds[] = {"APIGroup", "APIGroupList", "APIResourceList", "APIVersions"};
	struct answer a = call(ADMIN, "GET", "/openapi/v2", NULL);
	(void)state;
	assert_int_equal(a.status, 200);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		assert_non_null(strstr(
		    a.text, arena_printf(arena, "\"io.k8s.apimachinery.pkg.apis.meta.v1.%s\":{", kinds[i])));
	assert_non_null(strstr(a.text, "\"getAppsV1APIResources\""));
}

/* Who is in system:masters may do all by RBAC too: its rule is listed once. */
static void test_rules_review(void **state)
{
	struct answer a = call(ADMIN, "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
	    "{\"spec\":{\"namespace\":\"default\"}}");
	const char *all = "\"resources\":[\"*\"]", *first;
	(void)state;
	assert_int_equal(a.status, 201);
	first = strstr(a.text, all);
	assert_non_null(first);
	assert_null(strstr(first + 1, all));
}

#define REVIEWS "/apis/authorization.k8s.io/v1/"
#define ATTRIBUTES "\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\",\"namespace\":\"default\""

static void test_access_reviews(void **state)
{
	static const struct step steps[] = {
	    {"POST", REVIEWS "subjectaccessreviews", "{\"spec\":{\"user\":\"u\"," ATTRIBUTES "}}}", 201,
		NULL},
	    {"POST", REVIEWS "subjectaccessreviews",
		"{\"metadata\":{\"name\":\"x\"},\"spec\":{\"user\":\"u\"," ATTRIBUTES "}}}", 422,
		"\"field\":\"metadata\""},
	    {"POST", REVIEWS "selfsubjectaccessreviews",
		"{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{" ATTRIBUTES "}}}", 422,
		"\"field\":\"metadata\""},
	    {"POST", REVIEWS "namespaces/default/localsubjectaccessreviews",
		"{\"metadata\":{\"namespace\":\"default\"},\"spec\":{\"user\":\"u\"," ATTRIBUTES "}}}", 201,
		NULL},
	    {"POST", REVIEWS "selfsubjectaccessreviews", "{\"spec\":{" ATTRIBUTES ",\"labelSelector\":{}}}}",
		422, "spec.resourceAttributes.labelSelector.requirements"},
	    {"POST", REVIEWS "selfsubjectaccessreviews",
		"{\"spec\":{" ATTRIBUTES
		",\"fieldSelector\":{\"rawSelector\":\"a=b\",\"requirements\":[{\"operator\":\"In\"}]}}}}",
		422, "requirements[0].values"},
	};
	(void)state;
	RUN(steps);
}

static void test_quota_leaves_events_alone(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/resourcequotas",
		"{\"metadata\":{\"name\":\"ev\"},\"spec\":{\"hard\":{\"count/events\":\"0\",\"count/"
		"events.events.k8s.io\":\"0\"}}}",
		201, NULL},
	    {"PATCH", NS "/resourcequotas/ev/status",
		"{\"status\":{\"hard\":{\"count/events\":\"0\"},\"used\":{\"count/events\":\"0\"}}}", 200,
		NULL},
	    {"POST", NS "/events", EVENT("q"), 201, NULL},
	    {"DELETE", NS "/resourcequotas/ev", NULL, 200, NULL},
	};
	(void)state;
	RUN(steps);
}

static void test_mirror_pods(void **state)
{
	static const struct step steps[] = {
	    {"POST", NS "/pods",
		"{\"metadata\":{\"name\":\"m\",\"annotations\":{\"kubernetes.io/"
		"config.mirror\":\"h\"}},\"spec\":{\"nodeName\":\"n\","
		"\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}],\"containers\":[{\"name\":"
		"\"c\",\"image\":\"i\"}]}}",
		403, "a mirror pod may not reference secrets"},
	    {"POST", NS "/pods",
		"{\"metadata\":{\"name\":\"m\",\"annotations\":{\"kubernetes.io/"
		"config.mirror\":\"h\"}},\"spec\":{\"nodeName\":\"n\","
		"\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
		201, NULL},
	};
	(void)state;
	RUN(steps);
}

#define TOUCH                                                                                                \
	"{\"metadata\":{\"labels\":{\"l\":\"touched\"},\"ownerReferences\":[{\"apiVersion\":\"v1\","         \
	"\"kind\":\"Node\","                                                                                 \
	"\"name\":\"owner\",\"uid\":\"u\"}]},\"status\":{}}"

/* What else than the status a status' writer may change: labels of a pod, nothing of a FlowSchema or
 * APIService. */
static void test_metadata_by_status(void **state)
{
	static const char flow[] = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/probes/status";
	(void)state;
	create(NS "/pods", POD("st", "{}"));
	struct answer a = call(ADMIN, "PATCH", NS "/pods/st/status", TOUCH);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.text, "touched"));
	assert_null(strstr(a.text, "ownerReferences\":"));
	a = call(ADMIN, "PATCH", flow, TOUCH);
	assert_int_equal(a.status, 200);
	assert_null(strstr(a.text, "touched"));
	assert_null(strstr(a.text, "ownerReferences\":"));
}

#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"

/* A subresource of another kind is not shown by the columns of the kind it belongs to. */
static void test_tables_of_subresources(void **state)
{
	static const char table[] = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io";
	struct answer a;
	(void)state;
	create(DEPLOYMENTS, "{\"metadata\":{\"name\":\"scaled\"},\"spec\":{\"replicas\":3,\"selector\":{"
			    "\"matchLabels\":{\"a\":\"b\"}},"
			    "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":["
			    "{\"name\":\"c\",\"image\":\"i\"}]}}}}");
	a = call_with(ADMIN, table, DEPLOYMENTS "/scaled/scale");
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.text, "\"name\":\"Desired\""));
	assert_non_null(strstr(a.text, "\"cells\":[\"scaled\",3,0,"));
	send_request(ADMIN, "POST", NS "/serviceaccounts/default/token", "{\"spec\":{}}", table, &a);
	loop_run(loop);
	assert_int_equal(a.status, 201);
	assert_non_null(strstr(a.text, "\"Created At\""));
}

static void test_missing_scales(void **state)
{
	static const struct step steps[] = {
	    {"GET", DEPLOYMENTS "/zz/scale", NULL, 404, "\"group\":\"apps\",\"kind\":\"deployments/scale\""},
	    {"PATCH", DEPLOYMENTS "/zz/scale", "{\"spec\":{\"replicas\":1}}", 404,
		"\"kind\":\"deployments\""},
	    {"GET", NS "/replicationcontrollers/zz/scale", NULL, 404, "\"group\":\"autoscaling\""},
	};
	(void)state;
	RUN(steps);
}

static void test_log_options(void **state)
{
	static const struct step steps[] = {
	    {"GET", NS "/pods/zz/log?tailLines=-1", NULL, 422, "\"kind\":\"PodLogOptions\""},
	    {"GET", NS "/pods/zz/log?tailLines=x", NULL, 400, "tailLines"},
	    {"GET", NS "/pods/zz/log?sinceSeconds=1&sinceTime=2020-01-01T00:00:00Z", NULL, 422,
		"at most one"},
	    {"GET", NS "/pods/zz/log?sinceSeconds=0&limitBytes=0", NULL, 422, "limitBytes"},
	    {"GET", NS "/pods/zz/log?tailLines=0", NULL, 404, NULL},
	    {"PUT", NS "/pods/zz/log", "{}", 405, NULL},
	    {"DELETE", NS "/pods/zz/exec", NULL, 405, NULL},
	};
	(void)state;
	RUN(steps);
}

static int begin(void **state)
{
	start(state);
	create(NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_events_go_at_once),
	    cmocka_unit_test(test_namespace_errors),
	    cmocka_unit_test(test_eviction_of_unready_pods),
	    cmocka_unit_test(test_eviction_and_budget),
	    cmocka_unit_test(test_binding_preconditions),
	    cmocka_unit_test(test_bound_tokens),
	    cmocka_unit_test(test_field_selectors),
	    cmocka_unit_test(test_component_status_table),
	    cmocka_unit_test(test_access_reviews),
	    cmocka_unit_test(test_quota_leaves_events_alone),
	    cmocka_unit_test(test_mirror_pods),
	    cmocka_unit_test(test_metadata_by_status),
	    cmocka_unit_test(test_tables_of_subresources),
	    cmocka_unit_test(test_missing_scales),
	    cmocka_unit_test(test_log_options),
	    cmocka_unit_test(test_rules_review),
	    cmocka_unit_test(test_openapi_of_discovery),
	};
	return cmocka_run_group_tests(tests, begin, stop);
}
