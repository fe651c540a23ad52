/*
 * rules: the building blocks of validation hooks. Each checks one value at one path and adds what it finds;
 * all return whether the value passed, so that dependent rules can be skipped. Paths are made with PATH_CHILD
 * and friends.
 */
#ifndef CUBE_RESOURCES_RULES_H
#define CUBE_RESOURCES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/api/field_errors.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"

struct arena;

/* In a hook: CHILD(p, "spec") for a field, AT(p, i) for a list element, KEY(p, "x") for a map element. */
#define CHILD PATH_CHILD
#define AT PATH_INDEX
#define KEY PATH_KEY

bool rule_required(struct field_errors *e, const struct field_path *p, const char *value); /* not empty */
bool rule_required_that(struct field_errors *e, const struct field_path *p, bool present, const char *detail);
bool rule_invalid_if(
    struct field_errors *e, const struct field_path *p, bool bad, const char *value, const char *detail);
bool rule_forbidden_if(struct field_errors *e, const struct field_path *p, bool bad, const char *detail);
/* One of the list (NULL-terminated), else NotSupported; the empty string is checked like any other. */
bool rule_enum(
    struct field_errors *e, const struct field_path *p, const char *value, const char *const *list);
#define RULE_ENUM(e, p, value, ...) rule_enum((e), (p), (value), (const char *const[]){__VA_ARGS__, NULL})
bool rule_format(struct field_errors *e, const struct field_path *p, const char *value, const char *format);
bool rule_non_negative(struct field_errors *e, const struct field_path *p, int64_t value);
bool rule_positive(struct field_errors *e, const struct field_path *p, int64_t value);
bool rule_range(struct field_errors *e, const struct field_path *p, int64_t value, int64_t min, int64_t max);
bool rule_port(struct field_errors *e, const struct field_path *p, int64_t value);
bool rule_port_or_name(struct field_errors *e, const struct field_path *p, const Intstr__IntOrString *value);
bool rule_immutable(struct field_errors *e, const struct field_path *p, bool equal);
void rule_invalid_int(struct field_errors *e, const struct field_path *p, int64_t value, const char *detail);
void rule_duplicate(struct field_errors *e, const struct field_path *p, const char *value);
/* A prefix of a name as a name: upstream's stand-in for what follows a dash at the end. */
const char *rule_mask_trailing_dash(struct arena *arena, const char *prefix);
/* Required when empty, else of the format. */
bool rule_name(struct field_errors *e, const struct field_path *p, const char *value, const char *format);

/* Metadata-like pieces. entries are string maps. */
void rule_labels(struct field_errors *e, const struct field_path *p, size_t len, void *entries);
void rule_annotations(struct field_errors *e, const struct field_path *p, size_t len, void *entries);
void rule_label_selector(
    struct field_errors *e, const struct field_path *p, const MetaV1__LabelSelector *selector);
/* Non-negative number or percentage. */
void rule_int_or_percent(
    struct field_errors *e, const struct field_path *p, const Intstr__IntOrString *value);
/* A percentage of more than 100 is Invalid. */
void rule_at_most_all(struct field_errors *e, const struct field_path *p, const Intstr__IntOrString *value);
/* The number of either form, also of a string without the percent sign; 0 for others. */
int32_t rule_int_or_percent_value(const Intstr__IntOrString *value);

/* A set of strings for duplicates; lives on the stack of the rule, remembers pointers only. A hash table:
 * lists come from clients and may be as long as a body. */
struct rule_seen {
	const char **slots; /* NULL where there is none */
	size_t len, capacity;
};
bool rule_seen(
    struct rule_seen *seen, struct arena *arena, const char *value); /* true when it was there before */
bool rule_has_seen(const struct rule_seen *seen, const char *value); /* only looks */

/* Resource lists: entries are {base, char *key, Resource__Quantity *value}. */
struct quantity_entry {
	ProtobufCMessage base;
	char *key;
	Resource__Quantity *value;
};
/* The entry of a resource list, which is in the order of its keys; NULL when absent. */
const struct quantity_entry *quantity_entry_find(size_t len, void *entries, const char *key);
void rule_quantity_non_negative(
    struct field_errors *e, const struct field_path *p, const Resource__Quantity *value);
/* Whole numbers for everything but cpu, memory and the like; not negative. */
void rule_resource_value(
    struct field_errors *e, const struct field_path *p, const char *name, const Resource__Quantity *value);
bool resource_name_is_integer(const char *name);
bool resource_name_is_native(const char *name); /* no slash, or kubernetes.io in front of it */
bool resource_name_is_extended(const char *name);
bool resource_name_is_hugepages(const char *name);
bool resource_name_is_overcommit_allowed(const char *name);

/* metadata of any object; `format` is that of names. */
void rule_object_meta(struct field_errors *e, const struct field_path *p, const MetaV1__ObjectMeta *meta,
    bool namespaced, const char *format, bool core_finalizers);
/* A status' conditions of the common type: named, dated, with a reason; one of each type. */
void rule_conditions(
    struct field_errors *e, const struct field_path *p, size_t len, MetaV1__Condition *const *conditions);
void rule_object_meta_update(struct field_errors *e, const struct field_path *p,
    const MetaV1__ObjectMeta *meta, const MetaV1__ObjectMeta *old);

#endif
