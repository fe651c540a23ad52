#include "kubelet/pods/env.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kubelet/references.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

const char *env_get(const struct env *env, const char *name)
{
	for (size_t i = 0; env && i < env->len; i++)
		if (strcmp(env->items[i].name, name) == 0)
			return env->items[i].value;
	return NULL;
}

void env_set(struct env *env, const char *name, const char *value)
{
	for (size_t i = 0; i < env->len; i++) {
		if (strcmp(env->items[i].name, name) == 0) {
			env->items[i].value = value;
			return;
		}
	}
	env->items = arena_grow(
	    env->arena, env->items, env->len * sizeof *env->items, (env->len + 1) * sizeof *env->items);
	env->items[env->len++] = (struct env_var){name, value};
}

/* ---- expansion ---- */

static const char *expand(struct arena *arena, const char *text, const struct env *env,
    const struct env *fallback, struct error *err, bool *failed)
{
	struct buf out = BUF_INIT;
	for (const char *p = text; *p; p++) {
		if (*p != '$' || !p[1]) {
			buf_putc(&out, *p);
			continue;
		}
		if (p[1] == '$') { /* an escaped dollar sign: what follows is plain text */
			buf_putc(&out, '$');
			p++;
			continue;
		}
		const char *end = p[1] == '(' ? strchr(p, ')') : NULL;
		if (!end) {
			buf_putc(&out, '$');
			continue;
		}
		char *name = arena_strndup(arena, p + 2, (size_t)(end - p - 2));
		const char *value = env_get(env, name);
		if (!value)
			value = env_get(fallback, name);
		if (!value && err) {
			error_set(err, ERR_INVALID, "missing value for %s", name);
			*failed = true;
		}
		if (value)
			buf_puts(&out, value);
		else
			buf_append(&out, p, (size_t)(end - p + 1));
		p = end;
	}
	const char *result = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return result;
}

const char *env_expand(
    struct arena *arena, const char *text, const struct env *env, const struct env *fallback)
{
	return expand(arena, text, env, fallback, NULL, NULL);
}

int env_expand_strict(
    struct arena *arena, const char *text, const struct env *env, const char **ret, struct error *err)
{
	bool failed = false;
	struct error own = ERROR_INIT;
	const char *result = expand(arena, text, env, NULL, &own, &failed);
	if (failed)
		return error_set(err, own.code, "%s", own.message);
	*ret = result;
	return 0;
}

/* ---- services ---- */

static const char *upper(struct arena *arena, const char *s)
{
	char *out = arena_strdup(arena, s);
	for (char *p = out; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	return out;
}

static void add_service(struct env *env, const CoreV1__Service *svc)
{
	struct arena *arena = env->arena;
	const char *name = upper(arena, svc->metadata->name), *ip = svc->spec->cluster_ip;
	env_set(env, arena_printf(arena, "%s_SERVICE_HOST", name), ip);
	for (size_t i = 0; i < svc->spec->n_ports; i++) {
		const CoreV1__ServicePort *p = svc->spec->ports[i];
		const char *port = arena_printf(arena, "%d", p->port);
		const char *protocol = str_or(p->protocol, "TCP"), *lower = str_lower(arena, protocol);
		const char *host = strchr(ip, ':') ? arena_printf(arena, "[%s]", ip) : ip;
		const char *url = arena_printf(arena, "%s://%s:%s", lower, host, port);
		const char *link = arena_printf(arena, "%s_PORT_%s_%s", name, port, upper(arena, protocol));
		if (i == 0) {
			env_set(env, arena_printf(arena, "%s_SERVICE_PORT", name), port);
			env_set(env, arena_printf(arena, "%s_PORT", name), url);
		}
		if (!str_empty(p->name))
			env_set(env, arena_printf(arena, "%s_SERVICE_PORT_%s", name, upper(arena, p->name)),
			    port);
		env_set(env, link, url);
		env_set(env, arena_printf(arena, "%s_PROTO", link), lower);
		env_set(env, arena_printf(arena, "%s_PORT", link), port);
		env_set(env, arena_printf(arena, "%s_ADDR", link), ip);
	}
}

void env_add_services(
    struct env *env, const CoreV1__Service *const *services, size_t len, const char *ns, bool links)
{
	for (size_t i = 0; i < len; i++) {
		const CoreV1__Service *svc = services[i];
		if (str_empty(svc->spec->cluster_ip) || str_eq(svc->spec->cluster_ip, "None"))
			continue;
		bool master =
		    str_eq(svc->metadata->namespace_, "default") && str_eq(svc->metadata->name, "kubernetes");
		if (master || (links && str_eq(svc->metadata->namespace_, ns)))
			add_service(env, svc);
	}
}

/* ---- references ---- */

static const void *find_object(const struct env_input *in, enum reference_kind kind, const char *name,
    bool optional, int *ret_code, struct error *err)
{
	const struct object *obj = NULL;
	const char *what = kind == REFERENCE_SECRET ? "secret" : "configmap";
	*ret_code = 0;
	switch (references_get(in->references, kind, in->pod->meta->namespace_, name, &obj)) {
	case REFERENCE_FOUND:
		return obj->msg;
	case REFERENCE_PENDING:
		*ret_code = error_set(err, ERR_UNAVAILABLE, "%s \"%s\" has not been read yet", what, name);
		return NULL;
	default:
		if (!optional)
			*ret_code = error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", what, name);
		return NULL;
	}
}

static const char *bytes_text(struct arena *arena, const ProtobufCBinaryData *b)
{
	return arena_strndup(arena, b->data ? (const char *)b->data : "", b->len);
}

/* Keys become names: printable ASCII without '='. */
static bool is_name(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e || *s == '=')
			return false;
	return true;
}

