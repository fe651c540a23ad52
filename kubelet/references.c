#include "kubelet/references.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/pod_facts.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/informer.h"
#include "lib/resources/resource.h"

/* One object that pods refer to. It has an informer set of its own, so that its watch ends with the last pod.
 */
struct reference {
	struct references *refs;
	char *key;
	char ns[64], name[256];
	struct informer_set *set;
	struct informer *informer;
	const struct object *injected; /* without client */
	bool injected_known;
	struct strmap *pods; /* uids */
};

struct references {
	struct rest_client *client;
	struct strmap *by_key; /* kind/ns/name -> struct reference */
	struct strmap *by_pod; /* uid -> struct strmap of keys -> struct reference */
	void (*on_change)(void *arg, const char *pod_uid);
	void *arg;
};

static char *key_of(enum reference_kind kind, const char *ns, const char *name)
{
	char *key = NULL;
	if (asprintf(&key, "%d/%s/%s", (int)kind, ns, name) < 0)
		abort();
	return key;
}

static void notify(struct reference *r)
{
	/* The handler may add or drop references: walk over a copy. */
	size_t len = 0;
	char **uids = calloc(strmap_len(r->pods) + 1, sizeof *uids);
	strmap_for_each (r->pods, e)
		uids[len++] = strdup(strmap_key(e));
	struct references *refs = r->refs;
	for (size_t i = 0; i < len; i++) {
		if (refs->on_change)
			refs->on_change(refs->arg, uids[i]);
		free(uids[i]);
	}
	free(uids);
}

static void on_object(void *arg, const struct object *old, const struct object *new_)
{
	struct reference *r = arg;
	if (informer_synced(r->informer))
		notify(r);
}

static void on_synced(void *arg)
{
	notify(arg);
}

static void reference_free(void *p)
{
	struct reference *r = p;
	if (r->set)
		informer_set_free(r->set);
	object_unref(r->injected);
	strmap_free(r->pods, NULL);
	free(r->key);
	free(r);
}

static struct reference *reference_new(
    struct references *refs, enum reference_kind kind, const char *ns, const char *name)
{
	struct reference *r = calloc(1, sizeof *r);
	r->refs = refs;
	r->key = key_of(kind, ns, name);
	snprintf(r->ns, sizeof r->ns, "%s", ns);
	snprintf(r->name, sizeof r->name, "%s", name);
	r->pods = strmap_new();
	strmap_put(refs->by_key, r->key, r);
	if (!refs->client)
		return r;
	char selector[300];
	snprintf(selector, sizeof selector, "metadata.name=%s", name);
	r->set = informer_set_new(refs->client);
	r->informer = informer_get_filtered(
	    r->set, kind == REFERENCE_SECRET ? resource_secrets : resource_configmaps, ns, NULL, selector);
	informer_add_handler(r->informer, on_object, r);
	informer_set_on_synced(r->set, on_synced, r);
	informer_set_start(r->set);
	return r;
}

struct references *references_new(
    struct rest_client *client, void (*on_change)(void *arg, const char *pod_uid), void *arg)
{
	struct references *refs = calloc(1, sizeof *refs);
	*refs = (struct references){.client = client,
	    .by_key = strmap_new(),
	    .by_pod = strmap_new(),
	    .on_change = on_change,
	    .arg = arg};
	return refs;
}

void references_set_handler(
    struct references *refs, void (*on_change)(void *arg, const char *pod_uid), void *arg)
{
	refs->on_change = on_change;
	refs->arg = arg;
}

static void free_keys(void *p)
{
	strmap_free(p, NULL);
}

void references_free(struct references *refs)
{
	if (!refs)
		return;
	strmap_free(refs->by_pod, free_keys);
	strmap_free(refs->by_key, reference_free);
	free(refs);
}

/* ---- what a pod refers to ---- */

struct collector {
	struct references *refs;
	const char *uid, *ns;
	struct strmap *keys;
};

static void want(struct collector *c, enum reference_kind kind, const char *name)
{
	if (str_empty(name))
		return;
	char *key = key_of(kind, c->ns, name);
	struct reference *r = strmap_get(c->refs->by_key, key);
	if (!r)
		r = reference_new(c->refs, kind, c->ns, name);
	strmap_put(r->pods, c->uid, r);
	strmap_put(c->keys, key, r);
	free(key);
}

