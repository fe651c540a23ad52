/* The plugins against hand-fed caches: one call of the mutate and the admit stage for each case. */
#include "apiserver/auth/fake_reader.h"

#include "apiserver/admission/plugin.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/base/buf.h"
#include "lib/loop/loop.h"
#include "lib/resources/amounts.h"
#include "lib/resources/quota_usage.h"

struct fixture {
	struct fake_reader objects;
	struct api_options options;
	struct auth auth;
	struct api_server server;
	struct api_request *req;
	struct arena *arena;
	struct object *old;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	static const char *extra[] = {"NodeRestriction"};

	resources_init();
	fake_init(&f->objects);
	f->arena = arena_new();
	f->options.enable_admission_plugins = (struct flag_list){extra, 1};
	f->auth.reader = f->objects.reader;
	f->auth.authorizer = authorizer_new("Node,RBAC", &f->auth.reader, NULL);
	f->server = (struct api_server){.loop = loop_new(NULL), .options = &f->options, .auth = &f->auth};
	f->server.metrics = metrics_new(&f->server);
	assert_int_equal(admission_init(&f->server, NULL), 0);
	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\"}}");
	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":"
			      "\"default\",\"namespace\":\"a\"},"
			      "\"imagePullSecrets\":[{\"name\":\"pull\"}]}");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->req)
		object_unref(f->req->object);
	object_unref(f->old);
	admission_done(&f->server);
	metrics_free(f->server.metrics);
	authorizer_free(f->auth.authorizer);
	loop_free(f->server.loop);
	fake_done(&f->objects);
	arena_free(f->arena);
	free(f);
	return 0;
}

/* A request of a user who may do everything, about an object given as JSON; verb API_CREATE or API_UPDATE. */
static struct api_request *request(
    struct fixture *f, enum api_verb verb, const struct resource_type *type, const char *json)
{
	struct api_request *req = ARENA_NEW(f->arena, struct api_request);

	if (f->req)
		object_unref(f->req->object);
	f->req = req;
	req->arena = f->arena;
	req->server = &f->server;
	req->type = type;
	req->object = fake_object(json);
	req->is_creating = verb == API_CREATE;
	user_init(f->arena, &req->user, "root", NULL);
	user_add_group(f->arena, &req->user, GROUP_MASTERS);
	req->info = (struct api_request_info){.is_resource = true,
	    .verb = verb,
	    .verb_text = "create",
	    .path = "",
	    .prefix = "",
	    .group = type->group,
	    .version = type->version,
	    .ns = str_or(object_namespace(req->object), ""),
	    .resource = type->plural,
	    .name = verb == API_CREATE ? "" : object_name(req->object),
	    .subresource = "",
	    .rest = ""};
	return req;
}

static int admit(struct api_request *req, struct error *err)
{
	int result;

	*err = ERROR_INIT;
	result = admission_mutate(req, err);
	return result == API_NEXT ? admission_validate(req, err) : result;
}

#define POD(meta, spec)                                                                                      \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"" meta      \
	"},\"spec\":{" spec "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"

static const CoreV1__PodSpec *spec_of(const struct api_request *req)
{
	return ((const CoreV1__Pod *)req->object->msg)->spec;
}

static void test_every_pod(void **state)
{
	struct fixture *f = *state;
	struct api_request *req = request(f, API_CREATE, resource_pods, POD("", ""));
	struct error err;

	assert_int_equal(admit(req, &err), API_NEXT);
	const CoreV1__PodSpec *spec = spec_of(req);
	assert_string_equal(spec->service_account_name, "default");
	assert_string_equal(spec->service_account, "default");
	assert_string_equal(spec->image_pull_secrets[0]->name, "pull");
	assert_int_equal(spec->n_volumes, 1);
	assert_int_equal(spec->volumes[0]->volume_source->projected->n_sources, 3);
	assert_string_equal(spec->containers[0]->volume_mounts[0]->name, spec->volumes[0]->name);
	assert_int_equal(spec->n_tolerations, 2);
	assert_true(spec->has_priority && spec->priority == 0);
	assert_string_equal(spec->preemption_policy, "PreemptLowerPriority");
}

static void test_service_account(void **state)
{
	struct fixture *f = *state;
	struct error err;

	struct api_request *req =
	    request(f, API_CREATE, resource_pods, POD("", "\"automountServiceAccountToken\":false,"));
	assert_int_equal(admit(req, &err), API_NEXT);
	assert_int_equal(spec_of(req)->n_volumes, 0);
	req = request(f, API_CREATE, resource_pods, POD("", "\"serviceAccountName\":\"nobody\","));
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_string_equal(err.message,
	    "pods \"p\" is forbidden: error looking up service account a/nobody: serviceaccount "
	    "\"nobody\" not found");
}

