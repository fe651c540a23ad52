/*
 * The controller inside the server. Types come and go in the moment in which the cache takes a definition;
 * what has to be written (conditions, finalizers, deletions of objects) is done on the loop's next turn, one
 * write for a definition at a time, and again when the cache shows something new.
 */
#include "apiserver/extensions/extensions.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/extensions/conversion.h"
#include "apiserver/extensions/definition.h"
#include "apiserver/extensions/names.h"
#include "apiserver/openapi/openapi.h"
#include "apiserver/registry/registry.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define CLEANUP_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

enum { RETRY_MS = 1000, DELETES_MAX = 100 };

typedef ApiextensionsV1__CustomResourceDefinition Crd;

struct extensions {
	struct api_server *server;
	struct strmap *installed; /* name of a definition -> struct definition, those that are served */
	struct strmap *busy;      /* names of definitions with a write under way */
	struct loop_timer *timer;
};

/* A write under way; outlives the extensions when the server stops meanwhile. */
struct pending {
	struct api_server *server;
	char name[];
};

static Crd *crd_of(const struct object *obj)
{
	return (Crd *)obj->msg;
}

static void sync_soon(struct extensions *ext, int64_t delay_ms)
{
	if (!loop_timer_is_active(ext->timer) || !delay_ms)
		loop_timer_start(ext->timer, delay_ms, 0);
}

static void publish_schema(struct api_server *server, const struct custom_type *t, bool is_gone)
{
	struct arena *arena = arena_new();
	const ApiextensionsV1__CustomResourceValidation *v = t->version->schema;
	const ApiextensionsV1__JSONSchemaProps *props = v && !is_gone ? v->open_api_v3_schema : NULL;
	const struct schema *schema = schema_of(&apiextensions_v1__jsonschema_props__descriptor);
	openapi_set_schema(server, &t->type, props ? codec_to_json(arena, schema, &props->base) : NULL);
	arena_free(arena);
}

static void uninstall(struct extensions *ext, const char *name)
{
	struct definition *def = strmap_remove(ext->installed, name);
	for (size_t i = 0; def && i < def->types_len; i++) {
		if (!def->types[i].version->served)
			continue;
		publish_schema(ext->server, &def->types[i], true);
		api_remove_type(ext->server, &def->types[i].type);
	}
	if (def)
		def->owner = NULL;
	definition_unref(def);
}

/* The last object of a dying definition may have gone. */
static void on_custom_object(void *arg, const struct object *old, const struct object *obj)
{
	struct definition *def = arg;
	(void)old;
	if (!obj && !def->deletes_running && !(def->stored->verbs & VERB_CREATE))
		sync_soon(def->owner, 0);
}

static void install(struct extensions *ext, const struct object *obj)
{
	struct definition *def = definition_new(obj);
	if (!def->stored) {
		definition_unref(def);
		return;
	}
	strmap_put(ext->installed, obj->meta->name, def);
	for (size_t i = 0; i < def->types_len; i++) {
		if (!def->types[i].version->served)
			continue;
		publish_schema(ext->server, &def->types[i], false);
		api_add_type(ext->server, &def->types[i].type);
	}
	def->owner = ext;
	watchcache_subscribe(ext->server, def->stored, on_custom_object, def);
}

static bool is_same(const struct definition *def, const Crd *crd)
{
	return api_equal(def->crd->spec, crd->spec) &&
	       api_equal(def->crd->status->accepted_names, crd->status->accepted_names);
}

static void on_definition(void *arg, const struct object *old, const struct object *obj)
{
	struct extensions *ext = arg;
	const char *name = (obj ? obj : old)->meta->name;
	struct definition *def = strmap_get(ext->installed, name);
	bool is_served = obj && crd_condition_is_true(crd_of(obj), "Established");
	if (def && (!is_served || !is_same(def, crd_of(obj))))
		uninstall(ext, name);
	if (is_served && !strmap_has(ext->installed, name))
		install(ext, obj);
	def = strmap_get(ext->installed, name);
	if (def)
		definition_set_terminating(def, object_is_deleting(obj));
	sync_soon(ext, 0);
}

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct pending *p = arg;
	struct extensions *ext = p->server->extensions;
	(void)obj;
	if (ext) {
		strmap_remove(ext->busy, p->name);
		if (err)
			log_debug("customresourcedefinition %s: %s", p->name, err->message);
		sync_soon(ext, err && err->code != ERR_CONFLICT ? RETRY_MS : 0);
	}
	free(p);
}

static void write_definition(struct extensions *ext, const char *subresource, const struct object *obj)
{
	size_t size = strlen(obj->meta->name) + 1;
	struct pending *p = malloc(sizeof *p + size);
	if (!p)
		abort();
	p->server = ext->server;
	memcpy(p->name, obj->meta->name, size);
	strmap_put(ext->busy, p->name, p);
	registry_update(ext->server, resource_customresourcedefinitions, subresource, obj, on_written, p);
}

/* What the other definitions of the group have been given. */
static void collect_taken(
    struct extensions *ext, const struct object *except, struct arena *arena, struct names_taken *taken)
{
	struct watchcache_cursor cursor;
	const struct object *other;
	watchcache_cursor_init(&cursor, ext->server, resource_customresourcedefinitions, NULL);
	while ((other = watchcache_next(&cursor)))
		if (other != except && str_eq(crd_of(other)->spec->group, crd_of(except)->spec->group))
			names_take(arena, taken, crd_of(other)->status->accepted_names);
}

