/*
 * NodeRestriction: a kubelet changes its own node and its own pods only, and labels itself only where that
 * cannot steer work to it. What the authorizer cannot see, because it is in the body, is checked here.
 */
#include "apiserver/admission/plugin.h"

#include <string.h>

#include "apiserver/auth/pod_refs.h"
#include "proto/policy_v1.pb-c.h"

#define MIRROR "kubernetes.io/config.mirror"

struct ask { /* one request of a node */
	struct api_request *req;
	const char *node;
	struct object *obj;
	const struct object *old;
	struct error *err;
};

#define FORBID(a, ...) admission_forbid((a)->req, (a)->obj, (a)->err, __VA_ARGS__)

static const CoreV1__Pod *find_pod(const struct ask *a, const char *name)
{
	const struct object *obj =
	    reader_get(auth_reader(a->req->server), resource_pods, a->req->info.ns, name);
	return obj ? (const CoreV1__Pod *)obj->msg : NULL;
}

/* --- pods --- */

static int check_owner(const struct ask *a, const MetaV1__ObjectMeta *meta)
{
	if (meta->n_owner_references > 1)
		return FORBID(a,
		    "node \"%s\" can only create pods with a single owner reference set to itself", a->node);
	const MetaV1__OwnerReference *owner =
	    meta->n_owner_references == 1 ? meta->owner_references[0] : NULL;
	if (!owner || !str_eq(owner->api_version, "v1") || !str_eq(owner->kind, "Node") ||
	    !str_eq(owner->name, a->node))
		return FORBID(
		    a, "node \"%s\" can only create pods with an owner reference set to itself", a->node);
	if (!owner->has_controller || !owner->controller)
		return FORBID(a,
		    "node \"%s\" can only create pods with a controller owner reference set to itself",
		    a->node);
	if (owner->has_block_owner_deletion && owner->block_owner_deletion)
		return FORBID(
		    a, "node \"%s\" must not set blockOwnerDeletion on an owner reference", a->node);
	const struct object *node = reader_get(auth_reader(a->req->server), resource_nodes, "", a->node);
	if (!node)
		return admission_not_found("", "nodes", a->node, a->err);
	if (!str_eq(owner->uid, object_uid(node)))
		return FORBID(
		    a, "node %s UID mismatch: expected %s got %s", a->node, owner->uid, object_uid(node));
	return API_NEXT;
}

static bool stop(void *arg, const char *name)
{
	(void)arg, (void)name;
	return false;
}

/* A mirror pod that named other objects would open them to the node. */
static int check_references(const struct ask *a, const CoreV1__Pod *pod)
{
	if (!str_empty(pod->spec->service_account_name))
		return FORBID(a, "node \"%s\" can not create pods that reference a service account", a->node);
	if (!pod_visit_secrets(pod->spec, stop, NULL))
		return FORBID(a, "node \"%s\" can not create pods that reference secrets", a->node);
	if (!pod_visit_config_maps(pod->spec, stop, NULL))
		return FORBID(a, "node \"%s\" can not create pods that reference configmaps", a->node);
	if (!pod_visit_claims(pod, stop, NULL))
		return FORBID(
		    a, "node \"%s\" can not create pods that reference persistentvolumeclaims", a->node);
	return API_NEXT;
}

static int admit_pod_create(const struct ask *a)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)a->obj->msg;

	if (!api_map_get(a->obj->meta, annotations, MIRROR))
		return FORBID(a,
		    "pod does not have \"" MIRROR "\" annotation, node \"%s\" can only create mirror pods",
		    a->node);
	if (!str_eq(pod->spec->node_name, a->node))
		return FORBID(
		    a, "node \"%s\" can only create pods with spec.nodeName set to itself", a->node);
	if (check_owner(a, a->obj->meta) < 0)
		return API_FAIL;
	return check_references(a, pod);
}

static int admit_own_pod(const struct ask *a, const char *name, const char *what)
{
	const CoreV1__Pod *pod = find_pod(a, name);

	if (!pod)
		return admission_not_found("", "pods", name, a->err);
	if (!str_eq(pod->spec->node_name, a->node))
		return FORBID(
		    a, "node \"%s\" can only %s pods with spec.nodeName set to itself", a->node, what);
	return API_NEXT;
}

static bool labels_equal(const MetaV1__ObjectMeta *x, const MetaV1__ObjectMeta *y)
{
	if (x->n_labels != y->n_labels)
		return false;
	for (size_t i = 0; i < x->n_labels; i++)
		if (!str_eq(x->labels[i]->key, y->labels[i]->key) ||
		    !str_eq(x->labels[i]->value, y->labels[i]->value))
			return false;
	return true;
}