static void test_namespaces(void **state)
{
	struct fixture *f = *state;
	struct error err;
	struct api_request *req = request(f, API_CREATE, resource_configmaps,
	    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\",\"namespace\":\"b\"}"
	    "}");

	assert_int_equal(admit(req, &err), API_FAIL);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.kind, "namespaces");
	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"b\","
			      "\"deletionTimestamp\":\"2024-01-01T00:00:00Z\"}}");
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_int_equal(err.code, ERR_FORBIDDEN);
	assert_non_null(err.causes);
	req->info.verb = API_UPDATE;
	req->is_creating = false;
	assert_int_equal(admit(req, &err), API_NEXT);
	req->info.verb = API_DELETE;
	req->info.resource = "namespaces";
	req->info.name = "kube-system";
	assert_int_equal(admit(req, &err), API_FAIL);
}

static void test_priority(void **state)
{
	struct fixture *f = *state;
	struct error err;

	fake_add(&f->objects, "{\"apiVersion\":\"scheduling.k8s.io/"
			      "v1\",\"kind\":\"PriorityClass\",\"metadata\":{\"name\":\"high\"},"
			      "\"value\":7,\"preemptionPolicy\":\"Never\"}");
	fake_add(&f->objects, "{\"apiVersion\":\"scheduling.k8s.io/"
			      "v1\",\"kind\":\"PriorityClass\",\"metadata\":{\"name\":\"usual\"},"
			      "\"value\":3,\"globalDefault\":true}");
	struct api_request *req =
	    request(f, API_CREATE, resource_pods, POD("", "\"priorityClassName\":\"high\","));
	assert_int_equal(admit(req, &err), API_NEXT);
	assert_int_equal(spec_of(req)->priority, 7);
	assert_string_equal(spec_of(req)->preemption_policy, "Never");
	req = request(f, API_CREATE, resource_pods, POD("", ""));
	assert_int_equal(admit(req, &err), API_NEXT);
	assert_string_equal(spec_of(req)->priority_class_name, "usual");
	req = request(f, API_CREATE, resource_pods, POD("", "\"priority\":9,"));
	assert_int_equal(admit(req, &err), API_FAIL);
	req = request(f, API_CREATE, resource_pods, POD("", "\"priorityClassName\":\"none\","));
	assert_int_equal(admit(req, &err), API_FAIL);
	req = request(f, API_CREATE, resource_priorityclasses,
	    "{\"apiVersion\":\"scheduling.k8s.io/"
	    "v1\",\"kind\":\"PriorityClass\",\"metadata\":{\"name\":\"second\"},\"value\":1,"
	    "\"globalDefault\":true}");
	assert_int_equal(admit(req, &err), API_FAIL);
}

static void test_limit_ranger(void **state)
{
	struct fixture *f = *state;
	struct error err;
	struct quantity q;

	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"LimitRange\",\"metadata\":{\"name\":\"l\","
			      "\"namespace\":\"a\"},\"spec\":{"
			      "\"limits\":[{\"type\":\"Container\",\"default\":{\"cpu\":\"500m\"},"
			      "\"defaultRequest\":{\"cpu\":\"250m\"},"
			      "\"max\":{\"cpu\":\"1\"}},{\"type\":\"Pod\",\"max\":{\"cpu\":\"1500m\"}}]}}");
	struct api_request *req = request(f, API_CREATE, resource_pods, POD("", ""));
	assert_int_equal(admit(req, &err), API_NEXT);
	assert_true(quantity_in(spec_of(req)->containers[0]->resources, requests, "cpu", &q));
	assert_int_equal(quantity_milli(&q), 250);
	assert_string_equal(api_map_get(req->object->meta, annotations, "kubernetes.io/limit-ranger"),
	    "LimitRanger plugin set: cpu request for container c; cpu limit for container c");
	req = request(f, API_CREATE, resource_pods,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"},"
	    "\"spec\":{\"containers\":["
	    "{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"2\"}}}]}}");
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_string_equal(err.message,
	    "pods \"p\" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, maximum "
	    "cpu usage per Pod is 1500m, but limit is 2]");
}

static void be_node(struct fixture *f, struct api_request *req)
{
	user_init(f->arena, &req->user, "system:node:n1", NULL);
	user_add_group(f->arena, &req->user, GROUP_NODES);
}

