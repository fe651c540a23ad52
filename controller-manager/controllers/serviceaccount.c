/* serviceaccount: every namespace has the service account "default". Keys are names of namespaces. */
#include "controller-manager/options.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

#define NAME "default"

static void map_account(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (old && !new_ && str_eq(object_name(old), NAME))
		enqueue->key(enqueue, object_namespace(old));
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *ns = informer_lookup(controller_informer(ctx, resource_namespaces), NULL, key);
	if (!ns || object_is_deleting(ns))
		return;
	if (informer_lookup(controller_informer(ctx, resource_serviceaccounts), key, NAME))
		return;
	struct object *account = object_new(resource_serviceaccounts->schema);
	account->meta->namespace_ = arena_strdup(account->arena, key);
	account->meta->name = arena_strdup(account->arena, NAME);
	plan_create(plan, resource_serviceaccounts, account)->ignore_exists = true;
}

static const struct controller_watch watches[] = {
    {&resource_namespaces, NULL}, {&resource_serviceaccounts, map_account}, {NULL, NULL}};

const struct controller controller_serviceaccount = {.name = "serviceaccount",
    .event_component = "serviceaccount-controller",
    .watches = watches,
    .reconcile = reconcile};
