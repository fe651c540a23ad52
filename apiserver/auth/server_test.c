/*
 * Authentication, authorization and admission through a whole API server: memory store, plain HTTP, one
 * process. What the unit tests prove of the parts, this proves of their joints.
 */
#include "apiserver/testing/test_server.h"

static void test_who(void **state)
{
	(void)state;
	assert_int_equal(call(NULL, "GET", "/readyz", NULL).status, 200);
	assert_int_equal(call(NULL, "GET", "/api/v1/nodes", NULL).status, 403);
	assert_int_equal(call("wrong", "GET", "/readyz", NULL).status, 401);
	assert_int_equal(call(ADMIN, "GET", "/api/v1/nodes", NULL).status, 200);
	struct answer a = call(ALICE, "GET", "/apis/apps/v1/namespaces/default/deployments/x", NULL);
	assert_int_equal(a.status, 403);
	assert_string_equal(message(&a),
	    "deployments.apps \"x\" is forbidden: User \"alice\" cannot get resource "
	    "\"deployments\" in API group \"apps\" in the namespace \"default\"");
	a = call(ALICE, "GET", "/metrics", NULL);
	assert_string_equal(message(&a), "forbidden: User \"alice\" cannot get path \"/metrics\"");
	assert_int_equal(call(ALICE, "GET", "/version", NULL).status, 200);
}

static void test_impersonation(void **state)
{
	(void)state;
	assert_int_equal(call_with(ADMIN, "Impersonate-User: bob", "/api/v1/nodes").status, 403);
	assert_int_equal(
	    call_with(ADMIN, "Impersonate-User: system:kube-scheduler", "/api/v1/nodes").status, 200);
	assert_int_equal(call_with(ALICE, "Impersonate-User: bob", "/version").status, 403);
	assert_int_equal(call_with(ADMIN, "Impersonate-Group: x", "/version").status, 500);
}

static void test_grant_and_escalation(void **state)
{
	static const char role[] =
	    "{\"apiVersion\":\"rbac.authorization.k8s.io/"
	    "v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"r\"},"
	    "\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"verbs\":[\"get\",\"update\"]},"
	    "{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\"],\"verbs\":[\"create\"]}"
	    ","
	    "{\"apiGroups\":[\"coordination.k8s.io\"],\"resources\":[\"leases\"],\"verbs\":[\"update\"]}]}";
	static const char binding[] =
	    "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"RoleBinding\","
	    "\"metadata\":{\"name\":\"r\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":"
	    "\"Role\",\"name\":\"r\"},"
	    "\"subjects\":[{\"kind\":\"Group\",\"apiGroup\":\"rbac.authorization.k8s.io\",\"name\":\"dev\"}]"
	    "}";
	static const char roles[] = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";

	(void)state;
	assert_int_equal(call(ALICE, "GET", "/api/v1/namespaces/default/configmaps/x", NULL).status, 403);
	create(roles, role);
	create("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding);
	assert_int_equal(call(ALICE, "GET", "/api/v1/namespaces/default/configmaps/x", NULL).status, 404);
	assert_int_equal(call(ALICE, "GET", "/api/v1/namespaces/kube-system/configmaps/x", NULL).status, 403);
	assert_int_equal(call(ALICE, "POST", roles,
			     "{\"metadata\":{\"name\":\"mine\"},\"rules\":[{\"apiGroups\":[\"\"],"
			     "\"resources\":[\"configmaps\"],"
			     "\"verbs\":[\"get\"]}]}")
			     .status,
	    201);
	assert_int_equal(call(ALICE, "POST", roles,
			     "{\"metadata\":{\"name\":\"more\"},\"rules\":[{\"apiGroups\":[\"\"],"
			     "\"resources\":[\"secrets\"],"
			     "\"verbs\":[\"get\"]}]}")
			     .status,
	    403);
	/* An update that would create needs the right to create. */
	assert_int_equal(call(ALICE, "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/l",
			     "{\"apiVersion\":\"coordination.k8s.io/"
			     "v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"l\"}}")
			     .status,
	    403);
}

static void test_service_account_token(void **state)
{
	(void)state;
	create("/api/v1/namespaces/default/serviceaccounts", "{\"metadata\":{\"name\":\"bot\"}}");
	struct answer a = call(ADMIN, "POST", "/api/v1/namespaces/default/serviceaccounts/bot/token",
	    "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{}}");
	assert_int_equal(a.status, 201);
	const char *token = json_get_string(json_get(a.body, "status"), "token", "");
	a = call(token, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
	    "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}");
	assert_int_equal(a.status, 201);
	assert_string_equal(json_get_string(json_get_path(a.body, "status.userInfo"), "username", ""),
	    "system:serviceaccount:default:bot");
	assert_int_equal(
	    call(ADMIN, "DELETE", "/api/v1/namespaces/default/serviceaccounts/bot", NULL).status, 200);
	assert_int_equal(call(token, "GET", "/version", NULL).status, 401); /* revoked with its account */
	a = call(ADMIN, "POST", "/api/v1/namespaces/default/serviceaccounts/bot/token",
	    "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{}}");
	assert_int_equal(a.status, 404);
}

/* Many creates at once against a quota with room for some: exactly those get in. */
static void test_quota_is_atomic(void **state)
{
	enum { ROOM = 7, ASKED = 40 };
	struct answer answers[ASKED];
	int admitted = 0;

	(void)state;
	create("/api/v1/namespaces", "{\"metadata\":{\"name\":\"quota\"}}");
	create("/api/v1/namespaces/quota/resourcequotas",
	    "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"configmaps\":\"7\"}}}");
	struct answer a = call(ADMIN, "PUT", "/api/v1/namespaces/quota/resourcequotas/q/status",
	    "{\"metadata\":{\"name\":\"q\"},\"status\":{\"hard\":{\"configmaps\":\"7\"},\"used\":{"
	    "\"configmaps\":\"0\"}}}");
	assert_int_equal(a.status, 200);
	for (int i = 0; i < ASKED; i++)
		send_request(ADMIN, "POST", "/api/v1/namespaces/quota/configmaps",
		    arena_printf(arena, "{\"metadata\":{\"name\":\"c%d\"}}", i), NULL, &answers[i]);
	loop_run(loop);
	for (int i = 0; i < ASKED; i++) {
		assert_true(answers[i].status == 201 || answers[i].status == 403);
		admitted += answers[i].status == 201;
	}
	assert_int_equal(admitted, ROOM);
	a = call(ADMIN, "GET", "/api/v1/namespaces/quota/resourcequotas/q", NULL);
	assert_string_equal(json_get_string(json_get_path(a.body, "status.used"), "configmaps", ""), "7");
}

static void test_node(void **state)
{
	struct answer a;

	(void)state;
	create("/api/v1/nodes", "{\"metadata\":{\"name\":\"n1\"}}");
	send_request(ADMIN, "GET", "/api/v1/nodes/n1", NULL, "Impersonate-User: system:node:n1", &a);
	loop_run(loop);
	assert_int_equal(a.status, 403); /* the name alone makes no node: the group does */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who),
	    cmocka_unit_test(test_impersonation),
	    cmocka_unit_test(test_grant_and_escalation),
	    cmocka_unit_test(test_service_account_token),
	    cmocka_unit_test(test_quota_is_atomic),
	    cmocka_unit_test(test_node),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
