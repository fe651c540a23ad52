#include "apiserver/auth/node_authorizer.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/auth/node_rules.h"
#include "apiserver/auth/object_reader.h"
#include "apiserver/auth/pod_refs.h"
#include "apiserver/auth/rbac.h"
#include "lib/api/labels.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/resources/resource.h"
#include "proto/storage_v1.pb-c.h"

struct node_authorizer {
	const struct object_reader *reader;
	struct strmap *nodes; /* node name -> strmap: "ns/name" -> struct object (referenced) */
};

struct node_authorizer *node_authorizer_new(const struct object_reader *reader)
{
	struct node_authorizer *na = calloc(1, sizeof(*na));
	if (!na)
		abort();
	na->reader = reader;
	na->nodes = strmap_new();
	return na;
}

static void free_pod(void *value)
{
	object_unref(value);
}

static void free_pods(void *value)
{
	strmap_free(value, free_pod);
}

void node_authorizer_free(struct node_authorizer *na)
{
	if (!na)
		return;
	strmap_free(na->nodes, free_pods);
	free(na);
}

static const CoreV1__Pod *as_pod(const struct object *obj)
{
	return obj && obj->msg && obj->msg->descriptor == &core_v1__pod__descriptor
		   ? (const CoreV1__Pod *)obj->msg
		   : NULL;
}

static void forget_pod(struct node_authorizer *na, const char *node, const char *key)
{
	struct strmap *pods = strmap_get(na->nodes, node);

	if (!pods)
		return;
	object_unref(strmap_remove(pods, key));
	if (strmap_len(pods) == 0)
		strmap_free(strmap_remove(na->nodes, node), free_pod);
}

void node_authorizer_observe(struct node_authorizer *na, const struct object *old, const struct object *new_)
{
	const CoreV1__Pod *was = as_pod(old), *is = as_pod(new_);
	char key[OBJECT_KEY_MAX];

	if (was && !str_empty(was->spec->node_name) &&
	    !(is && strcmp(was->spec->node_name, is->spec->node_name) == 0))
		forget_pod(na, was->spec->node_name, object_key(old, key));
	if (!is || str_empty(is->spec->node_name))
		return;
	struct strmap *pods = strmap_get(na->nodes, is->spec->node_name);
	if (!pods) {
		pods = strmap_new();
		strmap_put(na->nodes, is->spec->node_name, pods);
	}
	object_unref(strmap_put(pods, object_key(new_, key), (void *)object_ref(new_)));
}

/* A search through one node's pods. */
struct search {
	const struct node_authorizer *na;
	const char *ns, *name;
	bool found;
};

typedef bool pod_test(struct search *s, const struct object *obj, const CoreV1__Pod *pod);

static bool any_pod(const struct node_authorizer *na, const char *node, pod_test *test, struct search *s)
{
	const struct strmap *pods = strmap_get(na->nodes, node);

	s->na = na;
	if (!pods)
		return false;
	strmap_for_each (pods, e) {
		const struct object *obj = strmap_value(e);
		if (test(s, obj, as_pod(obj)))
			return true;
	}
	return false;
}

static bool same_name(void *arg, const char *name)
{
	struct search *s = arg;
	s->found = strcmp(name, s->name) == 0;
	return !s->found;
}

static bool in_namespace(const struct search *s, const struct object *obj)
{
	return str_eq(object_namespace(obj), s->ns);
}

static bool is_pod(struct search *s, const struct object *obj, const CoreV1__Pod *pod)
{
	(void)pod;
	return in_namespace(s, obj) && strcmp(object_name(obj), s->name) == 0;
}

static bool uses_config_map(struct search *s, const struct object *obj, const CoreV1__Pod *pod)
{
	return in_namespace(s, obj) && !pod_visit_config_maps(pod->spec, same_name, s);
}

static bool uses_claim(struct search *s, const struct object *obj, const CoreV1__Pod *pod)
{
	return in_namespace(s, obj) && !pod_visit_claims(pod, same_name, s);
}

static bool uses_account(struct search *s, const struct object *obj, const CoreV1__Pod *pod)
{
	return in_namespace(s, obj) && str_eq(pod->spec->service_account_name, s->name);
}

/* Pod -> claim -> volume: the volumes of the pod's claims are put before visit_volume. */
struct volume_walk {
	struct search *search;
	const char *pod_ns;
	bool (*visit_volume)(struct search *s, const CoreV1__PersistentVolume *pv, const char *pv_name);
};

static bool visit_claim_volume(void *arg, const char *claim_name)
{
	struct volume_walk *w = arg;
	const struct object_reader *reader = w->search->na->reader;
	const struct object *claim =
	    reader_get(reader, resource_persistentvolumeclaims, w->pod_ns, claim_name);

	if (!claim)
		return true;
	const char *volume_name = ((const CoreV1__PersistentVolumeClaim *)claim->msg)->spec->volume_name;
	if (str_empty(volume_name))
		return true;
	const struct object *volume = reader_get(reader, resource_persistentvolumes, "", volume_name);
	const CoreV1__PersistentVolume *pv = volume ? (const CoreV1__PersistentVolume *)volume->msg : NULL;
	w->search->found = w->visit_volume(w->search, pv, volume_name);
	return !w->search->found;
}