static void take_key(
    struct env *env, const char *prefix, const char *key, const char *value, struct buf *invalid)
{
	const char *name = arena_printf(env->arena, "%s%s", str_or(prefix, ""), key);
	if (is_name(name))
		env_set(env, name, value);
	else
		buf_printf(invalid, "%s%s", invalid->size ? ", " : "", key);
}

static int add_env_from(struct env *env, const struct env_input *in, const CoreV1__EnvFromSource *from,
    struct buf *invalid, struct error *err)
{
	int code;
	if (from->config_map_ref) {
		const CoreV1__ConfigMapEnvSource *ref = from->config_map_ref;
		const char *name = ref->local_object_reference->name;
		const CoreV1__ConfigMap *cm =
		    find_object(in, REFERENCE_CONFIG_MAP, name, ref->optional, &code, err);
		if (code)
			return code;
		for (size_t i = 0; cm && i < cm->n_data; i++)
			take_key(env, from->prefix, cm->data[i]->key, cm->data[i]->value, invalid);
	}
	if (from->secret_ref) {
		const CoreV1__SecretEnvSource *ref = from->secret_ref;
		const char *name = ref->local_object_reference->name;
		const CoreV1__Secret *secret =
		    find_object(in, REFERENCE_SECRET, name, ref->optional, &code, err);
		if (code)
			return code;
		for (size_t i = 0; secret && i < secret->n_data; i++)
			take_key(env, from->prefix, secret->data[i]->key,
			    bytes_text(env->arena, &secret->data[i]->value), invalid);
	}
	return 0;
}

static int from_config_map(struct env *env, const struct env_input *in,
    const CoreV1__ConfigMapKeySelector *ref, const char **ret, struct error *err)
{
	int code;
	const char *name = ref->local_object_reference->name;
	const CoreV1__ConfigMap *cm = find_object(in, REFERENCE_CONFIG_MAP, name, ref->optional, &code, err);
	if (!cm)
		return code;
	*ret = api_map_get(cm, data, ref->key);
	if (!*ret && !ref->optional)
		return error_set(err, ERR_NOT_FOUND, "couldn't find key %s in ConfigMap %s/%s", ref->key,
		    in->pod->meta->namespace_, name);
	return 0;
}

static int from_secret(struct env *env, const struct env_input *in, const CoreV1__SecretKeySelector *ref,
    const char **ret, struct error *err)
{
	int code;
	const char *name = ref->local_object_reference->name;
	const CoreV1__Secret *secret = find_object(in, REFERENCE_SECRET, name, ref->optional, &code, err);
	if (!secret)
		return code;
	for (size_t i = 0; i < secret->n_data; i++)
		if (str_eq(secret->data[i]->key, ref->key))
			*ret = bytes_text(env->arena, &secret->data[i]->value);
	if (!*ret && !ref->optional)
		return error_set(err, ERR_NOT_FOUND, "couldn't find key %s in Secret %s/%s", ref->key,
		    in->pod->meta->namespace_, name);
	return 0;
}

static int add_env(struct env *env, const struct env_input *in, const CoreV1__EnvVar *var,
    const struct env *services, struct error *err)
{
	const CoreV1__EnvVarSource *from = var->value_from;
	const char *value = NULL;
	int code = 0;
	if (!from)
		value = env_expand(env->arena, var->value, env, services);
	else if (from->field_ref)
		code =
		    downward_field(env->arena, in->pod, in->facts, from->field_ref->field_path, &value, err);
	else if (from->resource_field_ref)
		code = downward_resource(env->arena, (const CoreV1__Pod *)in->pod->msg, in->container->name,
		    from->resource_field_ref, in->facts, &value, err);
	else if (from->config_map_key_ref)
		code = from_config_map(env, in, from->config_map_key_ref, &value, err);
	else if (from->secret_key_ref)
		code = from_secret(env, in, from->secret_key_ref, &value, err);
	if (code == 0 && value)
		env_set(env, var->name, value);
	return code;
}

int env_build(struct arena *arena, const struct env_input *in, struct env *ret, const char **ret_invalid,
    struct error *err)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)in->pod->msg;
	struct env services = {.arena = arena};
	struct buf invalid = BUF_INIT;
	bool links = !pod->spec->has_enable_service_links || pod->spec->enable_service_links;
	*ret = (struct env){.arena = arena};
	env_add_services(&services, in->services, in->services_len, pod->metadata->namespace_, links);
	int code = 0;
	for (size_t i = 0; code == 0 && i < in->container->n_env_from; i++)
		code = add_env_from(ret, in, in->container->env_from[i], &invalid, err);
	for (size_t i = 0; code == 0 && i < in->container->n_env; i++)
		code = add_env(ret, in, in->container->env[i], &services, err);
	for (size_t i = 0; i < services.len; i++)
		if (!env_get(ret, services.items[i].name))
			env_set(ret, services.items[i].name, services.items[i].value);
	if (ret_invalid)
		*ret_invalid = invalid.size ? arena_strdup(arena, invalid.data) : NULL;
	buf_done(&invalid);
	return code;
}
