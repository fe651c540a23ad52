/*
 * namespace: empties a namespace that is being deleted, then takes the finalizer "kubernetes" away from it.
 *
 * What the informers show is deleted first, kind by kind. When they show nothing any more, the server itself
 * is asked to delete what may be left of every kind and whether anything is, and only then the namespace is
 * let go: an informer could be behind, and an object outside of any namespace would be lost for ever.
 */
#include <stdio.h>
#include <string.h>

#include "controller-manager/options.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/apiextensions_v1.pb-c.h"
#include "proto/core_v1.pb-c.h"

#define FINALIZER "kubernetes"
#define LOOK_AGAIN_MS 500

struct contents {
	struct plan *plan;
	const char *ns;
	struct buf remaining;       /* "pods. has 2 resource instances, ..." */
	size_t len, finalizers_len; /* objects left, and how many of them wait for a finalizer */
	const char *finalizer;      /* one of those */
};

/* ---- kinds ---- */

/* Kinds whose objects live in namespaces, each storage once. */
static bool is_emptied(size_t i)
{
	const struct resource_type *type = resources_at(i);
	const uint32_t verbs = VERB_DELETECOLLECTION | VERB_LIST;
	if (!(type->flags & RESOURCE_NAMESPACED) ||
	    type->flags & (RESOURCE_VIRTUAL | RESOURCE_HIDDEN_VERSION) || (type->verbs & verbs) != verbs)
		return false;
	for (size_t other = 0; other < i; other++) /* events are served by two groups */
		if (str_eq(resources_at(other)->storage_prefix, type->storage_prefix))
			return false;
	return true;
}

/* A custom kind as far as requests need it; NULL for one that has no namespaces or no stored version. */
static const struct resource_type *custom_type(struct arena *arena, const struct object *crd)
{
	const ApiextensionsV1__CustomResourceDefinitionSpec *spec =
	    ((const ApiextensionsV1__CustomResourceDefinition *)crd->msg)->spec;
	for (size_t i = 0; str_eq(spec->scope, "Namespaced") && i < spec->n_versions; i++) {
		if (!spec->versions[i]->storage || !spec->versions[i]->served)
			continue;
		struct resource_type *type = ARENA_NEW(arena, struct resource_type);
		type->group = spec->group;
		type->version = spec->versions[i]->name;
		type->plural = spec->names->plural;
		type->kind = spec->names->kind;
		type->flags = RESOURCE_NAMESPACED;
		type->verbs = VERB_ALL;
		return type;
	}
	return NULL;
}

/* ---- emptying ---- */

static void count_object(struct contents *contents, const struct object *obj)
{
	contents->len++;
	if (obj->meta->n_finalizers > 0) {
		contents->finalizers_len++;
		contents->finalizer = obj->meta->finalizers[0];
	}
}

static void delete_seen(
    struct controller_context *ctx, struct contents *contents, const struct resource_type *type)
{
	const struct informer *inf = controller_informer(ctx, type);
	size_t before = contents->len, alive = 0;
	informer_for_each (obj, informer_in_namespace(inf, contents->ns)) {
		count_object(contents, obj);
		alive += !object_is_deleting(obj);
	}
	if (alive > 0)
		plan_delete_all(contents->plan, type, contents->ns);
	if (contents->len > before)
		buf_printf(&contents->remaining, "%s%s.%s has %zu resource instances",
		    contents->remaining.size ? ", " : "", type->plural, type->group, contents->len - before);
}

/* Events and custom resources are not worth an informer each: they go at the end. */
static bool is_followed(const struct resource_type *type)
{
	return type->schema && type != resource_events;
}

static void ask_server(struct controller_context *ctx, struct contents *contents, bool is_check)
{
	struct arena *arena = plan_arena(contents->plan);
	for (size_t i = 0; i < resources_count(); i++) {
		if (!is_emptied(i))
			continue;
		if (is_check)
			plan_expect_none(contents->plan, resources_at(i), contents->ns);
		else
			plan_delete_all(contents->plan, resources_at(i), contents->ns);
	}
	informer_for_each (crd, informer_all(controller_informer(ctx, resource_customresourcedefinitions))) {
		const struct resource_type *type = custom_type(arena, crd);
		if (type && is_check)
			plan_expect_none(contents->plan, type, contents->ns);
		else if (type)
			plan_delete_all(contents->plan, type, contents->ns);
	}
	plan_then(contents->plan);
}

static void let_go(const struct object *ns, struct plan *plan)
{
	struct object *clone = object_clone(ns);
	CoreV1__NamespaceSpec *spec = ((CoreV1__Namespace *)clone->msg)->spec;
	size_t kept = 0;
	for (size_t i = 0; i < spec->n_finalizers; i++)
		if (!str_eq(spec->finalizers[i], FINALIZER))
			spec->finalizers[kept++] = spec->finalizers[i];
	spec->n_finalizers = kept;
	plan_subresource(plan, resource_namespaces, NULL, object_name(ns), "finalize", clone)
	    ->ignore_not_found = true;
}