static bool is_volume(struct search *s, const CoreV1__PersistentVolume *pv, const char *pv_name)
{
	(void)pv;
	return strcmp(pv_name, s->name) == 0;
}

static bool uses_volume(struct search *s, const struct object *obj, const CoreV1__Pod *pod)
{
	struct volume_walk w = {s, object_namespace(obj), is_volume};
	return !pod_visit_claims(pod, visit_claim_volume, &w);
}

static bool is_secret_ref(const struct search *s, const CoreV1__SecretReference *ref)
{
	return ref && str_eq(ref->namespace_, s->ns) && str_eq(ref->name, s->name);
}

static bool volume_names_secret(struct search *s, const CoreV1__PersistentVolume *pv, const char *pv_name)
{
	(void)pv_name;
	if (!pv || !pv->spec->persistent_volume_source)
		return false;
	const CoreV1__PersistentVolumeSource *v = pv->spec->persistent_volume_source;
	return (v->csi && (is_secret_ref(s, v->csi->node_publish_secret_ref) ||
			      is_secret_ref(s, v->csi->node_stage_secret_ref) ||
			      is_secret_ref(s, v->csi->node_expand_secret_ref))) ||
	       (v->rbd && is_secret_ref(s, v->rbd->secret_ref)) ||
	       (v->cephfs && is_secret_ref(s, v->cephfs->secret_ref)) ||
	       (v->iscsi && is_secret_ref(s, v->iscsi->secret_ref)) ||
	       (v->flex_volume && is_secret_ref(s, v->flex_volume->secret_ref)) ||
	       (v->azure_file && str_eq(v->azure_file->secret_name, s->name));
}

static bool uses_secret(struct search *s, const struct object *obj, const CoreV1__Pod *pod)
{
	struct volume_walk w = {s, object_namespace(obj), volume_names_secret};

	if (in_namespace(s, obj) && !pod_visit_secrets(pod->spec, same_name, s))
		return true;
	return !pod_visit_claims(pod, visit_claim_volume, &w);
}

/* One question on its way through the rules below. */
struct question {
	const struct node_authorizer *na;
	const char *node;
	const struct authz_attributes *a;
	struct arena *arena;
	const char **ret_reason;
};

static enum authz_decision refuse(const struct question *q, const char *reason)
{
	if (q->ret_reason)
		*q->ret_reason = reason;
	return AUTHZ_NO_OPINION;
}

static bool verb_in(const struct question *q, const char *const *verbs)
{
	return str_in(q->a->verb, verbs);
}
#define VERBS(...) ((const char *const[]){__VA_ARGS__, NULL})

static enum authz_decision by_relation(const struct question *q, pod_test *test)
{
	struct search s = {.ns = q->a->ns, .name = q->a->name};

	if (str_empty(q->a->name))
		return refuse(q, "No Object name found");
	if (any_pod(q->na, q->node, test, &s))
		return AUTHZ_ALLOW;
	return refuse(
	    q, arena_printf(q->arena, "no relationship found between node '%s' and this object", q->node));
}

static enum authz_decision decide_read(const struct question *q, pod_test *test)
{
	if (!verb_in(q, VERBS("get", "list", "watch")))
		return refuse(q, "can only read resources of this type");
	if (!str_empty(q->a->subresource))
		return refuse(q, "cannot read subresource");
	if (str_empty(q->a->ns))
		return refuse(q, "can only read namespaced object of this type");
	return by_relation(q, test);
}

static enum authz_decision decide_get(const struct question *q, pod_test *test)
{
	if (!verb_in(q, VERBS("get")))
		return refuse(q, "can only get individual resources of this type");
	if (!str_empty(q->a->subresource))
		return refuse(q, "cannot get subresource");
	return by_relation(q, test);
}

static enum authz_decision decide_claim(const struct question *q)
{
	if (!str_eq(q->a->subresource, "status"))
		return decide_get(q, uses_claim);
	if (!verb_in(q, VERBS("update", "patch")))
		return refuse(q, "can only get/update/patch this type");
	return by_relation(q, uses_claim);
}

static enum authz_decision decide_token(const struct question *q)
{
	if (!verb_in(q, VERBS("create")) || str_empty(q->a->name))
		return refuse(q, "can only create tokens for individual service accounts");
	if (!str_eq(q->a->subresource, "token"))
		return refuse(q, "can only create token subresource of serviceaccount");
	return by_relation(q, uses_account);
}

static enum authz_decision decide_attachment(const struct question *q)
{
	const struct object *obj = reader_get(q->na->reader, resource_volumeattachments, "", q->a->name);

