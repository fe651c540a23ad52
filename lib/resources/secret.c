/* v1 Secret. */
#include <stdlib.h>

#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

#define DATA_SIZE_MAX (1024 * 1024)

static int compare_entries(const void *a, const void *b)
{
	return strcmp(
	    (*(CoreV1__Secret__DataEntry *const *)a)->key, (*(CoreV1__Secret__DataEntry *const *)b)->key);
}

/* Among the first `len` entries, which are in order. */
static CoreV1__Secret__DataEntry *find_among(const CoreV1__Secret *s, size_t len, const char *key)
{
	const CoreV1__Secret__DataEntry wanted = {.key = (char *)key}, *const p = &wanted;
	CoreV1__Secret__DataEntry **found =
	    len ? bsearch(&p, s->data, len, sizeof s->data[0], compare_entries) : NULL;

	return found ? *found : NULL;
}

static CoreV1__Secret__DataEntry *find(const CoreV1__Secret *s, const char *key)
{
	return find_among(s, s->n_data, key);
}

/* stringData is for writers only: it goes into data. */
static void defaults(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__Secret *s = MSG(CoreV1__Secret, obj);
	size_t old_len = s->n_data;

	for (size_t i = 0; i < s->n_string_data; i++) {
		CoreV1__Secret__DataEntry *entry = find_among(s, old_len, s->string_data[i]->key);

		if (!entry) {
			entry = API_NEW(obj->arena, core_v1__secret__data_entry);
			entry->key = s->string_data[i]->key;
			api_append(obj->arena, s, data, entry);
		}
		entry->value.data = (uint8_t *)s->string_data[i]->value;
		entry->value.len = strlen(s->string_data[i]->value);
	}
	if (s->n_string_data)
		qsort(s->data, s->n_data, sizeof s->data[0], compare_entries);
	s->n_string_data = 0;
	s->string_data = NULL;
}

static bool is_json(const CoreV1__Secret__DataEntry *entry, struct arena *arena)
{
	struct json *tree;

	return json_parse(arena, (const char *)entry->value.data, entry->value.len, NULL, &tree, NULL) == 0;
}

static void check_docker_config(const CoreV1__Secret *s, const char *key, struct field_errors *e)
{
	const CoreV1__Secret__DataEntry *entry = find(s, key);
	const struct field_path *p = KEY(PATH_ROOT("data"), key);

	if (rule_required_that(e, p, entry, ""))
		rule_invalid_if(
		    e, p, !is_json(entry, e->arena), "<secret contents redacted>", "must be JSON");
}

static void check_type(const CoreV1__Secret *s, struct field_errors *e)
{
	const char *type = str_or(s->type, "");

	if (!strcmp(type, "kubernetes.io/service-account-token")) {
		const char *name =
		    api_map_get(s->metadata, annotations, "kubernetes.io/service-account.name");

		rule_required(e,
		    KEY(PATH_CHILD(PATH_ROOT("metadata"), "annotations"),
			"kubernetes.io/service-account.name"),
		    name);
	} else if (!strcmp(type, "kubernetes.io/dockercfg")) {
		check_docker_config(s, ".dockercfg", e);
	} else if (!strcmp(type, "kubernetes.io/dockerconfigjson")) {
		check_docker_config(s, ".dockerconfigjson", e);
	} else if (!strcmp(type,
		       "kubernetes.io/basic-auth")) { /* the odd paths of this and the next are upstream's */
		bool any = find(s, "username") || find(s, "password");

		rule_required_that(e, KEY(PATH_ROOT("data[%s]"), "username"), any, "");
		rule_required_that(e, KEY(PATH_ROOT("data[%s]"), "password"), any, "");
	} else if (!strcmp(type, "kubernetes.io/ssh-auth")) {
		const CoreV1__Secret__DataEntry *key = find(s, "ssh-privatekey");

		rule_required_that(
		    e, KEY(PATH_ROOT("data[%s]"), "ssh-privatekey"), key && key->value.len, "");
	} else if (!strcmp(type, "kubernetes.io/tls")) {
		rule_required_that(e, KEY(PATH_ROOT("data"), "tls.crt"), find(s, "tls.crt"), "");
		rule_required_that(e, KEY(PATH_ROOT("data"), "tls.key"), find(s, "tls.key"), "");
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Secret *s = MSG(CoreV1__Secret, obj);
	size_t total = 0;

	for (size_t i = 0; i < s->n_data; i++) {
		rule_format(e, KEY(PATH_ROOT("data"), s->data[i]->key), s->data[i]->key, "config-key");
		total += s->data[i]->value.len;
	}
	if (total > DATA_SIZE_MAX)
		field_errors_at(
		    e, FIELD_TOO_LONG, PATH_ROOT("data"), "", "may not be more than %d bytes", DATA_SIZE_MAX);
	check_type(s, e);
}

static bool same_data(const CoreV1__Secret *a, const CoreV1__Secret *b)
{
	if (a->n_data != b->n_data)
		return false;
	for (size_t i = 0; i < a->n_data; i++)
		if (!api_equal(a->data[i], b->data[i]))
			return false;
	return true;
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Secret *s = MSG(CoreV1__Secret, obj), *was = MSG(CoreV1__Secret, old);

	rule_immutable(e, PATH_ROOT("type"), str_eq(s->type, was->type));
	if (!was->has_immutable || !was->immutable)
		return;
	rule_forbidden_if(e, PATH_ROOT("immutable"), !s->has_immutable || !s->immutable,
	    "field is immutable when `immutable` is set");
	rule_forbidden_if(
	    e, PATH_ROOT("data"), !same_data(s, was), "field is immutable when `immutable` is set");
}

static const char *const field_names[] = {"type", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	return MSG(CoreV1__Secret, obj)->type;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Type"), COLUMN("Data"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__Secret *s = MSG(CoreV1__Secret, obj);

	ret[0] = cell_text(ctx, s->metadata->name);
	ret[1] = cell_text(ctx, s->type);
	ret[2] = cell_int(ctx, (int64_t)s->n_data);
	ret[3] = cell_age(ctx, s->metadata->creation_timestamp);
}

const struct resource_type secret_strategy = {.defaults = defaults,
    .validate = validate,
    .validate_update = validate_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