static void test_node_restriction(void **state)
{
	struct fixture *f = *state;
	struct error err;
	struct api_request *req = request(f, API_CREATE, resource_nodes,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\",\"labels\":{\"kubernetes."
	    "io/hostname\":\"h\","
	    "\"plain\":\"1\"}}}");

	be_node(f, req);
	assert_int_equal(admit(req, &err), API_NEXT);
	assert_string_equal(
	    ((CoreV1__Node *)req->object->msg)->spec->taints[0]->key, "node.kubernetes.io/not-ready");
	req = request(f, API_CREATE, resource_nodes,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\",\"labels\":{"
	    "\"node-restriction.kubernetes.io/x\":\"1\",\"foo.k8s.io/y\":\"2\"}}}");
	be_node(f, req);
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_non_null(strstr(err.message, "foo.k8s.io/y, node-restriction.kubernetes.io/x"));
	req = request(f, API_CREATE, resource_pods, POD("", "\"nodeName\":\"n1\","));
	be_node(f, req);
	assert_int_equal(admit(req, &err), API_FAIL);
	fake_add(&f->objects,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\",\"uid\":\"u1\"}}");
	req = request(f, API_CREATE, resource_pods,
	    POD(",\"annotations\":{\"kubernetes.io/"
		"config.mirror\":\"h\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\","
		"\"name\":\"n1\",\"uid\":\"u1\",\"controller\":true}]",
		"\"nodeName\":\"n1\","));
	be_node(f, req);
	assert_int_equal(admit(req, &err), API_NEXT);
}

static void test_pod_security(void **state)
{
	struct fixture *f = *state;
	struct error err;

	object_unref(f->objects.objects[0]);
	f->objects.objects[0] = fake_object(
	    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\",\"labels\":{"
	    "\"pod-security.kubernetes.io/enforce\":\"baseline\",\"pod-security.kubernetes.io/"
	    "warn\":\"restricted\"}}}");
	struct api_request *req = request(f, API_CREATE, resource_pods, POD("", ""));
	assert_int_equal(admit(req, &err), API_NEXT);
	assert_int_equal(req->warnings_len, 1);
	assert_string_equal(req->warnings[0],
	    "would violate PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container "
	    "\"c\" must set "
	    "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" "
	    "must set "
	    "securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must "
	    "set "
	    "securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set "
	    "securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")");
	req = request(f, API_CREATE, resource_pods,
	    POD("", "\"hostNetwork\":true,\"hostPID\":true,\"volumes\":[{\"name\":\"v\",\"hostPath\":{"
		    "\"path\":\"/\"}}],"));
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_string_equal(err.message,
	    "pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces "
	    "(hostNetwork=true, hostPID=true), hostPath volumes (volume \"v\")");
	req = request(f, API_UPDATE, resource_namespaces,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\","
	    "\"labels\":{\"pod-security.kubernetes.io/enforce\":\"bogus\"}}}");
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_int_equal(err.code, ERR_INVALID);
}

static void test_storage(void **state)
{
	struct fixture *f = *state;
	struct error err;
	const char *claim = "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{"
			    "\"name\":\"c\",\"namespace\":\"a\"},"
			    "\"spec\":{\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}";

	fake_add(&f->objects,
	    "{\"apiVersion\":\"storage.k8s.io/v1\",\"kind\":\"StorageClass\",\"metadata\":{\"name\":\"std\","
	    "\"annotations\":{\"storageclass.kubernetes.io/"
	    "is-default-class\":\"true\"}},\"provisioner\":\"p\"}");
	struct api_request *req = request(f, API_CREATE, resource_persistentvolumeclaims, claim);
	assert_int_equal(admit(req, &err), API_NEXT);
	assert_string_equal(
	    ((CoreV1__PersistentVolumeClaim *)req->object->msg)->spec->storage_class_name, "std");
	assert_true(object_has_finalizer(req->object->meta, "kubernetes.io/pvc-protection"));
}

