/* Levels and rules from the stored objects, replaced as a whole whenever one of them changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/flowcontrol/internal.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/api/object.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define LEVELS_MAX 1024 /* divided at a time; far above what anybody configures */

static char *copy(const char *text)
{
	char *s = strdup(str_or(text, ""));
	if (!s)
		abort();
	return s;
}

static void replace(char **text, const char *with)
{
	if (*text && str_eq(*text, str_or(with, "")))
		return;
	free(*text);
	*text = copy(with);
}

/* --- series --- */

static char *series_key(const char *level, const char *schema)
{
	char *key = NULL;

	if (asprintf(&key, "%s/%s", level, schema) < 0)
		abort();
	return key;
}

static struct flow_series *series_get(
    struct flowcontrol *fc, const struct flow_level *level, const char *schema, const char *schema_uid)
{
	char *key = series_key(level->name, schema);
	struct flow_series *s = strmap_get(fc->series, key);

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			abort();
		s->level = copy(level->name);
		s->schema = copy(schema);
		flow_metrics_of(fc, s);
		strmap_put(fc->series, key, s);
	}
	free(key);
	replace(&s->level_uid, level->uid);
	replace(&s->schema_uid, schema_uid);
	s->refs++;
	return s;
}

void flow_series_unref(struct flowcontrol *fc, struct flow_series *s)
{
	if (--s->refs)
		return;
	char *key = series_key(s->level, s->schema);
	strmap_remove(fc->series, key);
	free(key);
	free(s->level);
	free(s->schema);
	free(s->level_uid);
	free(s->schema_uid);
	free(s);
}

/* --- levels --- */

struct flow_level *flow_level_find(const struct flowcontrol *fc, const char *name)
{
	for (struct flow_level *l = fc->levels; l; l = l->next)
		if (str_eq(l->name, name))
			return l;
	return NULL;
}

/* At its place by name: dumps and metrics are read by people. */
static struct flow_level *level_add(struct flowcontrol *fc, const char *name)
{
	struct flow_level *l = calloc(1, sizeof(*l)), **at = &fc->levels;

	if (!l)
		abort();
	l->name = copy(name);
	fair_init(&l->fair, flow_now_ns(fc), flow_on_dispatch, fc);
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	l->next = *at;
	*at = l;
	return l;
}

static void level_free(struct flow_level *l)
{
	fair_done(&l->fair);
	free(l->name);
	free(l->uid);
	free(l);
}

static void configure_limited(struct flow_level *l, const FlowcontrolV1__LimitedPriorityLevelConfiguration *c)
{
	const FlowcontrolV1__LimitResponse *r = c->limit_response;
	struct fair_config fair = {0};

	l->seats.is_exempt = false;
	l->seats.shares = c->nominal_concurrency_shares;
	l->seats.lendable_percent = c->lendable_percent;
	l->seats.borrowing_percent =
	    c->has_borrowing_limit_percent ? c->borrowing_limit_percent : SEATS_UNBOUNDED;
	if (str_eq(r->type, "Queue") && r->queuing)
		fair = (struct fair_config){
		    r->queuing->queues, r->queuing->hand_size, r->queuing->queue_length_limit};
	fair_configure(&l->fair, &fair);
}

static void take_level(struct flowcontrol *fc, const struct object *obj)
{
	const FlowcontrolV1__PriorityLevelConfigurationSpec *spec =
	    ((const FlowcontrolV1__PriorityLevelConfiguration *)obj->msg)->spec;
	struct flow_level *l = flow_level_find(fc, object_name(obj));

	if (!l)
		l = level_add(fc, object_name(obj));
	l->is_wanted = true;
	l->is_quiescing = false;
	replace(&l->uid, obj->meta->uid);
	if (str_eq(spec->type, "Limited") && spec->limited) {
		configure_limited(l, spec->limited);
		return;
	}
	const struct fair_config exempt = {.queues = FAIR_EXEMPT};
	l->seats.is_exempt = true;
	l->seats.shares = spec->exempt ? spec->exempt->nominal_concurrency_shares : 0;
	l->seats.lendable_percent = spec->exempt ? spec->exempt->lendable_percent : 0;
	l->seats.borrowing_percent = SEATS_UNBOUNDED;
	fair_configure(&l->fair, &exempt);
}

/* A level that was deleted stays until the last of its requests is through. */
static void drop_unwanted(struct flowcontrol *fc)
{
	for (struct flow_level **at = &fc->levels; *at;) {
		struct flow_level *l = *at;
		if (!l->is_wanted && fair_is_idle(&l->fair)) {
			*at = l->next;
			level_free(l);
			continue;
		}
		l->is_quiescing = !l->is_wanted;
		at = &l->next;
	}
}

static size_t collect(struct flowcontrol *fc, struct seat_level **seats)
{
	size_t len = 0;

	for (struct flow_level *l = fc->levels; l && len < LEVELS_MAX; l = l->next)
		seats[len++] = &l->seats;
	return len;
}

static void apply_seats(struct flowcontrol *fc)
{
	int64_t now_ns = flow_now_ns(fc);

	for (struct flow_level *l = fc->levels; l; l = l->next)
		if (l->fair.seats != l->seats.current)
			fair_set_seats(&l->fair, l->seats.current, now_ns);
}

/* One number for the bounds of all levels. */
static uint64_t bounds_of(const struct flowcontrol *fc)
{
	uint64_t h = 0;

	for (const struct flow_level *l = fc->levels; l; l = l->next) {
		const int bounds[] = {l->seats.nominal, l->seats.min, l->seats.max};
		for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
			h = (h ^ (uint64_t)bounds[i]) * 0x100000001b3 + 1;
	}
	return h;
}

