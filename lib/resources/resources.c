#include "lib/resources/resource.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/api/schema.h"
#include "lib/base/error.h"

/* What a strategy file defines: a resource_type of which only the hooks, columns and field selectors are
 * filled in. */
#define RESOURCE(symbol, strategy, ...) extern const struct resource_type strategy##_strategy;
#include "lib/resources/resources.def"
#undef RESOURCE

const struct resource_type none_strategy = {0};

/* The vocabulary of resources.def. */
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define STORED_AS(symbol) .stored_as = &table[INDEX_##symbol]
#define SCALE_PATHS                                                                                          \
	.scale_spec_replicas = "spec.replicas", .scale_status_replicas = "status.replicas",                  \
	.scale_selector = "spec.selector"
#define NAMESPACED RESOURCE_NAMESPACED
#define STATUS RESOURCE_STATUS
#define SCALE RESOURCE_SCALE
#define CREATE_ON_UPDATE RESOURCE_CREATE_ON_UPDATE
#define UNCONDITIONAL RESOURCE_UNCONDITIONAL_UPDATE
#define GRACEFUL_DELETE RESOURCE_GRACEFUL_DELETE
#define VIRTUAL RESOURCE_VIRTUAL
#define ORPHAN_DEFAULT RESOURCE_ORPHAN_DEFAULT
#define HIDDEN RESOURCE_HIDDEN_VERSION
#define HAS_GENERATION RESOURCE_HAS_GENERATION
#define DECLARATIVE RESOURCE_DECLARATIVE
#define KEEP_STATUS RESOURCE_KEEP_STATUS
#define FIXED_GENERATION RESOURCE_FIXED_GENERATION

enum {
#define RESOURCE(symbol, ...) INDEX_##symbol,
#include "lib/resources/resources.def"
#undef RESOURCE
	RESOURCE_COUNT
};

static struct resource_type table[RESOURCE_COUNT] = {
#define RESOURCE(symbol, strategy, group_, version_, kind_, plural_, ...)                                    \
	[INDEX_##symbol] = {                                                                                 \
	    .group = group_, .version = version_, .kind = kind_, .plural = plural_, __VA_ARGS__},
#include "lib/resources/resources.def"
#undef RESOURCE
};

#define RESOURCE(symbol, ...) const struct resource_type *const resource_##symbol = &table[INDEX_##symbol];
#include "lib/resources/resources.def"
#undef RESOURCE

static const struct resource_type *const strategies[RESOURCE_COUNT] = {
#define RESOURCE(symbol, strategy, ...) [INDEX_##symbol] = &strategy##_strategy,
#include "lib/resources/resources.def"
#undef RESOURCE
};

static const struct subresource_type subresources[] = {
#define SUBRESOURCE(symbol, name_, group_, version_, kind_, verbs_)                                          \
	{.parent = &table[INDEX_##symbol],                                                                   \
	    .name = name_,                                                                                   \
	    .group = group_,                                                                                 \
	    .version = version_,                                                                             \
	    .kind = kind_,                                                                                   \
	    .verbs = verbs_},
#include "lib/resources/subresources.def"
#undef SUBRESOURCE
};

static bool initialized;
static char texts[RESOURCE_COUNT][4]
		 [96]; /* names that are derived: singular, list kind, storage prefix, apiVersion */
static struct resource_type *by_plural[RESOURCE_COUNT], *by_kind[RESOURCE_COUNT], *by_schema[RESOURCE_COUNT];

static int compare_plural(const void *a, const void *b);
static int compare_kind(const void *a, const void *b);
static int compare_schema(const void *a, const void *b);

static void take_strategy(struct resource_type *type, const struct resource_type *s)
{
	type->name_format = s->name_format;
	type->defaults = s->defaults;
	type->prepare_create = s->prepare_create;
	type->prepare_update = s->prepare_update;
	type->prepare_status_update = s->prepare_status_update;
	type->validate = s->validate;
	type->validate_update = s->validate_update;
	type->validate_status_update = s->validate_status_update;
	type->field_selectors = s->field_selectors;
	type->field = s->field;
	type->columns = s->columns;
	type->columns_len = s->columns_len;
	type->cells = s->cells;
	type->convert = s->convert;
	type->default_grace_s = s->default_grace_s;
}

static void derive_names(struct resource_type *type, char text[4][96])
{
	if (!type->singular) {
		for (size_t i = 0; type->kind[i] && i < sizeof text[0] - 1; i++)
			text[0][i] = (char)tolower((unsigned char)type->kind[i]);
		type->singular = text[0];
	}
	if (!type->list_kind) {
		snprintf(text[1], sizeof text[1], "%sList", type->kind);
		type->list_kind = text[1];
	}
	if (!type->stored_as)
		type->stored_as = type;
	if (!type->storage_prefix && !(type->flags & RESOURCE_VIRTUAL)) {
		snprintf(text[2], sizeof text[2], "/registry/%s", type->plural);
		type->storage_prefix = text[2];
	}
	if (type->group[0])
		snprintf(text[3], sizeof text[3], "%s/%s", type->group, type->version);
	else
		snprintf(text[3], sizeof text[3], "%s", type->version);
}

void resources_init(void)
{
	if (initialized)
		return;
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		struct resource_type *type = &table[i];

		take_strategy(type, strategies[i]);
		derive_names(type, texts[i]);
		if (!type->verbs)
			type->verbs = VERB_ALL;
		type->schema = schema_by_gvk(type->group, type->version, type->kind);
		type->list_schema = schema_by_gvk(type->group, type->version, type->list_kind);
		assert(type->schema && "resources.def names a kind that proto/ does not have");
		by_plural[i] = by_kind[i] = by_schema[i] = type;
	}
	for (size_t i = 0; i < RESOURCE_COUNT;
	     i++) /* a hidden version lives under its stored version's key */
		if (table[i].stored_as != &table[i])
			table[i].storage_prefix = table[i].stored_as->storage_prefix;
	qsort(by_plural, RESOURCE_COUNT, sizeof by_plural[0], compare_plural);
	qsort(by_kind, RESOURCE_COUNT, sizeof by_kind[0], compare_kind);
	qsort(by_schema, RESOURCE_COUNT, sizeof by_schema[0], compare_schema);
	initialized = true;
}

size_t resources_count(void)
{
	return RESOURCE_COUNT;
}

const struct resource_type *resources_at(size_t i)
{
	assert(i < RESOURCE_COUNT);
	return &table[i];
}

static const struct resource_type *search(struct resource_type *const *index, const struct resource_type *key,
    int (*compare)(const void *, const void *))
{
	struct resource_type *const *found;

	assert(initialized && "resources_init() comes first");
	found = bsearch(&key, index, RESOURCE_COUNT, sizeof index[0], compare);
	return found ? *found : NULL;
}

const struct resource_type *resource_by_plural(const char *group, const char *version, const char *plural)
{
	return search(by_plural,
	    &(struct resource_type){.group = group, .version = version, .plural = plural}, compare_plural);
}

const struct resource_type *resource_by_kind(const char *group, const char *version, const char *kind)
{
	return search(
	    by_kind, &(struct resource_type){.group = group, .version = version, .kind = kind}, compare_kind);
}

const struct resource_type *resource_of(const struct object *obj)
{
	return obj->schema ? search(by_schema, &(struct resource_type){.schema = obj->schema}, compare_schema)
			   : NULL;
}

static bool type_has_name(const struct resource_type *type, const char *name, size_t len)
{
	const char *const *s;

	if (!strncasecmp(type->plural, name, len) && !type->plural[len])
		return true;
	if (!strncasecmp(type->singular, name, len) && !type->singular[len])
		return true;
	for (s = type->short_names; s && *s; s++)
		if (!strncasecmp(*s, name, len) && !(*s)[len])
			return true;
	return false;
}

/* "deploy", "deployments.apps", "deployments.v1.apps". */
const struct resource_type *resource_by_any_name(const char *name)
{
	const char *dot = strchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);

	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		const struct resource_type *type = &table[i];
		char versioned[160];

		if (!type_has_name(type, name, len))
			continue;
		if (!dot) {
			if (!(type->flags & RESOURCE_HIDDEN_VERSION))
				return type;
			continue;
		}
		snprintf(versioned, sizeof versioned, "%s.%s", type->version, type->group);
		if (!strcmp(dot + 1, type->group) || !strcmp(dot + 1, versioned))
			return type;
	}
	return NULL;
}

