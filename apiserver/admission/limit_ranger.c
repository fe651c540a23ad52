/* LimitRanger: default requests and limits for containers, and bounds for containers, pods and claims, by
 * namespace. */
#include "apiserver/admission/plugin.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/resources/amounts.h"
#include "lib/resources/quota_usage.h"

#define ANNOTATION "kubernetes.io/limit-ranger"

/* --- defaults --- */

struct defaults {
	struct object *obj;
	CoreV1__PodSpec *spec;
	struct buf note; /* what was set, for the annotation */
};

/* Adds what `list` lacks; returns the names added, joined, "" when none. */
static const char *fill(struct arena *arena, struct amounts *list, const struct amounts *defaults)
{
	const char *names = "";
	struct amounts added = {.arena = arena};

	for (size_t i = 0; i < defaults->len; i++) {
		if (amounts_get(list, defaults->items[i].name))
			continue;
		amounts_set(list, defaults->items[i].name, &defaults->items[i].q);
		amounts_set(&added, defaults->items[i].name, &defaults->items[i].q);
	}
	for (size_t i = 0; i < added.len; i++) /* LimitRange maps are sorted by name, so is this */
		names = arena_printf(arena, "%s%s%s", names, i ? ", " : "", added.items[i].name);
	return names;
}

static void add_note(
    struct defaults *d, const char *names, const char *what, const char *kind, const char *container)
{
	if (!str_empty(names))
		buf_printf(
		    &d->note, "%s%s %s for %s %s", d->note.size ? "; " : "", names, what, kind, container);
}

static void default_container(struct defaults *d, CoreV1__Container *c, const char *kind,
    const struct amounts *requests, const struct amounts *limits)
{
	struct arena *arena = d->obj->arena;

	if (!c->resources)
		c->resources = API_NEW(arena, core_v1__resource_requirements);
	struct amounts r = AMOUNTS_OF(arena, c->resources, requests),
		       l = AMOUNTS_OF(arena, c->resources, limits);
	const char *set_requests = fill(arena, &r, requests), *set_limits = fill(arena, &l, limits);
	AMOUNTS_WRITE(arena, &r, c->resources, requests, core_v1__resource_requirements__requests_entry);
	AMOUNTS_WRITE(arena, &l, c->resources, limits, core_v1__resource_requirements__limits_entry);
	add_note(d, set_requests, "request", kind, c->name);
	add_note(d, set_limits, "limit", kind, c->name);
}

static bool apply_defaults(void *arg, const struct object *obj)
{
	struct defaults *d = arg;
	const CoreV1__LimitRangeSpec *spec = ((const CoreV1__LimitRange *)obj->msg)->spec;
	struct amounts requests = {.arena = d->obj->arena}, limits = {.arena = d->obj->arena};

	for (size_t i = 0; i < spec->n_limits; i++) {
		if (!str_eq(spec->limits[i]->type, "Container"))
			continue;
		struct amounts r = AMOUNTS_OF(d->obj->arena, spec->limits[i], default_request);
		struct amounts l = AMOUNTS_OF(d->obj->arena, spec->limits[i], default_);
		for (size_t j = 0; j < r.len; j++)
			amounts_set(&requests, r.items[j].name, &r.items[j].q);
		for (size_t j = 0; j < l.len; j++)
			amounts_set(&limits, l.items[j].name, &l.items[j].q);
	}
	if (requests.len == 0 && limits.len == 0)
		return true;
	for (size_t i = 0; i < d->spec->n_containers; i++)
		default_container(d, d->spec->containers[i], "container", &requests, &limits);
	for (size_t i = 0; i < d->spec->n_init_containers; i++)
		default_container(d, d->spec->init_containers[i], "init container", &requests, &limits);
	return true;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Pod *pod = pod_of(req, obj);

	(void)old, (void)err;
	if (!pod || !is_create(req))
		return API_NEXT;
	struct defaults d = {.obj = obj, .spec = pod->spec};
	reader_each(auth_reader(req->server), resource_limitranges, req->info.ns, apply_defaults, &d);
	if (d.note.size > 0)
		api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
		    ANNOTATION, arena_printf(obj->arena, "LimitRanger plugin set: %s", buf_str(&d.note)));
	buf_done(&d.note);
	return API_NEXT;
}

/* --- bounds --- */

struct check {
	struct arena *arena;
	struct buf failures;
	size_t failures_len;
	const struct object *obj;
	const CoreV1__PodSpec *pod; /* or */
	const CoreV1__PersistentVolumeClaimSpec *pvc;
};

static void fail(struct check *c, const char *text)
{
	buf_printf(&c->failures, "%s%s", c->failures_len++ ? ", " : "", text);
}

static const char *text_of(struct check *c, const struct quantity *q)
{
	char text[QUANTITY_TEXT_MAX];
	return arena_strdup(c->arena, quantity_format(q, text));
}

static void check_min(struct check *c, const char *type, const struct amount *bound,
    const struct quantity *request, const struct quantity *limit)
{
	const char *start =
	    arena_printf(c->arena, "minimum %s usage per %s is %s", bound->name, type, text_of(c, &bound->q));

	if (!request)
		fail(c, arena_printf(c->arena, "%s.  No request is specified", start));
	else if (quantity_compare(request, &bound->q) < 0)
		fail(c, arena_printf(c->arena, "%s, but request is %s", start, text_of(c, request)));
	else if (limit && quantity_compare(limit, &bound->q) < 0)
		fail(c, arena_printf(c->arena, "%s, but limit is %s", start, text_of(c, limit)));
}

