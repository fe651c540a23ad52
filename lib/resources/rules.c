#include "lib/resources/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"

bool rule_required(struct field_errors *e, const struct field_path *p, const char *value)
{
	return rule_required_that(e, p, !str_empty(value), "");
}

bool rule_required_that(struct field_errors *e, const struct field_path *p, bool present, const char *detail)
{
	if (!present)
		field_errors_at(e, FIELD_REQUIRED, p, NULL, "%s", detail);
	return present;
}

bool rule_invalid_if(
    struct field_errors *e, const struct field_path *p, bool bad, const char *value, const char *detail)
{
	if (bad)
		field_errors_at(e, FIELD_INVALID, p, value, "%s", detail);
	return !bad;
}

bool rule_forbidden_if(struct field_errors *e, const struct field_path *p, bool bad, const char *detail)
{
	if (bad)
		field_errors_at(e, FIELD_FORBIDDEN, p, NULL, "%s", detail);
	return !bad;
}

bool rule_enum(struct field_errors *e, const struct field_path *p, const char *value, const char *const *list)
{
	const char *v = value ? value : "";

	if (str_in(v, list))
		return true;
	field_errors_not_supported(e, field_path_text(e->arena, p), v, list);
	return false;
}

bool rule_format(struct field_errors *e, const struct field_path *p, const char *value, const char *format)
{
	const char *v = value ? value : "";
	const char *detail = format_check(format, v);

	return rule_invalid_if(e, p, detail != NULL, v, detail);
}

void rule_invalid_int(struct field_errors *e, const struct field_path *p, int64_t value, const char *detail)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, value);
	field_errors_at(e, FIELD_INVALID, p, text, "%s", detail);
}

bool rule_non_negative(struct field_errors *e, const struct field_path *p, int64_t value)
{
	if (value < 0)
		rule_invalid_int(e, p, value, "must be greater than or equal to 0");
	return value >= 0;
}

bool rule_positive(struct field_errors *e, const struct field_path *p, int64_t value)
{
	if (value <= 0)
		rule_invalid_int(e, p, value, "must be greater than 0");
	return value > 0;
}

bool rule_range(struct field_errors *e, const struct field_path *p, int64_t value, int64_t min, int64_t max)
{
	if (value >= min && value <= max)
		return true;
	rule_invalid_int(e, p, value,
	    arena_printf(e->arena, "must be between %" PRId64 " and %" PRId64 ", inclusive", min, max));
	return false;
}

bool rule_port(struct field_errors *e, const struct field_path *p, int64_t value)
{
	return rule_range(e, p, value, 1, 65535);
}

bool rule_port_or_name(struct field_errors *e, const struct field_path *p, const Intstr__IntOrString *value)
{
	if (value && intstr_is_string(value))
		return rule_format(e, p, value->str_val, "port-name");
	return rule_port(e, p, value ? value->int_val : 0);
}

bool rule_immutable(struct field_errors *e, const struct field_path *p, bool equal)
{
	return rule_invalid_if(e, p, !equal, NULL, "field is immutable");
}

void rule_duplicate(struct field_errors *e, const struct field_path *p, const char *value)
{
	field_errors_at(e, FIELD_DUPLICATE, p, value, "%s", "");
}

const char *rule_mask_trailing_dash(struct arena *arena, const char *prefix)
{
	size_t len = strlen(prefix);

	return len > 1 && prefix[len - 1] == '-' ? arena_printf(arena, "%.*sa", (int)(len - 2), prefix)
						 : prefix;
}

bool rule_name(struct field_errors *e, const struct field_path *p, const char *value, const char *format)
{
	return rule_required(e, p, value) && rule_format(e, p, value, format);
}

void rule_labels(struct field_errors *e, const struct field_path *p, size_t len, void *entries)
{
	struct api_string_entry **map = entries;

	for (size_t i = 0; i < len; i++) {
		rule_format(e, p, map[i]->key, "qualified-name");
		rule_format(e, p, map[i]->value, "label-value");
	}
}

void rule_annotations(struct field_errors *e, const struct field_path *p, size_t len, void *entries)
{
	struct api_string_entry **map = entries;
	size_t total = 0;

	for (size_t i = 0; i < len; i++) {
		char *lower = str_lower(e->arena, map[i]->key);

		rule_format(e, p, lower, "qualified-name");
		total += strlen(map[i]->key) + (map[i]->value ? strlen(map[i]->value) : 0);
	}
	if (total > 256 * 1024)
		field_errors_at(e, FIELD_TOO_LONG, p, "", "may not be more than %d bytes", 256 * 1024);
}

static void rule_selector_requirement(
    struct field_errors *e, const struct field_path *p, const MetaV1__LabelSelectorRequirement *r)
{
	if (str_eq(r->operator_, "In") || str_eq(r->operator_, "NotIn")) {
		rule_required_that(
		    e, CHILD(p, "values"), r->n_values, "must be specified when operator is 'In' or 'NotIn'");
	} else if (str_eq(r->operator_, "Exists") || str_eq(r->operator_, "DoesNotExist")) {
		rule_forbidden_if(e, CHILD(p, "values"), r->n_values,
		    "may not be specified when operator is 'Exists' or 'DoesNotExist'");
	} else {
		rule_invalid_if(e, CHILD(p, "operator"), true, r->operator_, "not a valid selector operator");
	}
	rule_format(e, CHILD(p, "key"), r->key, "qualified-name");
	for (size_t i = 0; i < r->n_values; i++)
		rule_format(e, AT(CHILD(p, "values"), i), r->values[i], "label-value");
}

