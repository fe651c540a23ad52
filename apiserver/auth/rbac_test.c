#include "apiserver/auth/fake_reader.h"
#include "apiserver/auth/rbac.h"

#include "lib/base/arena.h"

#define RBAC "\"apiVersion\":\"rbac.authorization.k8s.io/v1\","
#define ROLE_REF(kind, name)                                                                                 \
	"\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"" kind "\",\"name\":\"" name "\"}"

struct fixture {
	struct fake_reader objects;
	struct rbac *rbac;
	struct arena *arena;
};

static const struct object *add(struct fixture *f, const char *json)
{
	const struct object *obj = fake_add(&f->objects, json);
	rbac_observe(f->rbac, NULL, obj);
	return obj;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	resources_init();
	fake_init(&f->objects);
	f->rbac = rbac_new();
	f->arena = arena_new();
	add(f,
	    "{" RBAC "\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"reader\"},\"rules\":["
	    "{\"apiGroups\":[\"\"],\"resources\":[\"configmaps\",\"pods/log\"],\"verbs\":[\"get\",\"list\"]},"
	    "{\"nonResourceURLs\":[\"/metrics/*\",\"/version\"],\"verbs\":[\"get\"]}]}");
	add(f, "{" RBAC "\"kind\":\"Role\",\"metadata\":{\"name\":\"editor\",\"namespace\":\"a\"},\"rules\":["
	       "{\"apiGroups\":[\"apps\"],\"resources\":[\"*/scale\",\"deployments\"],\"verbs\":[\"*\"]},"
	       "{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"one\"],\"verbs\":["
	       "\"get\"]}]}");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	rbac_free(f->rbac);
	fake_done(&f->objects);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void bind_all(struct fixture *f)
{
	add(f, "{" RBAC "\"kind\":\"ClusterRoleBinding\",\"metadata\":{\"name\":\"all\"},\"subjects\":["
	       "{\"kind\":\"Group\",\"name\":\"dev\"}]," ROLE_REF("ClusterRole", "reader") "}");
	add(f, "{" RBAC
	       "\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"edit\",\"namespace\":\"a\"},\"subjects\":["
	       "{\"kind\":\"User\",\"name\":\"alice\"},{\"kind\":\"ServiceAccount\",\"name\":\"bot\","
	       "\"namespace\":\"b\"}]," ROLE_REF("Role", "editor") "}");
}

static struct api_user user(struct fixture *f, const char *name, const char *group)
{
	struct api_user u;
	user_init(f->arena, &u, name, NULL);
	if (group)
		user_add_group(f->arena, &u, group);
	return u;
}

/* "verb group/resource/subresource ns name" */
static bool may(struct fixture *f, const struct api_user *u, const char *verb, const char *group,
    const char *resource, const char *sub, const char *ns, const char *name)
{
	struct authz_attributes a = {.user = u,
	    .verb = verb,
	    .is_resource = true,
	    .group = group,
	    .version = "v1",
	    .resource = resource,
	    .subresource = sub,
	    .ns = ns,
	    .name = name,
	    .path = ""};
	return rbac_allows(f->rbac, &a, f->arena, NULL);
}

static bool may_path(struct fixture *f, const struct api_user *u, const char *verb, const char *path)
{
	struct authz_attributes a = {.user = u,
	    .verb = verb,
	    .group = "",
	    .resource = "",
	    .subresource = "",
	    .ns = "",
	    .name = "",
	    .path = path};
	return rbac_allows(f->rbac, &a, f->arena, NULL);
}

static void test_scopes(void **state)
{
	struct fixture *f = *state;
	struct api_user dev = user(f, "bob", "dev"), alice = user(f, "alice", NULL);

	assert_false(may(f, &dev, "list", "", "configmaps", "", "a", ""));
	bind_all(f);
	assert_true(may(f, &dev, "list", "", "configmaps", "", "a", ""));
	assert_true(may(f, &dev, "list", "", "configmaps", "", "", ""));
	assert_false(may(f, &dev, "create", "", "configmaps", "", "a", ""));
	assert_false(may(f, &dev, "get", "apps", "configmaps", "", "a", "x"));
	assert_true(may(f, &alice, "delete", "apps", "deployments", "", "a", "d"));
	assert_false(may(f, &alice, "delete", "apps", "deployments", "", "b", "d"));
	assert_false(may(f, &alice, "list", "apps", "deployments", "", "", ""));
}

static void test_subresources_and_names(void **state)
{
	struct fixture *f = *state;
	struct api_user dev = user(f, "bob", "dev"), alice = user(f, "alice", NULL);

	bind_all(f);
	assert_true(may(f, &dev, "get", "", "pods", "log", "a", "p"));
	assert_false(may(f, &dev, "get", "", "pods", "", "a", "p"));
	assert_true(may(f, &alice, "update", "apps", "statefulsets", "scale", "a", "s"));
	assert_false(may(f, &alice, "update", "apps", "statefulsets", "status", "a", "s"));
	assert_false(may(f, &alice, "get", "apps", "deployments", "status", "a", "s"));
	assert_true(may(f, &alice, "get", "", "secrets", "", "a", "one"));
	assert_false(may(f, &alice, "get", "", "secrets", "", "a", "two"));
	assert_false(may(f, &alice, "get", "", "secrets", "", "a", ""));
}

static void test_paths(void **state)
{
	struct fixture *f = *state;
	struct api_user dev = user(f, "bob", "dev");

	bind_all(f);
	assert_true(may_path(f, &dev, "get", "/version"));
	assert_true(may_path(f, &dev, "get", "/metrics/slis"));
	assert_false(may_path(f, &dev, "get", "/metrics"));
	assert_false(may_path(f, &dev, "post", "/version"));
}

static void test_service_account(void **state)
{
	struct fixture *f = *state;
	struct api_user bot;

	bind_all(f);
	user_init_service_account(f->arena, &bot, "b", "bot", "u1");
	assert_true(may(f, &bot, "get", "apps", "deployments", "", "a", "d"));
	user_init_service_account(f->arena, &bot, "c", "bot", "u1");
	assert_false(may(f, &bot, "get", "apps", "deployments", "", "a", "d"));
}

static void test_changes(void **state)
{
	struct fixture *f = *state;
	struct api_user dev = user(f, "bob", "dev"), ops = user(f, "bob", "ops");

	bind_all(f);
	const struct object *old = f->objects.objects[2];
	const struct object *moved = fake_add(&f->objects,
	    "{" RBAC "\"kind\":\"ClusterRoleBinding\",\"metadata\":{\"name\":\"all\"},\"subjects\":["
	    "{\"kind\":\"Group\",\"name\":\"ops\"}]," ROLE_REF("ClusterRole", "reader") "}");
	rbac_observe(f->rbac, old, moved);
	assert_false(may(f, &dev, "list", "", "configmaps", "", "a", ""));
	assert_true(may(f, &ops, "list", "", "configmaps", "", "a", ""));
	rbac_observe(f->rbac, f->objects.objects[0], NULL); /* the role goes: the binding dangles */
	assert_false(may(f, &ops, "list", "", "configmaps", "", "a", ""));
	assert_string_equal(rbac_missing_roles(f->rbac, &ops, "a", f->arena),
	    "clusterrole.rbac.authorization.k8s.io \"reader\" not found");
	rbac_observe(f->rbac, moved, NULL);
	assert_string_equal(rbac_missing_roles(f->rbac, &ops, "a", f->arena), "");
}

static void test_reason(void **state)
{
	struct fixture *f = *state;
	struct api_user alice = user(f, "alice", NULL);
	struct authz_attributes a = {.user = &alice,
	    .verb = "get",
	    .is_resource = true,
	    .group = "apps",
	    .resource = "deployments",
	    .subresource = "",
	    .ns = "a",
	    .name = "d",
	    .path = ""};
	const char *reason = NULL;

	bind_all(f);
	assert_true(rbac_allows(f->rbac, &a, f->arena, &reason));
	assert_string_equal(
	    reason, "RBAC: allowed by RoleBinding \"edit/a\" of Role \"editor\" to User \"alice\"");
}

static RbacV1__PolicyRule *rules_of(const struct object *role, size_t i)
{
	return ((RbacV1__Role *)role->msg)->rules[i];
}

static void test_escalation(void **state)
{
	struct fixture *f = *state;
	struct api_user alice = user(f, "alice", NULL);
	struct error err = ERROR_INIT;

	bind_all(f);
	struct object *wanted = fake_add(&f->objects,
	    "{" RBAC "\"kind\":\"Role\",\"metadata\":{\"name\":\"w\",\"namespace\":\"a\"},\"rules\":["
	    "{\"apiGroups\":[\"apps\"],\"resources\":[\"deployments\",\"deployments/"
	    "scale\"],\"verbs\":[\"get\",\"delete\"]},"
	    "{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"one\"],\"verbs\":["
	    "\"get\"]},"
	    "{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"verbs\":[\"get\"]}]}");
	RbacV1__PolicyRule *held[] = {rules_of(wanted, 0), rules_of(wanted, 1)},
			   *not_held[] = {rules_of(wanted, 2)};

	assert_int_equal(rbac_check_covered(f->rbac, &alice, "a", 2, held, f->arena, &err), 0);
	assert_int_equal(rbac_check_covered(f->rbac, &alice, "b", 2, held, f->arena, &err), -1);
	error_clear(&err);
	assert_int_equal(rbac_check_covered(f->rbac, &alice, "a", 1, not_held, f->arena, &err), -1);
	assert_string_equal(err.message,
	    "user \"alice\" (groups=[]) is attempting to grant RBAC permissions not currently "
	    "held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_scopes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_subresources_and_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_service_account, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reason, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_escalation, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
