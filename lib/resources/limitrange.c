/* v1 LimitRange. */
#include <stdlib.h>

#include "lib/resources/podspec.h"
#include "lib/resources/resource_names.h"
#include "lib/resources/strategy.h"

static int compare_entries(const void *a, const void *b)
{
	return strcmp((*(struct quantity_entry *const *)a)->key, (*(struct quantity_entry *const *)b)->key);
}

static void fill_default(CoreV1__LimitRangeItem *item, struct arena *arena, size_t len, void *from)
{
	struct quantity_entry **map = from;
	size_t old_len = item->n_default_;

	for (size_t i = 0; i < len; i++) {
		CoreV1__LimitRangeItem__DefaultEntry *entry;

		if (quantity_entry_find(old_len, item->default_, map[i]->key))
			continue;
		entry = API_NEW(arena, core_v1__limit_range_item__default_entry);
		entry->key = map[i]->key;
		entry->value = map[i]->value;
		api_append(arena, item, default_, entry);
	}
	if (item->n_default_)
		qsort(item->default_, item->n_default_, sizeof *item->default_, compare_entries);
}

static void fill_default_request(CoreV1__LimitRangeItem *item, struct arena *arena, size_t len, void *from)
{
	struct quantity_entry **map = from;
	size_t old_len = item->n_default_request;

	for (size_t i = 0; i < len; i++) {
		CoreV1__LimitRangeItem__DefaultRequestEntry *entry;

		if (quantity_entry_find(old_len, item->default_request, map[i]->key))
			continue;
		entry = API_NEW(arena, core_v1__limit_range_item__default_request_entry);
		entry->key = map[i]->key;
		entry->value = map[i]->value;
		api_append(arena, item, default_request, entry);
	}
	if (item->n_default_request)
		qsort(item->default_request, item->n_default_request, sizeof *item->default_request,
		    compare_entries);
}

/* Of a container: the default limit is the maximum; the default request is the default limit, else the
 * minimum. */
static void defaults(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__LimitRangeSpec *spec = MSG(CoreV1__LimitRange, obj)->spec;

	for (size_t i = 0; i < spec->n_limits; i++) {
		CoreV1__LimitRangeItem *item = spec->limits[i];

		if (!str_eq(item->type, "Container"))
			continue;
		fill_default(item, obj->arena, item->n_max, item->max);
		fill_default_request(item, obj->arena, item->n_default_, item->default_);
		fill_default_request(item, obj->arena, item->n_min, item->min);
	}
}

/* The five amounts of one resource; absent ones have a NULL entry. */
struct amounts {
	const struct quantity_entry *min, *max, *def, *request, *ratio;
};

static bool more(const struct quantity_entry *a, const struct quantity_entry *b)
{
	struct quantity x, y;

	if (!a || !b)
		return false;
	x = quantity_of(a->value);
	y = quantity_of(b->value);
	return quantity_compare(&x, &y) > 0;
}

static void check_ratio(
    const struct amounts *a, const struct field_path *p, const char *key, struct field_errors *e)
{
	struct quantity ratio, max, min;

	if (!a->ratio)
		return;
	ratio = quantity_of(a->ratio->value);
	rule_invalid_if(e, KEY(CHILD(p, "maxLimitRequestRatio"), key), ratio.nano < 1000000000, NULL,
	    "ratio is less than 1");
	if (!a->min || !a->max)
		return;
	min = quantity_of(a->min->value);
	max = quantity_of(a->max->value);
	rule_invalid_if(e, KEY(CHILD(p, "maxLimitRequestRatio"), key),
	    min.nano && (double)ratio.nano / 1e9 > (double)max.nano / (double)min.nano, NULL,
	    "ratio is greater than max/min");
}

static void check_amounts(
    const struct amounts *a, const struct field_path *p, const char *key, struct field_errors *e)
{
	rule_invalid_if(
	    e, KEY(CHILD(p, "min"), key), more(a->min, a->max), NULL, "min value is greater than max value");
	rule_invalid_if(e, KEY(CHILD(p, "defaultRequest"), key), more(a->min, a->request), NULL,
	    "min value is greater than default request value");
	rule_invalid_if(e, KEY(CHILD(p, "defaultRequest"), key), more(a->request, a->max), NULL,
	    "default request value is greater than max value");
	rule_invalid_if(e, KEY(CHILD(p, "defaultRequest"), key), more(a->request, a->def), NULL,
	    "default request value is greater than default limit value");
	rule_invalid_if(e, KEY(CHILD(p, "default"), key), more(a->min, a->def), NULL,
	    "min value is greater than default value");
	rule_invalid_if(e, KEY(CHILD(p, "default"), key), more(a->def, a->max), NULL,
	    "default value is greater than max value");
	check_ratio(a, p, key, e);
	if (!resource_name_is_overcommit_allowed(key) && a->def && a->request)
		rule_invalid_if(e, KEY(CHILD(p, "defaultRequest"), key),
		    more(a->def, a->request) || more(a->request, a->def), NULL,
		    "default value must equal to defaultRequest value");
}