void flow_config_adjust(struct flowcontrol *fc)
{
	struct seat_level *seats[LEVELS_MAX];
	int64_t now_ns = flow_now_ns(fc);

	for (struct flow_level *l = fc->levels; l; l = l->next) {
		struct seat_demand_result demand = seat_demand_take(&l->fair.demand, now_ns);
		seats_observe(&l->seats, &demand);
	}
	fc->fair_fraction = seats_divide(seats, collect(fc, seats), fc->nominal_sum);
	apply_seats(fc);
}

/* Divided anew only when a bound has moved: what is watched for ten seconds is a demand, a moment of it is
 * not. */
static void assign_seats(struct flowcontrol *fc)
{
	struct seat_level *seats[LEVELS_MAX];
	uint64_t before = bounds_of(fc);

	fc->nominal_sum = seats_assign(seats, collect(fc, seats), fc->server_seats);
	if (bounds_of(fc) != before)
		flow_config_adjust(fc);
	else
		apply_seats(fc);
}

/* --- rules --- */

struct loading {
	struct flowcontrol *fc;
	struct flow_rules *rules;
	struct flow_target *targets;
	size_t len, capacity;
};

static void take_schema(struct loading *loading, const struct object *obj)
{
	const FlowcontrolV1__FlowSchemaSpec *spec = ((const FlowcontrolV1__FlowSchema *)obj->msg)->spec;
	struct flow_level *level = flow_level_find(loading->fc, spec->priority_level_configuration->name);

	if (!level || level->is_quiescing || loading->len == loading->capacity)
		return; /* dangling: matches nothing */
	struct flow_target *target = &loading->targets[loading->len++];
	target->level = level;
	target->series = series_get(loading->fc, level, object_name(obj), obj->meta->uid);
	flow_rules_add(loading->rules, object_name(obj), spec, target);
}

static const struct object *stored(struct flowcontrol *fc, const struct object *wanted)
{
	return watchcache_lookup(fc->server, resource_of(wanted), NULL, object_name(wanted));
}

/* Without the mandatory objects no request would have a place: they count even where they are not stored. */
static bool lacks_mandatory(struct flowcontrol *fc, const struct resource_type *type)
{
	return !watchcache_lookup(fc->server, type, NULL, "exempt") ||
	       !watchcache_lookup(fc->server, type, NULL, "catch-all");
}

static void add_mandatory_level(void *arg, const struct object *wanted)
{
	if (resource_of(wanted) == resource_prioritylevelconfigurations && flow_is_mandatory(wanted) &&
	    !stored(arg, wanted))
		take_level(arg, wanted);
}

static void add_mandatory_schema(void *arg, const struct object *wanted)
{
	struct loading *loading = arg;

	if (resource_of(wanted) == resource_flowschemas && flow_is_mandatory(wanted) &&
	    !stored(loading->fc, wanted))
		take_schema(loading, wanted);
}

static void load_levels(struct flowcontrol *fc)
{
	struct watchcache_cursor cursor;
	const struct object *obj;

	for (struct flow_level *l = fc->levels; l; l = l->next)
		l->is_wanted = false;
	watchcache_cursor_init(&cursor, fc->server, resource_prioritylevelconfigurations, NULL);
	while ((obj = watchcache_next(&cursor)))
		take_level(fc, obj);
	if (lacks_mandatory(fc, resource_prioritylevelconfigurations))
		flow_each_default(add_mandatory_level, fc);
	drop_unwanted(fc);
}

static void release_rules(struct flowcontrol *fc)
{
	for (size_t i = 0; i < fc->targets_len; i++)
		flow_series_unref(fc, fc->targets[i].series);
	free(fc->targets);
	flow_rules_free(fc->rules);
	fc->rules = NULL;
	fc->targets = fc->catch_all = NULL;
	fc->targets_len = 0;
}

static void load_rules(struct flowcontrol *fc)
{
	struct watchcache_cursor cursor;
	const struct object *obj;
	struct loading loading = {.fc = fc, .rules = flow_rules_new()};

	loading.capacity = watchcache_count(fc->server, resource_flowschemas) + 2;
	loading.targets = calloc(loading.capacity, sizeof(*loading.targets));
	if (!loading.targets)
		abort();
	watchcache_cursor_init(&cursor, fc->server, resource_flowschemas, NULL);
	while ((obj = watchcache_next(&cursor)))
		take_schema(&loading, obj);
	if (lacks_mandatory(fc, resource_flowschemas))
		flow_each_default(add_mandatory_schema, &loading);
	flow_rules_sort(loading.rules);
	release_rules(fc); /* not before: counters go with their last user */
	fc->rules = loading.rules;
	fc->targets = loading.targets;
	fc->targets_len = loading.len;
	for (size_t i = 0; i < loading.len; i++)
		if (str_eq(loading.targets[i].series->schema, "catch-all"))
			fc->catch_all = &loading.targets[i];
}

void flow_config_load(struct flowcontrol *fc)
{
	load_levels(fc);
	load_rules(fc);
	assign_seats(fc);
}

void flow_config_clear(struct flowcontrol *fc)
{
	if (fc->rules)
		release_rules(fc);
	while (fc->levels) {
		struct flow_level *l = fc->levels;
		fc->levels = l->next;
		level_free(l);
	}
}