static int admit_pod_status(const struct ask *a)
{
	const CoreV1__Pod *old = OBJECT_AS(a->old, CoreV1__Pod, core_v1__pod);

	if (!old || admission_operation_of(a->req) != ADMIT_UPDATE)
		return FORBID(a, "unexpected operation");
	if (!str_eq(old->spec->node_name, a->node))
		return FORBID(a,
		    "node \"%s\" can only update pod status for pods with spec.nodeName set to itself",
		    a->node);
	if (!labels_equal(a->obj->meta, a->old->meta))
		return FORBID(a, "node \"%s\" cannot update labels through pod status", a->node);
	return API_NEXT;
}

static int admit_pod(const struct ask *a)
{
	const char *sub = a->req->info.subresource;
	enum admission_operation operation = admission_operation_of(a->req);

	if (str_eq(sub, "status"))
		return admit_pod_status(a);
	if (str_eq(sub, "eviction"))
		return admit_own_pod(a, admission_name(a->req, a->obj), "evict");
	if (!str_empty(sub))
		return FORBID(
		    a, "unexpected pod subresource \"%s\", only 'status' and 'eviction' are allowed", sub);
	if (operation == ADMIT_CREATE)
		return admit_pod_create(a);
	if (operation == ADMIT_DELETE)
		return admit_own_pod(a, admission_name(a->req, a->old), "delete");
	return FORBID(a,
	    "unexpected operation \"UPDATE\", node \"%s\" can only create and delete mirror pods", a->node);
}

/* --- nodes --- */

static bool domain_is(const char *domain, size_t len, const char *wanted)
{
	size_t n = strlen(wanted);
	if (len == n)
		return memcmp(domain, wanted, n) == 0;
	return len > n && domain[len - n - 1] == '.' && memcmp(domain + len - n, wanted, n) == 0;
}

static bool is_kubelet_label(const char *key, size_t domain_len)
{
	static const char *const known[] = {"kubernetes.io/hostname", "topology.kubernetes.io/zone",
	    "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
	    "failure-domain.beta.kubernetes.io/region", "node.kubernetes.io/instance-type",
	    "beta.kubernetes.io/instance-type", "kubernetes.io/os", "kubernetes.io/arch",
	    "beta.kubernetes.io/os", "beta.kubernetes.io/arch", NULL};

	return str_in(key, known) || domain_is(key, domain_len, "kubelet.kubernetes.io") ||
	       domain_is(key, domain_len, "node.kubernetes.io");
}

static bool is_forbidden_label(const char *key)
{
	const char *slash = strchr(key, '/');
	size_t len = slash ? (size_t)(slash - key) : 0;

	if (domain_is(key, len, "node-restriction.kubernetes.io"))
		return true;
	return (domain_is(key, len, "kubernetes.io") || domain_is(key, len, "k8s.io")) &&
	       !is_kubelet_label(key, len);
}

/* The forbidden ones among the labels of `x` that `y` has not or has otherwise. */
static const char *forbidden_changes(
    struct arena *arena, const char *list, const MetaV1__ObjectMeta *x, const MetaV1__ObjectMeta *y)
{
	for (size_t i = 0; i < x->n_labels; i++) {
		const char *key = x->labels[i]->key, *other = y ? api_map_get(y, labels, key) : NULL;
		if ((other && str_eq(other, x->labels[i]->value)) || !is_forbidden_label(key) ||
		    strstr(list, key))
			continue;
		list = arena_printf(arena, "%s%s%s", list, list[0] ? ", " : "", key);
	}
	return list;
}

static bool taints_equal(const CoreV1__NodeSpec *x, const CoreV1__NodeSpec *y)
{
	if (x->n_taints != y->n_taints)
		return false;
	for (size_t i = 0; i < x->n_taints; i++)
		if (!api_equal(x->taints[i], y->taints[i]))
			return false;
	return true;
}

static int admit_node(const struct ask *a)
{
	const CoreV1__Node *node = OBJECT_AS(a->obj, CoreV1__Node, core_v1__node);
	const CoreV1__Node *old = OBJECT_AS(a->old, CoreV1__Node, core_v1__node);
	enum admission_operation operation = admission_operation_of(a->req);
	const char *name = admission_name(a->req, a->obj ? a->obj : a->old);

	if (!str_eq(name, a->node))
		return FORBID(a, "node \"%s\" is not allowed to modify node \"%s\"", a->node, name);
	if (!node)
		return API_NEXT;
	if (operation == ADMIT_CREATE) {
		const char *bad = forbidden_changes(a->req->arena, "", a->obj->meta, NULL);
		if (bad[0])
			return FORBID(
			    a, "node \"%s\" is not allowed to set the following labels: %s", a->node, bad);
	}
	if (operation != ADMIT_UPDATE || !old)
		return API_NEXT;
	if (!taints_equal(node->spec, old->spec))
		return FORBID(a, "node \"%s\" is not allowed to modify taints", a->node);
	const char *bad = forbidden_changes(a->req->arena, "", a->obj->meta, a->old->meta);
	bad = forbidden_changes(a->req->arena, bad, a->old->meta, a->obj->meta);
	if (bad[0])
		return FORBID(a, "is not allowed to modify labels: %s", bad);
	return API_NEXT;
}