static void test_escalation(void **state)
{
	struct fixture *f = *state;
	struct error err;
	struct api_request *req = request(f, API_CREATE, resource_roles,
	    "{\"apiVersion\":\"rbac.authorization.k8s.io/"
	    "v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"r\",\"namespace\":\"a\"},"
	    "\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"verbs\":[\"get\"]}]}");

	assert_int_equal(admit(req, &err), API_NEXT);
	user_init(f->arena, &req->user, "alice", NULL);
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_int_equal(err.code, ERR_FORBIDDEN);
	req = request(f, API_CREATE, resource_rolebindings,
	    "{\"apiVersion\":\"rbac.authorization.k8s.io/"
	    "v1\",\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"b\",\"namespace\":\"a\"},"
	    "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"none\"}}");
	user_init(f->arena, &req->user, "alice", NULL);
	assert_int_equal(admit(req, &err), API_FAIL);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static const char *usage_text(struct fixture *f, const struct resource_type *type, const char *json)
{
	struct object *obj = fake_add(&f->objects, json);
	struct amounts usage = quota_usage_of(f->arena, type->group, type->plural, obj, 1700000000);
	return amounts_text(f->arena, &usage);
}

static void test_quota_usage(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(
	    usage_text(f, resource_pods,
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"q\",\"namespace\":\"a\"},"
		"\"spec\":{\"containers\":["
		"{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"100m\",\"x.test/"
		"gpu\":\"1\"},\"limits\":{\"memory\":\"1Gi\"}}}],"
		"\"initContainers\":[{\"name\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}},"
		"{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"200m\"}}"
		"}]}}"),
	    "count/pods=1,cpu=1,limits.memory=1Gi,pods=1,requests.cpu=1,requests.x.test/gpu=1");
	assert_string_equal(usage_text(f, resource_pods,
				"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"d\","
				"\"namespace\":\"a\"},\"spec\":{\"containers\":[]},"
				"\"status\":{\"phase\":\"Succeeded\"}}"),
	    "count/pods=1");
	assert_string_equal(usage_text(f, resource_services,
				"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\","
				"\"namespace\":\"a\"},\"spec\":{\"type\":"
				"\"NodePort\",\"ports\":[{\"port\":1},{\"port\":2}]}}"),
	    "count/services=1,services=1,services.loadbalancers=0,services.nodeports=2");
	assert_string_equal(
	    usage_text(f, resource_deployments,
		"{\"apiVersion\":\"apps/"
		"v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\",\"namespace\":\"a\"}}"),
	    "count/deployments.apps=1");
}

/* An unreadable PEM block, and a request whose subject is in the group system:masters. */
#define UNREADABLE                                                                                           \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KQUFBQQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRV"         \
	"NULS0tLS0K"
static const char masters_request[] =
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIeE1JR1lBZ0VBTURZeERUQUxCZ05WQkFNTUJHcG"
    "hibVV4RERBS0JnTlZCQW9NQTJSbGRqRVhNQlVHQTFVRQpDZ3dPYzNsemRHVnRPbTFoYzNSbGNuTXdXVEFUQmdjcWhr"
    "ak9QUUlCQmdncWhrak9QUU1CQndOQ0FBUWU4a1NNCmFWV1VScmQwNHdPSFoyVFI4aTB5UDQ4blpnSEF3emt5THV0QT"
    "lSeHRXRHJkUGtvdFcwcWtIaUdEaTRNYU5XT0QKdmUwbTd5VURCTmN3VzJDT29BQXdDZ1lJS29aSXpqMEVBd0lEU0FB"
    "d1JRSWdYS2NTNmh6akhhOEU0ZDJ2STNpVQpYb3I3RWlwaHRRN3Y2WFZHaDB0SHpya0NJUUQ4eTdGZmlhdHJHL2xBUE"
    "JSUThZLzNqc2x6bmdFSFlZVkcvQ0FkClR0WnZOQT09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";

static int admit_csr(struct fixture *f, const char *signer, const char *request_text, struct error *err)
{
	struct api_request *req = request(f, API_CREATE, resource_certificatesigningrequests,
	    arena_printf(f->arena,
		"{\"apiVersion\":\"certificates.k8s.io/"
		"v1\",\"kind\":\"CertificateSigningRequest\",\"metadata\":{"
		"\"name\":\"c\"},\"spec\":{\"signerName\":\"%s\",\"usages\":[\"client "
		"auth\"],\"request\":\"%s\"}}",
		signer, request_text));

	return admit(req, err);
}

/* Nobody gets a certificate for system:masters, and nobody hides one behind what is no request. */
static void test_certificate_subject(void **state)
{
	static const char signer[] = "kubernetes.io/kube-apiserver-client";
	struct fixture *f = *state;
	struct error err;

	assert_int_equal(admit_csr(f, "a.b/c", masters_request, &err), API_NEXT);
	assert_int_equal(admit_csr(f, signer, masters_request, &err), -1);
	assert_non_null(strstr(err.message, "system:masters group is not allowed"));
	assert_int_equal(admit_csr(f, signer, UNREADABLE, &err), -1);
	assert_non_null(strstr(err.message, "spec.request cannot be read"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_every_pod),
	    TEST(test_service_account),
	    TEST(test_namespaces),
	    TEST(test_priority),
	    TEST(test_limit_ranger),
	    TEST(test_node_restriction),
	    TEST(test_pod_security),
	    TEST(test_storage),
	    TEST(test_escalation),
	    TEST(test_quota_usage),
	    TEST(test_certificate_subject),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