	if (!verb_in(q, VERBS("get")) || !str_empty(q->a->subresource))
		return refuse(q, "can only get individual resources of this type");
	if (obj && str_eq(((const StorageV1__VolumeAttachment *)obj->msg)->spec->node_name, q->node))
		return AUTHZ_ALLOW;
	return refuse(
	    q, arena_printf(q->arena, "no relationship found between node '%s' and this object", q->node));
}

/* Leases and CSINodes carry the node's name; NodeRestriction looks at the name on create. */
static enum authz_decision decide_own(const struct question *q, const char *what)
{
	if (!verb_in(q, VERBS("get", "create", "update", "patch", "delete")))
		return refuse(
		    q, arena_printf(q->arena, "can only get, create, update, patch, or delete a %s", what));
	if (!str_empty(q->a->subresource))
		return refuse(q, arena_printf(q->arena, "cannot authorize %s subresources", what));
	if (!verb_in(q, VERBS("create")) && !str_eq(q->a->name, q->node))
		return refuse(q, arena_printf(q->arena,
				     "can only access %s with the same name as the requesting node", what));
	return AUTHZ_ALLOW;
}

static enum authz_decision decide_lease(const struct question *q)
{
	if (!str_eq(q->a->ns, "kube-node-lease"))
		return refuse(q, "can only access leases in the \"kube-node-lease\" system namespace");
	return decide_own(q, "node lease");
}

static enum authz_decision decide_node(const struct question *q)
{
	if (str_empty(q->a->subresource) && verb_in(q, VERBS("create", "update", "patch")))
		return AUTHZ_ALLOW;
	if (str_eq(q->a->subresource, "status") && verb_in(q, VERBS("update", "patch")))
		return AUTHZ_ALLOW;
	if (!str_empty(q->a->subresource) || !verb_in(q, VERBS("get", "list", "watch")))
		return refuse(q, "");
	if (str_eq(q->a->name, q->node))
		return AUTHZ_ALLOW;
	if (str_empty(q->a->name))
		return refuse(q, arena_printf(q->arena,
				     "node '%s' cannot read all nodes, only its own Node object", q->node));
	return refuse(q, arena_printf(q->arena, "node '%s' cannot read '%s', only its own Node object",
			     q->node, q->a->name));
}

static bool selects_own_pods(const struct question *q)
{
	const struct field_selector *f = q->a->fields;

	for (size_t i = 0; f && i < f->len; i++)
		if (f->terms[i].equal && str_eq(f->terms[i].field, "spec.nodeName") &&
		    str_eq(f->terms[i].value, q->node))
			return true;
	return false;
}

static enum authz_decision decide_pod(const struct question *q)
{
	const char *sub = q->a->subresource;

	if ((str_eq(sub, "status") && verb_in(q, VERBS("update", "patch"))) ||
	    (str_eq(sub, "eviction") && verb_in(q, VERBS("create"))) ||
	    (str_empty(sub) && verb_in(q, VERBS("create", "delete"))))
		return AUTHZ_ALLOW;
	if (!str_empty(sub))
		return refuse(q, "");
	if (verb_in(q, VERBS("get")))
		return by_relation(q, is_pod);
	if (!verb_in(q, VERBS("list", "watch")))
		return refuse(q, "");
	if (selects_own_pods(q))
		return AUTHZ_ALLOW;
	if (!str_empty(q->a->name))
		return by_relation(q, is_pod);
	return refuse(q, "can only list/watch pods with spec.nodeName field selector");
}

static bool is(const struct authz_attributes *a, const char *group, const char *resource)
{
	return strcmp(a->group, group) == 0 && strcmp(a->resource, resource) == 0;
}

enum authz_decision node_authorizer_decide(const struct node_authorizer *na, const struct authz_attributes *a,
    struct arena *arena, const char **ret_reason)
{
	const char *node = user_node_name(a->user);
	const struct question q = {na, node, a, arena, ret_reason};

	if (!node)
		return AUTHZ_NO_OPINION;
	if (node[0] == '\0')
		return refuse(&q, arena_printf(arena, "unknown node for user \"%s\"", a->user->name));
	if (a->is_resource) {
		if (is(a, "", "secrets"))
			return decide_read(&q, uses_secret);
		if (is(a, "", "configmaps"))
			return decide_read(&q, uses_config_map);
		if (is(a, "", "persistentvolumeclaims"))
			return decide_claim(&q);
		if (is(a, "", "persistentvolumes"))
			return decide_get(&q, uses_volume);
		if (is(a, "storage.k8s.io", "volumeattachments"))
			return decide_attachment(&q);
		if (is(a, "", "serviceaccounts"))
			return decide_token(&q);
		if (is(a, "coordination.k8s.io", "leases"))
			return decide_lease(&q);
		if (is(a, "storage.k8s.io", "csinodes"))
			return decide_own(&q, "CSINode");
		if (is(a, "", "nodes"))
			return decide_node(&q);
		if (is(a, "", "pods"))
			return decide_pod(&q);
	}
	return node_rules_allow(a) ? AUTHZ_ALLOW : refuse(&q, "");
}
