/* Which FlowSchema a request belongs to: those of every cluster, and some that are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/bootstrap/bootstrap.h"
#include "apiserver/flowcontrol/rules.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

static struct arena *arena;
static struct flow_rules *rules;

static void add_json(const char *json)
{
	struct object **objects;
	size_t len;
	struct error err = ERROR_INIT;

	if (bootstrap_decode(arena, json, &objects, &len, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < len; i++) {
		if (str_eq(objects[i]->kind, "FlowSchema"))
			flow_rules_add(rules, object_name(objects[i]),
			    ((FlowcontrolV1__FlowSchema *)objects[i]->msg)->spec, NULL);
		object_unref(objects[i]);
	}
}

static int with_defaults(void **state)
{
	resources_init();
	arena = arena_new();
	rules = flow_rules_new();
	add_json(bootstrap_objects_json);
	flow_rules_sort(rules);
	return 0;
}

static int with_nothing(void **state)
{
	resources_init();
	arena = arena_new();
	rules = flow_rules_new();
	return 0;
}

static int done(void **state)
{
	flow_rules_free(rules);
	arena_free(arena);
	return 0;
}

static const char *const masters[] = {"system:masters", "system:authenticated", NULL};
static const char *const nodes[] = {"system:nodes", "system:authenticated", NULL};
static const char *const accounts[] = {
    "system:serviceaccounts", "system:serviceaccounts:x", "system:authenticated", NULL};
static const char *const people[] = {"dev", "system:authenticated", NULL};
static const char *const nobody[] = {"system:unauthenticated", NULL};

static const struct flow_schema *match(const char *user, const char *const *groups, const char *verb,
    const char *group, const char *resource, const char *ns)
{
	const char *sub = strchr(resource, '/');
	const struct flow_subject s = {.user = user,
	    .groups = groups,
	    .verb = verb,
	    .is_resource = true,
	    .group = group,
	    .resource = sub ? arena_strndup(arena, resource, (size_t)(sub - resource)) : resource,
	    .subresource = sub ? sub + 1 : "",
	    .ns = ns,
	    .path = "/ignored"};
	return flow_rules_match(rules, &s);
}

static const struct flow_schema *match_path(
    const char *user, const char *const *groups, const char *verb, const char *path)
{
	const struct flow_subject s = {.user = user,
	    .groups = groups,
	    .verb = verb,
	    .group = "",
	    .resource = "",
	    .subresource = "",
	    .ns = "",
	    .path = path};
	return flow_rules_match(rules, &s);
}

static void assert_schema(const struct flow_schema *schema, const char *name)
{
	assert_string_equal(schema ? schema->name : "none", name);
}

static void test_defaults(void **state)
{
	const char *coordination = "coordination.k8s.io";

	assert_schema(match("admin", masters, "delete", "", "pods", "x"), "exempt");
	assert_schema(match_path("admin", masters, "post", "/anything"), "exempt");
	assert_schema(match_path("system:anonymous", nobody, "get", "/healthz"), "probes");
	assert_schema(match_path("system:anonymous", nobody, "post", "/healthz"), "global-default");
	assert_schema(match_path("bob", people, "get", "/version"), "global-default");
	assert_schema(match("system:kube-scheduler", people, "update", coordination, "leases", "kube-system"),
	    "system-leader-election");
	assert_schema(match("system:kube-scheduler", people, "list", coordination, "leases", "kube-system"),
	    "kube-scheduler");
	assert_schema(match("system:kube-controller-manager", people, "update", "", "endpoints", "x"),
	    "endpoint-controller");
	assert_schema(match("system:serviceaccount:kube-system:endpoint-controller", accounts, "get", "",
			  "endpoints", "x"),
	    "endpoint-controller");
	assert_schema(match("system:node:n1", nodes, "patch", "", "nodes/status", ""), "system-node-high");
	assert_schema(match("system:node:n1", nodes, "get", "", "nodes", ""), "system-node-high");
	assert_schema(match("system:node:n1", nodes, "get", "", "nodes/proxy", ""), "system-nodes");
	assert_schema(match("system:node:n1", nodes, "list", "", "pods", ""), "system-nodes");
	assert_schema(match("system:serviceaccount:kube-system:dns", accounts, "list", "", "services", ""),
	    "kube-system-service-accounts");
	assert_schema(match("system:serviceaccount:kube-systems:x", accounts, "list", "", "services", ""),
	    "service-accounts");
	assert_schema(match("bob", people, "get", "", "pods", "x"), "global-default");
	static const char *const groupless[] = {NULL};
	assert_schema(match("ghost", groupless, "get", "", "pods", "x"), "none");
}

#define SCHEMA(name, precedence, more, subjects, what)                                                       \
	"{\"apiVersion\":\"flowcontrol.apiserver.k8s.io/v1\",\"kind\":\"FlowSchema\",\"metadata\":{"         \
	"\"name\":\"" name "\"},\"spec\":{\"priorityLevelConfiguration\":{\"name\":\"p\"},"                  \
	"\"matchingPrecedence\":" precedence more ",\"rules\":[{\"subjects\":[" subjects "]," what "}]}}"
#define ANYBODY "{\"kind\":\"User\",\"user\":{\"name\":\"*\"}}"
#define RESOURCES(verbs, groups, resources, more)                                                            \
	"\"resourceRules\":[{\"verbs\":[" verbs "],\"apiGroups\":[" groups "],\"resources\":[" resources     \
	"]" more "}]"

static void test_precedence_then_name(void **state)
{
	add_json("[" SCHEMA("b", "500", "", ANYBODY,
	    RESOURCES("\"*\"", "\"*\"", "\"*\"", ",\"namespaces\":[\"*\"]")) "," SCHEMA("a", "500", "",
	    ANYBODY, RESOURCES("\"*\"", "\"*\"", "\"*\"", ",\"namespaces\":[\"*\"]")) "," SCHEMA("z", "400",
	    "", ANYBODY, RESOURCES("\"list\"", "\"*\"", "\"*\"", ",\"namespaces\":[\"*\"]")) "]");
	flow_rules_sort(rules);
	assert_int_equal(flow_rules_len(rules), 3);
	assert_schema(match("bob", people, "list", "", "pods", "x"), "z");
	assert_schema(match("bob", people, "get", "", "pods", "x"), "a");
}

static void test_scope_and_names(void **state)
{
	add_json("[" SCHEMA("cluster", "1", "", ANYBODY,
	    RESOURCES("\"get\"", "\"\"", "\"nodes\"", ",\"clusterScope\":true")) "," SCHEMA("named", "2", "",
	    ANYBODY,
	    RESOURCES("\"get\",\"list\"", "\"apps\"", "\"deployments\",\"deployments/scale\"",
		",\"namespaces\":[\"x\",\"y\"]")) "]");
	flow_rules_sort(rules);
	assert_schema(match("bob", people, "get", "", "nodes", ""), "cluster");
	assert_schema(match("bob", people, "get", "", "nodes", "x"), "none"); /* no namespace is named */
	assert_schema(match("bob", people, "get", "apps", "deployments", "y"), "named");
	assert_schema(match("bob", people, "get", "apps", "deployments/scale", "x"), "named");
	assert_schema(match("bob", people, "get", "apps", "deployments/status", "x"), "none");
	assert_schema(match("bob", people, "get", "apps", "deployment", "x"), "none");
	assert_schema(match("bob", people, "get", "apps", "deployments", "z"), "none");
	assert_schema(match("bob", people, "get", "apps", "deployments", ""), "none"); /* all namespaces */
	assert_schema(match("bob", people, "watch", "apps", "deployments", "x"), "none");
	assert_schema(match("bob", people, "get", "", "deployments", "x"), "none");
}

