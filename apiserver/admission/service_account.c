/*
 * ServiceAccount: every pod runs as a service account of its namespace, gets the account's pull secrets, and,
 * unless pod or account decline, a projected volume with a token, the cluster's CA and the namespace's name.
 */
#include "apiserver/admission/plugin.h"

#include "apiserver/auth/pod_refs.h"
#include "lib/loop/loop.h"

#define MOUNT_PATH "/var/run/secrets/kubernetes.io/serviceaccount"
#define VOLUME_PREFIX "kube-api-access-"
#define TOKEN_SECONDS 3607 /* an hour and what marks the token as injected: see auth/token_request.c */
#define DEFAULT_MODE 0644
#define WAIT_MS 100
#define WAIT_ATTEMPTS 15

static CoreV1__VolumeProjection *new_token_source(struct arena *arena)
{
	CoreV1__VolumeProjection *p = API_NEW(arena, core_v1__volume_projection);

	p->service_account_token = API_NEW(arena, core_v1__service_account_token_projection);
	p->service_account_token->has_expiration_seconds = true;
	p->service_account_token->expiration_seconds = TOKEN_SECONDS;
	p->service_account_token->path = arena_strdup(arena, "token");
	return p;
}

static CoreV1__VolumeProjection *new_ca_source(struct arena *arena)
{
	CoreV1__VolumeProjection *p = API_NEW(arena, core_v1__volume_projection);
	CoreV1__KeyToPath *item = API_NEW(arena, core_v1__key_to_path);

	p->config_map = API_NEW(arena, core_v1__config_map_projection);
	p->config_map->local_object_reference->name = arena_strdup(arena, "kube-root-ca.crt");
	item->key = arena_strdup(arena, "ca.crt");
	item->path = arena_strdup(arena, "ca.crt");
	api_append(arena, p->config_map, items, item);
	return p;
}

static CoreV1__VolumeProjection *new_namespace_source(struct arena *arena)
{
	CoreV1__VolumeProjection *p = API_NEW(arena, core_v1__volume_projection);
	CoreV1__DownwardAPIVolumeFile *item = API_NEW(arena, core_v1__downward_apivolume_file);

	p->downward_api = API_NEW(arena, core_v1__downward_apiprojection);
	item->path = arena_strdup(arena, "namespace");
	item->field_ref = API_NEW(arena, core_v1__object_field_selector);
	item->field_ref->api_version = arena_strdup(arena, "v1");
	item->field_ref->field_path = arena_strdup(arena, "metadata.namespace");
	api_append(arena, p->downward_api, items, item);
	return p;
}

static CoreV1__Volume *new_volume(struct arena *arena, const char *name)
{
	CoreV1__Volume *v = API_NEW(arena, core_v1__volume);
	CoreV1__ProjectedVolumeSource *projected = API_NEW(arena, core_v1__projected_volume_source);

	v->name = arena_strdup(arena, name);
	api_append(arena, projected, sources, new_token_source(arena));
	api_append(arena, projected, sources, new_ca_source(arena));
	api_append(arena, projected, sources, new_namespace_source(arena));
	projected->has_default_mode = true;
	projected->default_mode = DEFAULT_MODE;
	v->volume_source->projected = projected;
	return v;
}

/* An injected volume may be there already: a controller copied a whole pod. */
static const char *existing_volume(const CoreV1__PodSpec *spec)
{
	for (size_t i = 0; i < spec->n_volumes; i++)
		if (str_has_prefix(spec->volumes[i]->name, VOLUME_PREFIX))
			return spec->volumes[i]->name;
	return NULL;
}

static bool has_volume(const CoreV1__PodSpec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_volumes; i++)
		if (str_eq(spec->volumes[i]->name, name))
			return true;
	return false;
}

static bool mounts_path(const CoreV1__Container *c)
{
	for (size_t i = 0; i < c->n_volume_mounts; i++)
		if (str_eq(c->volume_mounts[i]->mount_path, MOUNT_PATH))
			return true;
	return false;
}

/* True when the container needed the mount. */
static bool mount(struct arena *arena, CoreV1__Container *c, const char *volume)
{
	if (mounts_path(c))
		return false;
	CoreV1__VolumeMount *m = API_NEW(arena, core_v1__volume_mount);
	m->name = arena_strdup(arena, volume);
	m->has_read_only = true;
	m->read_only = true;
	m->mount_path = arena_strdup(arena, MOUNT_PATH);
	api_append(arena, c, volume_mounts, m);
	return true;
}

static void mount_token(struct arena *arena, CoreV1__PodSpec *spec)
{
	const char *name = existing_volume(spec);
	bool is_new = !name, needed = false;

	while (!name) {
		char random[6];
		str_random(random, 5);
		const char *candidate = arena_printf(arena, VOLUME_PREFIX "%s", random);
		if (!has_volume(spec, candidate))
			name = candidate;
	}
	for (size_t i = 0; i < spec->n_init_containers; i++)
		needed = mount(arena, spec->init_containers[i], name) || needed;
	for (size_t i = 0; i < spec->n_containers; i++)
		needed = mount(arena, spec->containers[i], name) || needed;
	if (is_new && needed)
		api_append(arena, spec, volumes, new_volume(arena, name));
}