void rule_label_selector(
    struct field_errors *e, const struct field_path *p, const MetaV1__LabelSelector *selector)
{
	if (!selector)
		return;
	rule_labels(e, CHILD(p, "matchLabels"), selector->n_match_labels, selector->match_labels);
	for (size_t i = 0; i < selector->n_match_expressions; i++)
		rule_selector_requirement(
		    e, AT(CHILD(p, "matchExpressions"), i), selector->match_expressions[i]);
}

int32_t rule_int_or_percent_value(const Intstr__IntOrString *value)
{
	char *end;
	long n;

	if (!value)
		return 0;
	if (!intstr_is_string(value))
		return value->int_val;
	n = strtol(str_or(value->str_val, ""), &end, 10);
	return end == value->str_val || (*end && !format_is_percentage(value->str_val)) || n > INT32_MAX ||
		       n < INT32_MIN
		   ? 0
		   : (int32_t)n;
}

void rule_at_most_all(struct field_errors *e, const struct field_path *p, const Intstr__IntOrString *value)
{
	rule_invalid_if(e, p,
	    value && intstr_is_string(value) && format_is_percentage(value->str_val) &&
		strtol(value->str_val, NULL, 10) > 100,
	    value ? value->str_val : NULL, "must not be greater than 100%");
}

void rule_int_or_percent(struct field_errors *e, const struct field_path *p, const Intstr__IntOrString *value)
{
	if (!value)
		return;
	if (!intstr_is_string(value)) {
		rule_non_negative(e, p, value->int_val);
	} else if (!format_is_percentage(value->str_val)) {
		rule_invalid_if(e, p, true, value->str_val, "must be an integer or percentage (e.g '5%')");
	}
}

/* Nobody outside can choose strings that fall into one slot. */
static size_t hash_of(const char *text)
{
	static uint64_t secret[2];
	while (!secret[1])
		if (getrandom(secret, sizeof secret, 0) == (ssize_t)sizeof secret)
			secret[1] |= 1;
	uint64_t h = secret[0];
	for (; *text; text++) {
		h = (h ^ (unsigned char)*text) * secret[1];
		h ^= h >> 32;
	}
	return (size_t)h;
}

/* Where the value is, or belongs. */
static const char **slot_of(const struct rule_seen *seen, const char *value)
{
	size_t at = hash_of(value) & (seen->capacity - 1);

	while (seen->slots[at] && strcmp(seen->slots[at], value) != 0)
		at = (at + 1) & (seen->capacity - 1);
	return &seen->slots[at];
}

bool rule_has_seen(const struct rule_seen *seen, const char *value)
{
	return seen->capacity && *slot_of(seen, value);
}

bool rule_seen(struct rule_seen *seen, struct arena *arena, const char *value)
{
	if (seen->len * 2 >= seen->capacity) {
		struct rule_seen old = *seen;

		seen->capacity = old.capacity ? old.capacity * 4 : 16;
		seen->slots = ARENA_ARRAY(arena, const char *, seen->capacity);
		for (size_t i = 0; i < old.capacity; i++)
			if (old.slots[i])
				*slot_of(seen, old.slots[i]) = old.slots[i];
	}
	const char **slot = slot_of(seen, value);
	if (*slot)
		return true;
	*slot = value;
	seen->len++;
	return false;
}

const struct quantity_entry *quantity_entry_find(size_t len, void *entries, const char *key)
{
	struct quantity_entry **map = entries;

	for (size_t low = 0, high = len; low < high;) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(map[middle]->key, key);

		if (order == 0)
			return map[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void rule_quantity_non_negative(
    struct field_errors *e, const struct field_path *p, const Resource__Quantity *value)
{
	struct quantity q = quantity_of(value);

	rule_invalid_if(e, p, q.nano < 0, value ? value->string : "", "must be greater than or equal to 0");
}

bool resource_name_is_hugepages(const char *name)
{
	return str_has_prefix(name, "hugepages-");
}

bool resource_name_is_native(const char *name)
{
	return !strchr(name, '/') || strstr(name, "kubernetes.io/");
}

bool resource_name_is_extended(const char *name)
{
	char *quota;
	bool ok;

	if (resource_name_is_native(name) || str_has_prefix(name, "requests."))
		return false;
	quota = malloc(strlen(name) + 10); /* it must be usable in a quota too */
	sprintf(quota, "requests.%s", name);
	ok = format_is_qualified_name(quota);
	free(quota);
	return ok;
}

bool resource_name_is_overcommit_allowed(const char *name)
{
	return resource_name_is_native(name) && !resource_name_is_hugepages(name);
}

bool resource_name_is_integer(const char *name)
{
	static const char *const counted[] = {"pods", "resourcequotas", "services", "replicationcontrollers",
	    "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
	    NULL};

	return str_in(name, counted) || resource_name_is_extended(name) || str_has_prefix(name, "count/");
}

void rule_resource_value(
    struct field_errors *e, const struct field_path *p, const char *name, const Resource__Quantity *value)
{
	struct quantity q = quantity_of(value);

	rule_quantity_non_negative(e, p, value);
	if (resource_name_is_integer(name))
		rule_invalid_if(
		    e, p, q.nano % 1000000000 != 0, value ? value->string : "", "must be an integer");
}
