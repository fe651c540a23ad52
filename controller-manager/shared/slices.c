#include "controller-manager/shared/slices.h"

#include <stdlib.h>
#include <string.h>

#include "controller-manager/shared/pods.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

#define HEADLESS_LABEL "service.kubernetes.io/headless"
#define INDEX "service-slices"

struct slice { /* one that exists, and what becomes of it */
	const struct object *obj;
	const DiscoveryV1__EndpointSlice *slice;
	struct slice_group *group; /* NULL: not needed */
	DiscoveryV1__Endpoint **endpoints;
	size_t len;
	bool is_changed;
};

/* ---- groups ---- */

static bool ports_equal(
    DiscoveryV1__EndpointPort *const *a, size_t a_len, DiscoveryV1__EndpointPort *const *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++)
		if (!api_equal(a[i], b[i]))
			return false;
	return true;
}

struct slice_group *slices_group(
    struct slice_set *set, const char *address_type, DiscoveryV1__EndpointPort **ports, size_t len)
{
	for (struct slice_group *group = set->groups; group; group = group->next)
		if (str_eq(group->address_type, address_type) &&
		    ports_equal(group->ports, group->ports_len, ports, len))
			return group;
	struct slice_group *group = ARENA_NEW(plan_arena(set->plan), struct slice_group);
	group->address_type = address_type;
	group->ports = ports;
	group->ports_len = len;
	group->next = set->groups;
	set->groups = group;
	return group;
}

void slices_add(struct slice_set *set, struct slice_group *group, DiscoveryV1__Endpoint *endpoint)
{
	if (group->len == group->capacity) {
		size_t more = group->capacity ? group->capacity * 2 : 16;
		group->endpoints = arena_grow(plan_arena(set->plan), group->endpoints,
		    group->capacity * sizeof(*group->endpoints), more * sizeof(*group->endpoints));
		group->capacity = more;
	}
	group->endpoints[group->len++] = endpoint;
}

/* ---- what is there ---- */

static void index_service(const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx)
{
	const char *service = api_map_get(obj->meta, labels, SLICE_SERVICE_LABEL);
	char key[OBJECT_KEY_MAX];
	if (str_empty(service) || strlen(service) + strlen(object_namespace(obj)) + 2 > sizeof(key))
		return;
	strcpy(key, object_namespace(obj));
	strcat(key, "/");
	strcat(key, service);
	emit(ctx, key);
}

void slices_init(struct controller_context *ctx)
{
	informer_add_index(controller_informer(ctx, resource_endpointslices), INDEX, index_service);
}

void slices_map(const struct object *old, const struct object *new_, const char *manager,
    struct controller_enqueue *enqueue)
{
	const struct object *obj = new_ ? new_ : old;
	const char *service = api_map_get(obj->meta, labels, SLICE_SERVICE_LABEL);
	if (str_empty(service) || !str_eq(api_map_get(obj->meta, labels, SLICE_MANAGER_LABEL), manager))
		return;
	struct arena *arena = arena_new();
	enqueue->key(enqueue, arena_printf(arena, "%s/%s", object_namespace(obj), service));
	arena_free(arena);
}

static int compare_slices(const void *left, const void *right)
{
	const struct slice *a = left, *b = right;
	return strcmp(object_name(a->obj), object_name(b->obj));
}

static struct slice *existing(struct controller_context *ctx, struct arena *arena, const char *ns,
    const char *service, const char *manager, size_t *ret_len)
{
	const struct informer *inf = controller_informer(ctx, resource_endpointslices);
	const char *key = arena_printf(arena, "%s/%s", ns, service);
	struct slice *list = NULL;
	size_t len = 0;
	informer_for_each (obj, informer_by_index(inf, INDEX, key)) {
		if (object_is_deleting(obj) ||
		    !str_eq(api_map_get(obj->meta, labels, SLICE_MANAGER_LABEL), manager))
			continue;
		list = arena_grow(arena, list, len * sizeof(*list), (len + 1) * sizeof(*list));
		list[len++] =
		    (struct slice){.obj = obj, .slice = (const DiscoveryV1__EndpointSlice *)obj->msg};
	}
	if (len > 0)
		qsort(list, len, sizeof(*list), compare_slices);
	*ret_len = len;
	return list;
}

void slices_delete(struct controller_context *ctx, struct plan *plan, const char *ns, const char *service,
    const char *manager)
{
	size_t len;
	struct slice *list = existing(ctx, plan_arena(plan), ns, service, manager, &len);
	for (size_t i = 0; i < len; i++)
		plan_delete(plan, list[i].obj);
}

/* ---- placing ---- */

/* Two endpoints are one when they are about the same pod, or, without a pod, at the same address. */
static bool is_same_endpoint(const DiscoveryV1__Endpoint *a, const DiscoveryV1__Endpoint *b)
{
	if (a->target_ref && b->target_ref && !str_empty(a->target_ref->uid))
		return str_eq(a->target_ref->uid, b->target_ref->uid) && a->n_addresses > 0 &&
		       b->n_addresses > 0 && str_eq(a->addresses[0], b->addresses[0]);
	return !a->target_ref == !b->target_ref && a->n_addresses > 0 && b->n_addresses > 0 &&
	       str_eq(a->addresses[0], b->addresses[0]);
}

/* Takes the group's endpoint that is this one out of those to be placed. */
static DiscoveryV1__Endpoint *take(struct slice_group *group, const DiscoveryV1__Endpoint *known)
{
	for (size_t i = 0; i < group->len; i++) {
		DiscoveryV1__Endpoint *endpoint = group->endpoints[i];
		if (!is_same_endpoint(endpoint, known))
			continue;
		memmove(&group->endpoints[i], &group->endpoints[i + 1],
		    (group->len - i - 1) * sizeof(*group->endpoints));
		group->len--;
		return endpoint;
	}
	return NULL;
}