const char *resource_api_version(const struct resource_type *type)
{
	if (type->dynamic)
		return type->dynamic->api_version(type);
	return texts[type - table][3];
}

size_t subresources_count(void)
{
	return sizeof subresources / sizeof subresources[0];
}

const struct subresource_type *subresources_at(size_t i)
{
	assert(i < subresources_count());
	return &subresources[i];
}

const struct subresource_type *subresource_find(const struct resource_type *parent, const char *name)
{
	for (size_t i = 0; i < subresources_count(); i++)
		if (subresources[i].parent == parent && !strcmp(subresources[i].name, name))
			return &subresources[i];
	return NULL;
}

static int compare_group_version(const struct resource_type *a, const struct resource_type *b)
{
	int d = strcmp(a->group, b->group);

	return d ? d : strcmp(a->version, b->version);
}

static int compare_plural(const void *a, const void *b)
{
	const struct resource_type *x = *(struct resource_type *const *)a,
				   *y = *(struct resource_type *const *)b;
	int d = strcmp(x->plural, y->plural);

	return d ? d : compare_group_version(x, y);
}

static int compare_kind(const void *a, const void *b)
{
	const struct resource_type *x = *(struct resource_type *const *)a,
				   *y = *(struct resource_type *const *)b;
	int d = strcmp(x->kind, y->kind);

	return d ? d : compare_group_version(x, y);
}

static int compare_schema(const void *a, const void *b)
{
	const struct resource_type *x = *(struct resource_type *const *)a,
				   *y = *(struct resource_type *const *)b;

	return x->schema < y->schema ? -1 : x->schema > y->schema;
}