static void settle_status(struct extensions *ext, const struct object *cached)
{
	struct object *obj = object_clone(cached);
	struct names_taken taken = {0};
	struct arena *arena = arena_new();
	collect_taken(ext, cached, arena, &taken);
	names_settle(obj->arena, crd_of(obj), &taken, clock_wall_s(loop_clock(ext->server->loop)));
	if (!api_equal(crd_of(obj)->status, crd_of(cached)->status))
		write_definition(ext, "status", obj);
	arena_free(arena);
	object_unref(obj);
}

/* All definitions, referenced, NULL-terminated: what is done with them may change the cache. */
static const struct object **snapshot(struct extensions *ext)
{
	struct watchcache_cursor cursor;
	const struct object *obj;
	size_t len = watchcache_count(ext->server, resource_customresourcedefinitions), n = 0;
	const struct object **all = calloc(len + 1, sizeof(*all));
	if (!all)
		abort();
	watchcache_cursor_init(&cursor, ext->server, resource_customresourcedefinitions, NULL);
	while (n < len && (obj = watchcache_next(&cursor)))
		all[n++] = object_ref(obj);
	return all;
}

static void on_deleted(void *arg, const struct object *obj, const struct error *err)
{
	struct definition *def = arg;
	(void)obj;
	if (err && err->code != ERR_NOT_FOUND && err->code != ERR_CONFLICT)
		log_debug("deleting %s: %s", def->stored->plural, err->message);
	if (--def->deletes_running == 0 && def->owner)
		sync_soon(def->owner, err && err->code != ERR_NOT_FOUND ? RETRY_MS : 0);
	definition_unref(def);
}

/* Deletes some objects at a time; true when there are none left. What finalizers hold back is waited for. */
static bool delete_objects(struct extensions *ext, struct definition *def)
{
	const struct object *some[DELETES_MAX], *obj;
	struct watchcache_cursor cursor;
	size_t len = 0;
	if (def->deletes_running)
		return false;
	watchcache_cursor_init(&cursor, ext->server, def->stored, NULL);
	while (len < DELETES_MAX && (obj = watchcache_next(&cursor)))
		if (!object_is_deleting(obj))
			some[len++] = object_ref(obj);
	def->deletes_running = len;
	for (size_t i = 0; i < len; i++) {
		const MetaV1__ObjectMeta *meta = some[i]->meta;
		registry_delete(ext->server, def->stored, meta->namespace_, meta->name, meta->uid, on_deleted,
		    definition_ref(def));
		object_unref(some[i]);
	}
	return watchcache_count(ext->server, def->stored) == 0;
}

static void drop_finalizer(struct extensions *ext, const struct object *cached)
{
	struct object *obj = object_clone(cached);
	size_t len = 0;
	for (size_t i = 0; i < obj->meta->n_finalizers; i++)
		if (strcmp(obj->meta->finalizers[i], CLEANUP_FINALIZER))
			obj->meta->finalizers[len++] = obj->meta->finalizers[i];
	obj->meta->n_finalizers = len;
	write_definition(ext, "", obj);
	object_unref(obj);
}

static void sync_one(struct extensions *ext, const struct object *obj)
{
	if (strmap_has(ext->busy, obj->meta->name))
		return;
	if (!object_is_deleting(obj)) {
		if (!names_are_settled(crd_of(obj)))
			settle_status(ext, obj);
		return;
	}
	if (!object_has_finalizer(obj->meta, CLEANUP_FINALIZER))
		return;
	struct definition *def = strmap_get(ext->installed, obj->meta->name);
	if (!def || delete_objects(ext, def))
		drop_finalizer(ext, obj);
}

static void sync_all(void *arg)
{
	struct extensions *ext = arg;
	const struct object **all = snapshot(ext);
	for (size_t i = 0; all[i]; i++) {
		sync_one(ext, all[i]);
		object_unref(all[i]);
	}
	free(all);
}

void extensions_start(struct api_server *server)
{
	struct extensions *ext = calloc(1, sizeof *ext);
	if (!ext)
		abort();
	ext->server = server;
	ext->installed = strmap_new();
	ext->busy = strmap_new();
	ext->timer = loop_timer_new(server->loop, sync_all, ext);
	server->extensions = ext;
	watchcache_subscribe(server, resource_customresourcedefinitions, on_definition, ext);
}

static void release(void *arg)
{
	struct definition *def = arg;
	def->owner = NULL;
	definition_unref(def);
}

void extensions_done(struct api_server *server)
{
	struct extensions *ext = server->extensions;
	if (!ext)
		return;
	server->extensions = NULL;
	conversion_stop(server);
	loop_timer_free(ext->timer);
	strmap_free(ext->installed, release);
	strmap_free(ext->busy, free);
	free(ext);
}

void extensions_mark_deleting(struct object *crd, int64_t now_s)
{
	if (object_is_deleting(crd))
		return;
	if (!object_has_finalizer(crd->meta, CLEANUP_FINALIZER))
		api_append(crd->arena, crd->meta, finalizers, arena_strdup(crd->arena, CLEANUP_FINALIZER));
	crd_set_condition(crd->arena, crd_of(crd), "Terminating", "True", "InstanceDeletionPending",
	    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", now_s);
}