static bool wants_token(const CoreV1__PodSpec *spec, const CoreV1__ServiceAccount *account)
{
	if (spec->has_automount_service_account_token)
		return spec->automount_service_account_token;
	return !account->has_automount_service_account_token || account->automount_service_account_token;
}

static void copy_pull_secrets(
    struct arena *arena, CoreV1__PodSpec *spec, const CoreV1__ServiceAccount *account)
{
	if (spec->n_image_pull_secrets > 0)
		return;
	for (size_t i = 0; i < account->n_image_pull_secrets; i++)
		api_append(arena, spec, image_pull_secrets, api_clone(arena, account->image_pull_secrets[i]));
}

struct secret_check {
	const CoreV1__ServiceAccount *account;
	const char *refused;
};

static bool is_mountable(void *arg, const char *name)
{
	struct secret_check *c = arg;

	for (size_t i = 0; i < c->account->n_secrets; i++)
		if (str_eq(c->account->secrets[i]->name, name))
			return true;
	for (size_t i = 0; i < c->account->n_image_pull_secrets; i++)
		if (str_eq(c->account->image_pull_secrets[i]->name, name))
			return true;
	c->refused = name;
	return false;
}

/* Accounts annotated so limit their pods to the secrets they list. */
static int check_secrets(struct api_request *req, const struct object *obj, const struct object *account_obj,
    const CoreV1__PodSpec *spec, struct error *err)
{
	struct secret_check c = {(const CoreV1__ServiceAccount *)account_obj->msg, NULL};

	if (!str_eq(api_map_get(account_obj->meta, annotations, "kubernetes.io/enforce-mountable-secrets"),
		"true") ||
	    pod_visit_secrets(spec, is_mountable, &c))
		return API_NEXT;
	return admission_forbid(req, obj, err,
	    "secret with secret.secretName=\"%s\" is not allowed because service account %s "
	    "does not reference that secret",
	    c.refused, object_name(account_obj));
}

/* Stops the walk at the first. */
static bool is_no_secret(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return false;
}

static int admit_mirror(
    struct api_request *req, const struct object *obj, const CoreV1__PodSpec *spec, struct error *err)
{
	if (!str_empty(spec->service_account_name))
		return admission_forbid(req, obj, err, "a mirror pod may not reference service accounts");
	if (!pod_visit_secrets(spec, is_no_secret, NULL))
		return admission_forbid(req, obj, err, "a mirror pod may not reference secrets");
	for (size_t i = 0; i < spec->n_volumes; i++) {
		const CoreV1__ProjectedVolumeSource *projected = spec->volumes[i]->volume_source->projected;
		for (size_t s = 0; projected && s < projected->n_sources; s++)
			if (projected->sources[s]->service_account_token)
				return admission_forbid(req, obj, err,
				    "a mirror pod may not use ServiceAccountToken volume projections");
	}
	return API_NEXT;
}

/* --- waiting for the default account --- */

struct waiting { /* lives in the request's arena */
	struct api_request *req;
	struct loop_timer *timer;
	int attempts;
};

static void look_again(void *arg)
{
	struct waiting *w = arg;

	loop_timer_free(w->timer);
	w->timer = NULL;
	api_request_resume(w->req);
}

/* A new namespace gets its default account from the controller a moment later: its first pods wait for that.
 */
static bool wait_for_default(struct api_request *req)
{
	struct waiting *w = req->stage_state;

	if (!w) {
		req->stage_state = w = ARENA_NEW(req->arena, struct waiting);
		w->req = req;
	}
	if (++w->attempts > WAIT_ATTEMPTS)
		return false;
	w->timer = loop_timer_new(req->server->loop, look_again, w);
	loop_timer_start(w->timer, WAIT_MS, 0);
	return true;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Pod *pod = pod_of(req, obj);

	(void)old;
	if (!pod || !is_create(req))
		return API_NEXT;
	CoreV1__PodSpec *spec = pod->spec;
	if (api_map_get(obj->meta, annotations, "kubernetes.io/config.mirror"))
		return admit_mirror(req, obj, spec, err);
	if (str_empty(spec->service_account_name))
		spec->service_account_name =
		    arena_strdup(obj->arena, str_or(spec->service_account, "default"));
	spec->service_account = spec->service_account_name; /* the deprecated field always says the same */
	const struct object *account_obj = reader_get(
	    auth_reader(req->server), resource_serviceaccounts, req->info.ns, spec->service_account_name);
	bool is_default = str_eq(spec->service_account_name, "default");
	if (!account_obj && is_default && wait_for_default(req))
		return API_PENDING;
	int rc = account_obj || is_default ? API_NEXT : admission_refresh(req, err);
	if (rc != API_NEXT)
		return rc;
	if (!account_obj)
		return admission_forbid(req, obj, err,
		    "error looking up service account %s/%s: serviceaccount \"%s\" not found", req->info.ns,
		    spec->service_account_name, spec->service_account_name);
	const CoreV1__ServiceAccount *account = (const CoreV1__ServiceAccount *)account_obj->msg;
	if (wants_token(spec, account))
		mount_token(obj->arena, spec);
	copy_pull_secrets(obj->arena, spec, account);
	return check_secrets(req, obj, account_obj, spec, err);
}

const struct admission_plugin admission_service_account = {
    .name = "ServiceAccount",
    .operations = ADMIT_CREATE,
    .mutate = admit,
};