static void check_names(
    const char *type, size_t len, void *entries, const struct field_path *p, struct field_errors *e)
{
	struct quantity_entry **map = entries;
	bool container = !strcmp(type, "Container") || !strcmp(type, "Pod");

	for (size_t i = 0; i < len; i++)
		if (container)
			resource_name_validate_container(map[i]->key, KEY(p, map[i]->key), e);
		else
			resource_name_validate(map[i]->key, KEY(p, map[i]->key), e);
}

static void check_item(const CoreV1__LimitRangeItem *item, const struct field_path *p, struct field_errors *e)
{
	bool is_pod =
	    str_eq(item->type, "Pod"); /* has no defaults, and those it has are refused as a whole */
	size_t defaults_len = is_pod ? 0 : item->n_default_;
	size_t requests_len = is_pod ? 0 : item->n_default_request;
	const struct {
		size_t len;
		void *entries;
	} maps[] = {{item->n_min, item->min}, {item->n_max, item->max}, {defaults_len, item->default_},
	    {requests_len, item->default_request},
	    {item->n_max_limit_request_ratio, item->max_limit_request_ratio}};
	const char *type = str_or(item->type, "");
	struct rule_seen keys = {0};

	check_names(type, item->n_max, item->max, CHILD(p, "max"), e);
	check_names(type, item->n_min, item->min, CHILD(p, "min"), e);
	if (!strcmp(type, "Pod")) {
		rule_forbidden_if(
		    e, CHILD(p, "default"), item->n_default_, "may not be specified when `type` is 'Pod'");
		rule_forbidden_if(e, CHILD(p, "defaultRequest"), item->n_default_request,
		    "may not be specified when `type` is 'Pod'");
	} else {
		check_names(type, item->n_default_, item->default_, CHILD(p, "default"), e);
		check_names(
		    type, item->n_default_request, item->default_request, CHILD(p, "defaultRequest"), e);
	}
	if (!strcmp(type, "PersistentVolumeClaim"))
		rule_required_that(e, CHILD(p, "limits"), /* a field that upstream made up */
		    quantity_entry_find(item->n_min, item->min, "storage") ||
			quantity_entry_find(item->n_max, item->max, "storage"),
		    "either minimum or maximum storage value is required, but neither was provided");
	for (size_t m = 0; m < 5; m++)
		for (size_t i = 0; i < maps[m].len; i++) {
			const char *key = ((struct quantity_entry **)maps[m].entries)[i]->key;
			struct amounts a = {quantity_entry_find(item->n_min, item->min, key),
			    quantity_entry_find(item->n_max, item->max, key),
			    quantity_entry_find(defaults_len, item->default_, key),
			    quantity_entry_find(requests_len, item->default_request, key),
			    quantity_entry_find(
				item->n_max_limit_request_ratio, item->max_limit_request_ratio, key)};

			if (!rule_seen(&keys, e->arena, key))
				check_amounts(&a, p, key, e);
		}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__LimitRangeSpec *spec = MSG(CoreV1__LimitRange, obj)->spec;
	static const char *const types[] = {"Container", "Pod", "PersistentVolumeClaim", NULL};
	struct rule_seen seen = {0};

	for (size_t i = 0; i < spec->n_limits; i++) {
		const char *type = str_or(spec->limits[i]->type, "");
		const struct field_path *p = AT(CHILD(PATH_ROOT("spec"), "limits"), i);

		if (rule_format(e, CHILD(p, "type"), type, "qualified-name"))
			rule_invalid_if(e, CHILD(p, "type"), !strchr(type, '/') && !str_in(type, types), type,
			    "must be a standard limit type or fully qualified");
		if (rule_seen(&seen, e->arena, type))
			rule_duplicate(e, CHILD(p, "type"), type);
		check_item(spec->limits[i], p, e);
	}
}

const struct resource_type limitrange_strategy = {.defaults = defaults, .validate = validate};