/* ---- conditions ---- */

static void set_condition(
    struct object *ns, int64_t now_s, const char *type, bool is_true, const char *reason, const char *message)
{
	CoreV1__NamespaceStatus *status = ((CoreV1__Namespace *)ns->msg)->status;
	CoreV1__NamespaceCondition *condition = NULL;
	const char *value = is_true ? "True" : "False";
	for (size_t i = 0; i < status->n_conditions; i++)
		if (str_eq(status->conditions[i]->type, type))
			condition = status->conditions[i];
	if (!condition) {
		condition = API_NEW(ns->arena, core_v1__namespace_condition);
		condition->type = arena_strdup(ns->arena, type);
		api_append(ns->arena, status, conditions, condition);
	}
	if (!str_eq(condition->status, value))
		condition->last_transition_time = time_new(ns->arena, now_s);
	condition->status = arena_strdup(ns->arena, value);
	condition->reason = arena_strdup(ns->arena, reason);
	condition->message = arena_strdup(ns->arena, message);
}

/* True when the status had to be written. */
static bool tell(struct controller_context *ctx, const struct object *ns, const struct contents *contents)
{
	struct arena *arena = plan_arena(contents->plan);
	struct object *clone = object_clone(ns);
	int64_t now_s = ctx->now_s;
	bool remain = contents->len > 0, wait = contents->finalizers_len > 0;
	set_condition(clone, now_s, "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
	    "All resources successfully discovered");
	set_condition(clone, now_s, "NamespaceDeletionGroupVersionParsingFailure", false,
	    "ParsedGroupVersions", "All legacy kube types successfully parsed");
	set_condition(clone, now_s, "NamespaceDeletionContentFailure", ctx->last_error != NULL,
	    ctx->last_error ? "ContentDeletionFailed" : "ContentDeleted",
	    ctx->last_error ? ctx->last_error->message
			    : "All content successfully deleted, may be waiting on finalization");
	set_condition(clone, now_s, "NamespaceContentRemaining", remain,
	    remain ? "SomeResourcesRemain" : "ContentRemoved",
	    remain ? arena_printf(arena, "Some resources are remaining: %s", buf_str(&contents->remaining))
		   : "All content successfully removed");
	set_condition(clone, now_s, "NamespaceFinalizersRemaining", wait,
	    wait ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
	    wait ? arena_printf(arena,
		       "Some content in the namespace has finalizers remaining: %s in %zu resource instances",
		       contents->finalizer, contents->finalizers_len)
		 : "All content-preserving finalizers finished");
	if (object_equal(clone, ns)) {
		object_unref(clone);
		return false;
	}
	plan_update_status(contents->plan, resource_namespaces, clone);
	return true;
}

/* ---- reconcile ---- */

static bool has_finalizer(const CoreV1__Namespace *ns)
{
	for (size_t i = 0; i < ns->spec->n_finalizers; i++)
		if (str_eq(ns->spec->finalizers[i], FINALIZER))
			return true;
	return false;
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj = informer_lookup(controller_informer(ctx, resource_namespaces), NULL, key);
	const CoreV1__Namespace *ns = obj ? (const CoreV1__Namespace *)obj->msg : NULL;
	if (!obj || !object_is_deleting(obj) || !has_finalizer(ns))
		return;
	struct contents contents = {.plan = plan, .ns = key};
	for (size_t i = 0; i < resources_count(); i++)
		if (is_emptied(i) && is_followed(resources_at(i)))
			delete_seen(ctx, &contents, resources_at(i));
	if (contents.len > 0) {
		/* Most go at once: only what stays is told. */
		if (plan_ops_len(plan) == 0 || ctx->last_error)
			tell(ctx, obj, &contents);
		plan_requeue_after(plan, LOOK_AGAIN_MS);
	} else if (ns->status->n_conditions == 0 || !tell(ctx, obj, &contents)) {
		ask_server(ctx, &contents, false);
		ask_server(ctx, &contents, true);
		let_go(obj, plan);
		plan_requeue_after(plan, LOOK_AGAIN_MS);
	}
	buf_done(&contents.remaining);
}

static void *init(struct controller_context *ctx)
{
	for (size_t i = 0; i < resources_count(); i++)
		if (is_emptied(i) && is_followed(resources_at(i)))
			controller_informer(ctx, resources_at(i));
	controller_informer(ctx, resource_customresourcedefinitions);
	return NULL;
}

static const struct controller_watch watches[] = {{&resource_namespaces, NULL}, {NULL, NULL}};

const struct controller controller_namespace = {.name = "namespace",
    .event_component = "namespace-controller",
    .watches = watches,
    .init = init,
    .reconcile = reconcile,
    .concurrency = 10};
