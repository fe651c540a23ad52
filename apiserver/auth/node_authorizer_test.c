#include "apiserver/auth/authorizer.h"
#include "apiserver/auth/fake_reader.h"

#include "lib/api/labels.h"
#include "lib/base/arena.h"

struct fixture {
	struct fake_reader objects;
	struct authorizer *authorizer;
	struct arena *arena;
	struct api_user node;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	resources_init();
	fake_init(&f->objects);
	f->arena = arena_new();
	f->authorizer = authorizer_new("Node,RBAC", &f->objects.reader, NULL);
	user_init(f->arena, &f->node, "system:node:n1", NULL);
	user_add_group(f->arena, &f->node, GROUP_NODES);
	fake_add(&f->objects,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"},"
	    "\"spec\":{"
	    "\"nodeName\":\"n1\",\"serviceAccountName\":\"sa\",\"imagePullSecrets\":[{\"name\":\"pull\"}],"
	    "\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"E\",\"valueFrom\":{\"secretKeyRef\":{"
	    "\"name\":\"env\",\"key\":\"k\"}}}],"
	    "\"envFrom\":[{\"configMapRef\":{\"name\":\"settings\"}}]}],"
	    "\"volumes\":[{\"name\":\"s\",\"secret\":{\"secretName\":\"vol\"}},"
	    "{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"claim\"}},"
	    "{\"name\":\"j\",\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"kube-root-ca.crt\"}}]}}]}"
	    "}");
	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{"
			      "\"name\":\"claim\",\"namespace\":\"a\"},"
			      "\"spec\":{\"volumeName\":\"pv1\"}}");
	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":"
			      "\"pv1\"},\"spec\":{\"csi\":{"
			      "\"driver\":\"d\",\"volumeHandle\":\"h\",\"nodePublishSecretRef\":{"
			      "\"namespace\":\"z\",\"name\":\"mount\"}}}}");
	authorizer_observe(f->authorizer, NULL, f->objects.objects[0]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	authorizer_free(f->authorizer);
	fake_done(&f->objects);
	arena_free(f->arena);
	free(f);
	return 0;
}

static bool may(struct fixture *f, const char *verb, const char *group, const char *resource, const char *sub,
    const char *ns, const char *name)
{
	struct authz_attributes a = {.user = &f->node,
	    .verb = verb,
	    .is_resource = true,
	    .group = group,
	    .version = "v1",
	    .resource = resource,
	    .subresource = sub,
	    .ns = ns,
	    .name = name,
	    .path = ""};
	return authz_allowed(f->authorizer, &a, f->arena);
}

static void test_own_pods_objects(void **state)
{
	struct fixture *f = *state;

	assert_true(may(f, "get", "", "secrets", "", "a", "vol"));
	assert_true(may(f, "watch", "", "secrets", "", "a", "env"));
	assert_true(may(f, "get", "", "secrets", "", "a", "pull"));
	assert_true(may(f, "get", "", "secrets", "", "z", "mount"));
	assert_false(may(f, "get", "", "secrets", "", "b", "vol"));
	assert_false(may(f, "get", "", "secrets", "", "a", "other"));
	assert_false(may(f, "list", "", "secrets", "", "a", ""));
	assert_false(may(f, "update", "", "secrets", "", "a", "vol"));
	assert_true(may(f, "get", "", "configmaps", "", "a", "settings"));
	assert_true(may(f, "get", "", "configmaps", "", "a", "kube-root-ca.crt"));
	assert_true(may(f, "get", "", "persistentvolumeclaims", "", "a", "claim"));
	assert_true(may(f, "get", "", "persistentvolumes", "", "", "pv1"));
	assert_false(may(f, "get", "", "persistentvolumes", "", "", "pv2"));
	assert_true(may(f, "create", "", "serviceaccounts", "token", "a", "sa"));
	assert_false(may(f, "create", "", "serviceaccounts", "token", "a", "other"));
	assert_true(may(f, "get", "", "pods", "", "a", "p"));
	assert_false(may(f, "get", "", "pods", "", "a", "q"));
}

static void test_pod_goes(void **state)
{
	struct fixture *f = *state;

	authorizer_observe(f->authorizer, f->objects.objects[0], NULL);
	assert_false(may(f, "get", "", "secrets", "", "a", "vol"));
}

static void test_fixed_rules(void **state)
{
	struct fixture *f = *state;

	assert_true(may(f, "list", "", "services", "", "", ""));
	assert_true(may(f, "create", "", "events", "", "a", ""));
	assert_true(may(f, "update", "coordination.k8s.io", "leases", "", "kube-node-lease", "n1"));
	assert_false(may(f, "update", "coordination.k8s.io", "leases", "", "kube-node-lease", "n2"));
	assert_false(may(f, "get", "coordination.k8s.io", "leases", "", "kube-system", "n1"));
	assert_true(may(f, "get", "", "nodes", "", "", "n1"));
	assert_false(may(f, "get", "", "nodes", "", "", "n2"));
	assert_true(may(f, "patch", "", "nodes", "status", "", "n1"));
	assert_false(may(f, "delete", "", "nodes", "", "", "n1"));
	assert_false(may(f, "list", "", "pods", "", "", ""));
}

static void test_selected_list(void **state)
{
	struct fixture *f = *state;
	struct authz_attributes a = {.user = &f->node,
	    .verb = "list",
	    .is_resource = true,
	    .group = "",
	    .version = "v1",
	    .resource = "pods",
	    .subresource = "",
	    .ns = "",
	    .name = "",
	    .path = ""};
	struct field_selector *fields;

	assert_int_equal(field_selector_parse(f->arena, "spec.nodeName=n1", &fields, NULL), 0);
	a.fields = fields;
	assert_true(authz_allowed(f->authorizer, &a, f->arena));
	assert_int_equal(field_selector_parse(f->arena, "spec.nodeName!=n1", &fields, NULL), 0);
	a.fields = fields;
	assert_false(authz_allowed(f->authorizer, &a, f->arena));
}

static void test_masters_and_texts(void **state)
{
	struct fixture *f = *state;
	struct api_user admin;
	struct error err = ERROR_INIT;
	struct authz_attributes a = {.user = &admin,
	    .verb = "delete",
	    .is_resource = true,
	    .group = "apps",
	    .version = "v1",
	    .resource = "deployments",
	    .subresource = "scale",
	    .ns = "x",
	    .name = "d",
	    .path = ""};

	user_init(f->arena, &admin, "eve", NULL);
	assert_false(authz_allowed(f->authorizer, &a, f->arena));
	authz_forbid(&a, "", &err);
	assert_string_equal(err.message,
	    "deployments.apps \"d\" is forbidden: User \"eve\" cannot delete resource "
	    "\"deployments/scale\" in API group \"apps\" in the namespace \"x\"");
	user_add_group(f->arena, &admin, GROUP_MASTERS);
	assert_true(authz_allowed(f->authorizer, &a, f->arena));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_own_pods_objects, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pod_goes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fixed_rules, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_selected_list, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_masters_and_texts, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