static void keep_known(struct slice_set *set, struct slice *slice)
{
	const DiscoveryV1__EndpointSlice *old = slice->slice;
	for (struct slice_group *group = set->groups; group && !slice->group; group = group->next)
		if (str_eq(group->address_type, old->address_type) &&
		    ports_equal(group->ports, group->ports_len, old->ports, old->n_ports))
			slice->group = group;
	slice->endpoints = ARENA_ARRAY(plan_arena(set->plan), DiscoveryV1__Endpoint *, SLICE_ENDPOINTS_MAX);
	for (size_t i = 0; slice->group && i < old->n_endpoints; i++) {
		DiscoveryV1__Endpoint *endpoint =
		    slice->len < SLICE_ENDPOINTS_MAX ? take(slice->group, old->endpoints[i]) : NULL;
		slice->is_changed |= !endpoint || !api_equal(endpoint, old->endpoints[i]);
		if (endpoint)
			slice->endpoints[slice->len++] = endpoint;
	}
}

static void fill(struct slice *slice)
{
	struct slice_group *group = slice->group;
	while (group->len > 0 && slice->len < SLICE_ENDPOINTS_MAX) {
		slice->endpoints[slice->len++] = group->endpoints[--group->len];
		slice->is_changed = true;
	}
}

/* ---- writing ---- */

static void set_labels(const struct slice_set *set, struct object *obj)
{
	const MetaV1__ObjectMeta *from = api_clone(obj->arena, set->labels_of->meta);
	obj->meta->n_labels = from->n_labels;
	obj->meta->labels = from->labels;
	if (set->is_headless)
		api_map_set(
		    obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, HEADLESS_LABEL, "");
	else
		api_map_remove(obj->meta, labels, HEADLESS_LABEL);
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, SLICE_SERVICE_LABEL,
	    set->service);
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, SLICE_MANAGER_LABEL,
	    set->manager);
}

static void set_content(struct object *obj, const struct slice *from)
{
	DiscoveryV1__EndpointSlice *slice = (DiscoveryV1__EndpointSlice *)obj->msg;
	slice->address_type = arena_strdup(obj->arena, from->group->address_type);
	slice->n_endpoints = slice->n_ports = 0;
	slice->endpoints = NULL;
	slice->ports = NULL;
	for (size_t i = 0; i < from->len; i++)
		api_append(obj->arena, slice, endpoints, api_clone(obj->arena, from->endpoints[i]));
	for (size_t i = 0; i < from->group->ports_len; i++)
		api_append(obj->arena, slice, ports, api_clone(obj->arena, from->group->ports[i]));
}

static void update(struct slice_set *set, const struct slice *slice)
{
	struct object *obj = object_clone(slice->obj);
	set_labels(set, obj);
	set_content(obj, slice);
	if (object_equal(obj, slice->obj))
		object_unref(obj);
	else
		plan_update(set->plan, resource_endpointslices, obj);
}

static void create(struct slice_set *set, const struct slice *slice)
{
	struct object *obj = object_new(resource_endpointslices->schema);
	obj->meta->generate_name = arena_printf(obj->arena, "%s-", set->service);
	obj->meta->namespace_ = arena_strdup(obj->arena, object_namespace(set->owner));
	api_append(obj->arena, obj->meta, owner_references, owner_reference_new(obj->arena, set->owner));
	set_labels(set, obj);
	set_content(obj, slice);
	plan_create(set->plan, resource_endpointslices, obj);
}

/* One that is left over and of the right address type; the type of a slice cannot change. */
static struct slice *reusable(struct slice *list, size_t len, const char *address_type)
{
	for (size_t i = 0; i < len; i++)
		if (!list[i].group && str_eq(list[i].slice->address_type, address_type))
			return &list[i];
	return NULL;
}

static size_t slices_of(const struct slice *list, size_t len, const struct slice_group *group)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += list[i].group == group;
	return n;
}

static void add_missing(struct slice_set *set, struct slice *list, size_t len, struct slice_group *group)
{
	bool is_missing = group->must_exist && slices_of(list, len, group) == 0;
	while (group->len > 0 || is_missing) {
		struct slice fresh = {.group = group,
		    .endpoints =
			ARENA_ARRAY(plan_arena(set->plan), DiscoveryV1__Endpoint *, SLICE_ENDPOINTS_MAX)};
		struct slice *slice = reusable(list, len, group->address_type);
		if (slice) {
			slice->group = group;
			slice->len = 0;
			slice->is_changed = true;
			fill(slice);
		} else {
			fill(&fresh);
			create(set, &fresh);
		}
		is_missing = false;
	}
}

void slices_reconcile(struct controller_context *ctx, struct slice_set *set)
{
	size_t len;
	struct slice *list = existing(
	    ctx, plan_arena(set->plan), object_namespace(set->owner), set->service, set->manager, &len);
	for (size_t i = 0; i < len; i++)
		keep_known(set, &list[i]);
	for (int changed = 1; changed >= 0; changed--) /* those to be written anyway come first */
		for (size_t i = 0; i < len; i++)
			if (list[i].group && list[i].is_changed == changed)
				fill(&list[i]);
	for (size_t i = 0; i < len; i++) /* emptied ones, but for the one that must stay */
		if (list[i].group && list[i].len == 0 &&
		    !(list[i].group->must_exist && slices_of(list, len, list[i].group) == 1))
			list[i].group = NULL;
	for (struct slice_group *group = set->groups; group; group = group->next)
		add_missing(set, list, len, group);
	for (size_t i = 0; i < len; i++) {
		if (list[i].group)
			update(set, &list[i]);
		else
			plan_delete(set->plan, list[i].obj);
	}
}