/* --- claims, tokens, leases, CSINodes --- */

static int admit_claim(const struct ask *a)
{
	if (!str_eq(a->req->info.subresource, "status"))
		return FORBID(a, "may only update PVC status");
	if (!a->obj || !a->old || admission_operation_of(a->req) != ADMIT_UPDATE)
		return FORBID(a, "unexpected operation");
	/* Compare without what the kubelet may set when it has resized a volume. */
	CoreV1__PersistentVolumeClaim *is =
	    api_clone(a->req->arena, (CoreV1__PersistentVolumeClaim *)a->obj->msg);
	CoreV1__PersistentVolumeClaim *was =
	    api_clone(a->req->arena, (CoreV1__PersistentVolumeClaim *)a->old->msg);
	CoreV1__PersistentVolumeClaim *both[] = {is, was};
	for (size_t i = 0; i < 2; i++) {
		both[i]->metadata->resource_version = (char *)"";
		both[i]->metadata->n_managed_fields = 0;
		both[i]->status->n_capacity = both[i]->status->n_conditions = 0;
		both[i]->status->n_allocated_resources = both[i]->status->n_allocated_resource_statuses = 0;
	}
	if (!api_equal(is, was))
		return FORBID(a,
		    "node \"%s\" is not allowed to update fields other than status.capacity and "
		    "status.conditions",
		    a->node);
	return API_NEXT;
}

static int admit_token(const struct ask *a)
{
	const AuthenticationV1__TokenRequest *tr =
	    OBJECT_AS(a->obj, AuthenticationV1__TokenRequest, authentication_v1__token_request);

	if (admission_operation_of(a->req) != ADMIT_CREATE || !str_eq(a->req->info.subresource, "token") ||
	    !tr)
		return API_NEXT;
	const AuthenticationV1__BoundObjectReference *ref = tr->spec->bound_object_ref;
	if (!ref || !str_eq(ref->api_version, "v1") || !str_eq(ref->kind, "Pod") || str_empty(ref->name))
		return FORBID(a, "node requested token not bound to a pod");
	if (str_empty(ref->uid))
		return FORBID(a, "node requested token with a pod binding without a uid");
	const CoreV1__Pod *pod = find_pod(a, ref->name);
	if (!pod)
		return admission_not_found("", "pods", ref->name, a->err);
	if (!str_eq(ref->uid, pod->metadata->uid))
		return FORBID(a,
		    "the UID in the bound object reference (%s) does not match the UID in record. The object "
		    "might "
		    "have been deleted and then recreated",
		    ref->uid);
	if (!str_eq(pod->spec->node_name, a->node))
		return FORBID(a, "node requested token bound to a pod scheduled on a different node");
	return API_NEXT;
}

static int admit_lease(const struct ask *a)
{
	if (!str_eq(a->req->info.ns, "kube-node-lease"))
		return FORBID(a, "can only access leases in the \"kube-node-lease\" system namespace");
	if (!str_eq(admission_name(a->req, a->obj), a->node))
		return FORBID(a, "can only access node lease with the same name as the requesting node");
	return API_NEXT;
}

static int admit_csi_node(const struct ask *a)
{
	if (!str_eq(admission_name(a->req, a->obj), a->node))
		return FORBID(a, "can only access CSINode with the same name as the requesting node");
	return API_NEXT;
}

static const struct {
	const char *group, *resource;
	int (*admit)(const struct ask *a);
} rules[] = {
    {"", "pods", admit_pod},
    {"", "nodes", admit_node},
    {"", "persistentvolumeclaims", admit_claim},
    {"", "serviceaccounts", admit_token},
    {"coordination.k8s.io", "leases", admit_lease},
    {"storage.k8s.io", "csinodes", admit_csi_node},
};

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	const struct ask a = {req, user_node_name(&req->user), obj, old, err};

	if (!a.node)
		return API_NEXT;
	if (a.node[0] == '\0')
		return FORBID(&a, "could not determine node from user \"%s\"", req->user.name);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (str_eq(rules[i].group, req->info.group) && str_eq(rules[i].resource, req->info.resource))
			return rules[i].admit(&a);
	return API_NEXT;
}

const struct admission_plugin admission_node_restriction = {
    .name = "NodeRestriction",
    .operations = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE,
    .is_off_by_default = true,
    .mutate = admit,
};