static void check_max(struct check *c, const char *type, const struct amount *bound,
    const struct quantity *request, const struct quantity *limit)
{
	const char *start =
	    arena_printf(c->arena, "maximum %s usage per %s is %s", bound->name, type, text_of(c, &bound->q));

	if (!limit)
		fail(c, arena_printf(c->arena, "%s.  No limit is specified", start));
	else if (quantity_compare(limit, &bound->q) > 0)
		fail(c, arena_printf(c->arena, "%s, but limit is %s", start, text_of(c, limit)));
	else if (request && quantity_compare(request, &bound->q) > 0)
		fail(c, arena_printf(c->arena, "%s, but request is %s", start, text_of(c, request)));
}

static void check_ratio(struct check *c, const char *type, const struct amount *bound,
    const struct quantity *request, const struct quantity *limit)
{
	const char *start = arena_printf(
	    c->arena, "%s max limit to request ratio per %s is %s", bound->name, type, text_of(c, &bound->q));

	if (!request || request->nano == 0)
		return fail(
		    c, arena_printf(c->arena, "%s, but no request is specified or request is 0", start));
	if (!limit || limit->nano == 0)
		return fail(c, arena_printf(c->arena, "%s, but no limit is specified or limit is 0", start));
	double ratio = (double)limit->nano / (double)request->nano;
	if (ratio > (double)bound->q.nano / 1e9)
		fail(c, arena_printf(c->arena, "%s, but provided ratio is %f", start, ratio));
}

static void check_lists(struct check *c, const CoreV1__LimitRangeItem *item, const struct amounts *requests,
    const struct amounts *limits)
{
	struct amounts min = AMOUNTS_OF(c->arena, item, min), max = AMOUNTS_OF(c->arena, item, max);
	struct amounts ratio = AMOUNTS_OF(c->arena, item, max_limit_request_ratio);

#define BOTH(a) amounts_get(requests, (a)->name), amounts_get(limits, (a)->name)
	for (size_t i = 0; i < min.len; i++)
		check_min(c, item->type, &min.items[i], BOTH(&min.items[i]));
	for (size_t i = 0; i < max.len; i++)
		check_max(c, item->type, &max.items[i], BOTH(&max.items[i]));
	for (size_t i = 0; i < ratio.len; i++)
		check_ratio(c, item->type, &ratio.items[i], BOTH(&ratio.items[i]));
#undef BOTH
}

static void check_container(
    struct check *c, const CoreV1__LimitRangeItem *item, const CoreV1__Container *container)
{
	struct amounts requests = {.arena = c->arena}, limits = {.arena = c->arena};

	if (container->resources) {
		requests = AMOUNTS_OF(c->arena, container->resources, requests);
		limits = AMOUNTS_OF(c->arena, container->resources, limits);
	}
	check_lists(c, item, &requests, &limits);
}

/* Claims have requests only; an upper bound is checked against them. */
static void check_claim(struct check *c, const CoreV1__LimitRangeItem *item)
{
	struct amounts requests = AMOUNTS_OF(c->arena, c->pvc->resources, requests);
	struct amounts min = AMOUNTS_OF(c->arena, item, min), max = AMOUNTS_OF(c->arena, item, max);

	for (size_t i = 0; i < min.len; i++)
		check_min(c, item->type, &min.items[i], amounts_get(&requests, min.items[i].name), NULL);
	for (size_t i = 0; i < max.len; i++) {
		const struct quantity *q = amounts_get(&requests, max.items[i].name);
		if (q)
			check_max(c, item->type, &max.items[i], q, q);
	}
}

static void check_item(struct check *c, const CoreV1__LimitRangeItem *item)
{
	if (c->pvc && str_eq(item->type, "PersistentVolumeClaim"))
		check_claim(c, item);
	if (!c->pod)
		return;
	if (str_eq(item->type, "Container")) {
		for (size_t i = 0; i < c->pod->n_containers; i++)
			check_container(c, item, c->pod->containers[i]);
		for (size_t i = 0; i < c->pod->n_init_containers; i++)
			check_container(c, item, c->pod->init_containers[i]);
	} else if (str_eq(item->type, "Pod")) {
		struct amounts requests = pod_requests(c->arena, c->pod),
			       limits = pod_limits(c->arena, c->pod);
		check_lists(c, item, &requests, &limits);
	}
}

static bool check_range(void *arg, const struct object *obj)
{
	const CoreV1__LimitRangeSpec *spec = ((const CoreV1__LimitRange *)obj->msg)->spec;

	for (size_t i = 0; i < spec->n_limits; i++)
		check_item(arg, spec->limits[i]);
	return true;
}

static int validate(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CoreV1__Pod *pod = pod_of(req, obj);
	const CoreV1__PersistentVolumeClaim *pvc =
	    is_subresource(req)
		? NULL
		: OBJECT_AS(obj, CoreV1__PersistentVolumeClaim, core_v1__persistent_volume_claim);
	int result = API_NEXT;

	(void)old;
	if ((!pod || !is_create(req)) && !pvc)
		return API_NEXT;
	struct check c = {
	    .arena = req->arena, .obj = obj, .pod = pod ? pod->spec : NULL, .pvc = pvc ? pvc->spec : NULL};
	reader_each(auth_reader(req->server), resource_limitranges, req->info.ns, check_range, &c);
	if (c.failures_len > 1)
		result = admission_forbid(req, obj, err, "[%s]", buf_str(&c.failures));
	else if (c.failures_len == 1)
		result = admission_forbid(req, obj, err, "%s", buf_str(&c.failures));
	buf_done(&c.failures);
	return result;
}

const struct admission_plugin admission_limit_ranger = {
    .name = "LimitRanger",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .mutate = admit,
    .validate = validate,
};