static void test_paths(void **state)
{
	add_json("[" SCHEMA("tree", "1", "", ANYBODY,
	    "\"nonResourceRules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/*\",\"/b\"]}]") "]");
	flow_rules_sort(rules);
	assert_schema(match_path("bob", people, "get", "/a/b/c"), "tree");
	assert_schema(match_path("bob", people, "get", "/b"), "tree");
	assert_schema(match_path("bob", people, "get", "/b/c"), "none");
	assert_schema(match_path("bob", people, "get", "/a"), "none");
	assert_schema(match_path("bob", people, "put", "/b"), "none");
}

/* More groups than are hashed, the one that counts behind them. */
static void test_many_groups(void **state)
{
	const char *groups[64] = {0};

	for (int i = 0; i < 60; i++)
		groups[i] = arena_printf(arena, "group-%d", i);
	add_json("[" SCHEMA("last", "1", "", "{\"kind\":\"Group\",\"group\":{\"name\":\"group-59\"}}",
	    RESOURCES("\"*\"", "\"*\"", "\"*\"", ",\"namespaces\":[\"*\"]")) "]");
	flow_rules_sort(rules);
	assert_schema(match("bob", groups, "get", "", "pods", "x"), "last");
	groups[59] = NULL;
	assert_schema(match("bob", groups, "get", "", "pods", "x"), "none");
}

static void test_distinguisher(void **state)
{
#define BY(type) ",\"distinguisherMethod\":{\"type\":\"" type "\"}"
	add_json("[" SCHEMA("u", "1", BY("ByUser"), ANYBODY,
	    RESOURCES("\"get\"", "\"*\"", "\"*\"", ",\"namespaces\":[\"*\"]")) "," SCHEMA("n", "2",
	    BY("ByNamespace"), ANYBODY,
	    RESOURCES("\"list\"", "\"*\"", "\"*\"", ",\"namespaces\":[\"*\"]")) "," SCHEMA("x", "3", "",
	    ANYBODY, RESOURCES("\"watch\"", "\"*\"", "\"*\"", ",\"namespaces\":[\"*\"]")) "]");
	flow_rules_sort(rules);
	const struct flow_subject s = {.user = "bob", .is_resource = true, .ns = "here"};
	assert_string_equal(flow_distinguish(match("bob", people, "get", "", "pods", "x"), &s), "bob");
	assert_string_equal(flow_distinguish(match("bob", people, "list", "", "pods", "x"), &s), "here");
	assert_string_equal(flow_distinguish(match("bob", people, "watch", "", "pods", "x"), &s), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_defaults, with_defaults, done),
	    cmocka_unit_test_setup_teardown(test_precedence_then_name, with_nothing, done),
	    cmocka_unit_test_setup_teardown(test_scope_and_names, with_nothing, done),
	    cmocka_unit_test_setup_teardown(test_paths, with_nothing, done),
	    cmocka_unit_test_setup_teardown(test_many_groups, with_nothing, done),
	    cmocka_unit_test_setup_teardown(test_distinguisher, with_nothing, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
