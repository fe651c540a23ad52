/*
 * clusterrole_aggregation: cluster roles with an aggregation rule hold the rules of all cluster roles that
 * the rule selects: so "view", "edit" and "admin" grow with what is installed. Keys: cluster roles.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/api/labels.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/rbac_v1.pb-c.h"

static const RbacV1__ClusterRole *role_of(const struct object *obj)
{
	return (const RbacV1__ClusterRole *)obj->msg;
}

/* Whatever changed, the aggregated roles are few: all are looked at. */
static void map_role(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	informer_for_each (role, informer_all(controller_informer(ctx, resource_clusterroles)))
		if (role_of(role)->aggregation_rule)
			enqueue->object(enqueue, role);
}

static bool is_selected(struct arena *arena, const RbacV1__AggregationRule *rule, const struct object *obj)
{
	for (size_t i = 0; i < rule->n_cluster_role_selectors; i++) {
		struct selector *selector;
		if (selector_from_object(arena, rule->cluster_role_selectors[i], &selector, NULL) == 0 &&
		    selector_matches(selector, obj->meta))
			return true;
	}
	return false;
}

static bool has_rule(size_t len, RbacV1__PolicyRule *const *rules, const RbacV1__PolicyRule *wanted)
{
	for (size_t i = 0; i < len; i++)
		if (api_equal(rules[i], wanted))
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
	    object_name(*(const struct object *const *)a), object_name(*(const struct object *const *)b));
}

/* The selected roles in order of their names, so that the result does not depend on the informer's order. */
static const struct object **select_roles(
    struct controller_context *ctx, struct arena *arena, const struct object *target, size_t *ret_len)
{
	struct informer *roles = controller_informer(ctx, resource_clusterroles);
	const struct object **selected = ARENA_ARRAY(arena, const struct object *, informer_len(roles) + 1);
	size_t len = 0;

	informer_for_each (obj, informer_all(roles))
		if (strcmp(object_name(obj), object_name(target)) != 0 &&
		    is_selected(arena, role_of(target)->aggregation_rule, obj))
			selected[len++] = obj;
	if (len > 1)
		qsort(selected, len, sizeof(*selected), by_name);
	*ret_len = len;
	return selected;
}

static bool rules_equal(const RbacV1__ClusterRole *a, const RbacV1__ClusterRole *b)
{
	if (a->n_rules != b->n_rules)
		return false;
	for (size_t i = 0; i < a->n_rules; i++)
		if (!api_equal(a->rules[i], b->rules[i]))
			return false;
	return true;
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *target =
	    informer_lookup_key(controller_informer(ctx, resource_clusterroles), key);
	size_t len;

	if (!target || !role_of(target)->aggregation_rule)
		return;
	struct object *changed = object_clone(target);
	RbacV1__ClusterRole *role = (RbacV1__ClusterRole *)changed->msg;
	const struct object **selected = select_roles(ctx, plan_arena(plan), target, &len);
	role->n_rules = 0;
	role->rules = NULL;
	for (size_t i = 0; i < len; i++) {
		const RbacV1__ClusterRole *from = role_of(selected[i]);
		for (size_t r = 0; r < from->n_rules; r++)
			if (!has_rule(role->n_rules, role->rules, from->rules[r]))
				api_append(
				    changed->arena, role, rules, api_clone(changed->arena, from->rules[r]));
	}
	if (rules_equal(role, role_of(target)))
		object_unref(changed);
	else
		plan_update(plan, resource_clusterroles, changed);
}

static const struct controller_watch watches[] = {{&resource_clusterroles, map_role}, {NULL, NULL}};

const struct controller controller_clusterrole_aggregation = {.name = "clusterrole-aggregation",
    .event_component = "clusterrole-aggregation-controller",
    .watches = watches,
    .reconcile = reconcile};