static void want_container(struct collector *c, size_t n_env, CoreV1__EnvVar *const *env, size_t n_from,
    CoreV1__EnvFromSource *const *from)
{
	for (size_t i = 0; i < n_env; i++) {
		const CoreV1__EnvVarSource *s = env[i]->value_from;
		if (s && s->config_map_key_ref)
			want(c, REFERENCE_CONFIG_MAP, s->config_map_key_ref->local_object_reference->name);
		if (s && s->secret_key_ref)
			want(c, REFERENCE_SECRET, s->secret_key_ref->local_object_reference->name);
	}
	for (size_t i = 0; i < n_from; i++) {
		if (from[i]->config_map_ref)
			want(c, REFERENCE_CONFIG_MAP, from[i]->config_map_ref->local_object_reference->name);
		if (from[i]->secret_ref)
			want(c, REFERENCE_SECRET, from[i]->secret_ref->local_object_reference->name);
	}
}

static void want_volume(struct collector *c, const CoreV1__VolumeSource *v)
{
	if (v->config_map)
		want(c, REFERENCE_CONFIG_MAP, v->config_map->local_object_reference->name);
	if (v->secret)
		want(c, REFERENCE_SECRET, v->secret->secret_name);
	for (size_t i = 0; v->projected && i < v->projected->n_sources; i++) {
		const CoreV1__VolumeProjection *p = v->projected->sources[i];
		if (p->config_map)
			want(c, REFERENCE_CONFIG_MAP, p->config_map->local_object_reference->name);
		if (p->secret)
			want(c, REFERENCE_SECRET, p->secret->local_object_reference->name);
	}
}

static void drop(struct references *refs, struct reference *r, const char *uid)
{
	strmap_remove(r->pods, uid);
	if (strmap_len(r->pods))
		return;
	strmap_remove(refs->by_key, r->key);
	reference_free(r);
}

void references_add_pod(struct references *refs, const struct object *obj)
{
	const CoreV1__PodSpec *spec = pod_of(obj)->spec;
	struct collector c = {
	    .refs = refs, .uid = obj->meta->uid, .ns = obj->meta->namespace_, .keys = strmap_new()};
	for (size_t i = 0; i < spec->n_init_containers; i++)
		want_container(&c, spec->init_containers[i]->n_env, spec->init_containers[i]->env,
		    spec->init_containers[i]->n_env_from, spec->init_containers[i]->env_from);
	for (size_t i = 0; i < spec->n_containers; i++)
		want_container(&c, spec->containers[i]->n_env, spec->containers[i]->env,
		    spec->containers[i]->n_env_from, spec->containers[i]->env_from);
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++) {
		const CoreV1__EphemeralContainerCommon *e =
		    spec->ephemeral_containers[i]->ephemeral_container_common;
		want_container(&c, e->n_env, e->env, e->n_env_from, e->env_from);
	}
	for (size_t i = 0; i < spec->n_volumes; i++)
		want_volume(&c, spec->volumes[i]->volume_source);
	for (size_t i = 0; i < spec->n_image_pull_secrets; i++)
		want(&c, REFERENCE_SECRET, spec->image_pull_secrets[i]->name);
	struct strmap *old = strmap_put(refs->by_pod, obj->meta->uid, c.keys);
	if (!old)
		return;
	strmap_for_each (old, e) {
		if (!strmap_has(c.keys, strmap_key(e)))
			drop(refs, strmap_value(e), obj->meta->uid);
	}
	strmap_free(old, NULL);
}

void references_remove_pod(struct references *refs, const char *pod_uid)
{
	struct strmap *keys = strmap_remove(refs->by_pod, pod_uid);
	if (!keys)
		return;
	strmap_for_each (keys, e)
		drop(refs, strmap_value(e), pod_uid);
	strmap_free(keys, NULL);
}

static bool is_pending(const struct reference *r)
{
	return r->informer ? !informer_synced(r->informer) : !r->injected_known;
}

bool references_synced(const struct references *refs, const char *pod_uid)
{
	struct strmap *keys = strmap_get(refs->by_pod, pod_uid);
	if (!keys)
		return true;
	strmap_for_each (keys, e) {
		if (is_pending(strmap_value(e)))
			return false;
	}
	return true;
}

enum reference_state references_get(const struct references *refs, enum reference_kind kind, const char *ns,
    const char *name, const struct object **ret_obj)
{
	char *key = key_of(kind, ns, name);
	const struct reference *r = strmap_get(refs->by_key, key);
	free(key);
	if (!r || is_pending(r))
		return REFERENCE_PENDING;
	const struct object *obj = r->informer ? informer_lookup(r->informer, ns, name) : r->injected;
	if (!obj)
		return REFERENCE_MISSING;
	*ret_obj = obj;
	return REFERENCE_FOUND;
}

void references_inject(struct references *refs, enum reference_kind kind, const char *ns, const char *name,
    const struct object *obj)
{
	char *key = key_of(kind, ns, name);
	struct reference *r = strmap_get(refs->by_key, key);
	if (!r)
		r = reference_new(refs, kind, ns, name);
	free(key);
	object_unref(r->injected);
	r->injected = obj ? object_ref(obj) : NULL;
	r->injected_known = true;
	notify(r);
}
