#include "lib/api/labels.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/label_syntax.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static bool requirement_matches(const struct requirement *r, const char *value);
static bool has_value(const struct requirement *r, const char *value);
static int add_expression(
    struct arena *arena, struct selector *sel, const MetaV1__LabelSelectorRequirement *e, struct error *err);
static void format_requirement(struct buf *out, const struct requirement *r);
static int compare_requirements(const void *a, const void *b);
static int compare_strings(const void *a, const void *b);

int selector_from_object(
    struct arena *arena, const MetaV1__LabelSelector *ls, struct selector **ret, struct error *err)
{
	struct selector *sel = ARENA_NEW(arena, struct selector);

	sel->nothing = !ls;
	for (size_t i = 0; ls && i < ls->n_match_labels; i++) {
		const struct api_string_entry *e = (const void *)ls->match_labels[i];

		if (selector_add(arena, sel, e->key, LABEL_EQUALS, 1, &e->value, err) < 0)
			return -1;
	}
	for (size_t i = 0; ls && i < ls->n_match_expressions; i++) {
		if (add_expression(arena, sel, ls->match_expressions[i], err) < 0)
			return -1;
	}
	selector_sort(sel);
	*ret = sel;
	return 0;
}

struct selector *selector_from_map(struct arena *arena, size_t len, void *entries)
{
	struct selector *sel = ARENA_NEW(arena, struct selector);
	struct api_string_entry *const *items = entries;

	sel->nothing = len == 0;
	sel->requirements = ARENA_ARRAY(arena, struct requirement, len);
	/* Not checked: what is no legal label value matches no label. */
	for (size_t i = 0; i < len; i++) {
		struct requirement *r = &sel->requirements[sel->len++];

		r->key = arena_strdup(arena, items[i]->key);
		r->op = LABEL_EQUALS;
		r->values = ARENA_ARRAY(arena, char *, 1);
		r->values[0] = arena_strdup(arena, items[i]->value);
		r->values_len = 1;
	}
	return sel;
}

bool selector_matches(const struct selector *sel, const MetaV1__ObjectMeta *meta)
{
	return selector_matches_map(sel, meta->n_labels, (void *)meta->labels);
}

bool selector_matches_map(const struct selector *sel, size_t len, void *entries)
{
	if (sel->nothing)
		return false;
	for (size_t i = 0; i < sel->len; i++) {
		const struct requirement *r = &sel->requirements[i];

		if (!requirement_matches(r, api_map_get_(len, entries, r->key)))
			return false;
	}
	return true;
}

bool selector_is_everything(const struct selector *sel)
{
	return !sel->nothing && sel->len == 0;
}

const char *selector_format(struct arena *arena, const struct selector *sel)
{
	struct buf out = BUF_INIT;
	const char *text;

	for (size_t i = 0; i < sel->len; i++) {
		if (i > 0)
			buf_putc(&out, ',');
		format_requirement(&out, &sel->requirements[i]);
	}
	text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

const char *selector_requires(const struct selector *sel, const char *key)
{
	for (size_t i = 0; i < sel->len; i++) {
		const struct requirement *r = &sel->requirements[i];

		if ((r->op == LABEL_EQUALS || r->op == LABEL_IN) && r->values_len == 1 &&
		    strcmp(r->key, key) == 0)
			return r->values[0];
	}
	return NULL;
}

int selector_add(struct arena *arena, struct selector *sel, const char *key, enum label_operator op,
    size_t len, char *const *values, struct error *err)
{
	struct requirement *r;
	int64_t n;

	if (!label_key_is_valid(key))
		return error_set(err, ERR_BAD_REQUEST, "invalid label key \"%.260s\"", key);
	if ((op == LABEL_IN || op == LABEL_NOT_IN) && len == 0)
		return error_set(
		    err, ERR_BAD_REQUEST, "for 'in', 'notin' operators, values set can't be empty");
	if ((op == LABEL_EXISTS || op == LABEL_ABSENT) && len != 0)
		return error_set(
		    err, ERR_BAD_REQUEST, "values set must be empty for exists and does not exist");
	for (size_t i = 0; i < len; i++) {
		if (!label_value_is_valid(values[i]))
			return error_set(err, ERR_BAD_REQUEST,
			    "invalid label value: \"%.80s\": at key: \"%.260s\"", values[i], key);
		if ((op == LABEL_GREATER || op == LABEL_LESS) && !str_to_int64(values[i], &n))
			return error_set(
			    err, ERR_BAD_REQUEST, "for 'Gt', 'Lt' operators, the value must be an integer");
	}
	sel->requirements =
	    arena_grow(arena, sel->requirements, sel->len * sizeof(*r), (sel->len + 1) * sizeof(*r));
	r = &sel->requirements[sel->len++];
	*r = (struct requirement){.key = arena_strdup(arena, key), .op = op, .values_len = len};
	r->values = ARENA_ARRAY(arena, char *, len > 0 ? len : 1);
	for (size_t i = 0; i < len; i++)
		r->values[i] = arena_strdup(arena, values[i]);
	qsort(r->values, len, sizeof(char *), compare_strings);
	return 0;
}

void selector_sort(struct selector *sel)
{
	if (sel->len > 1)
		qsort(sel->requirements, sel->len, sizeof(*sel->requirements), compare_requirements);
}

/* value is NULL when the label is absent. */
static bool requirement_matches(const struct requirement *r, const char *value)
{
	int64_t n, limit;

	switch (r->op) {
	case LABEL_EQUALS:
	case LABEL_IN:
		return value && has_value(r, value);
	case LABEL_NOT_EQUALS:
	case LABEL_NOT_IN:
		return !value || !has_value(r, value);
	case LABEL_EXISTS:
		return value != NULL;
	case LABEL_ABSENT:
		return value == NULL;
	default:
		if (!value || !str_to_int64(value, &n) || !str_to_int64(r->values[0], &limit))
			return false;
		return r->op == LABEL_GREATER ? n > limit : n < limit;
	}
}

static bool has_value(const struct requirement *r, const char *value)
{
	for (size_t i = 0; i < r->values_len; i++) {
		if (strcmp(r->values[i], value) == 0)
			return true;
	}
	return false;
}

static int add_expression(
    struct arena *arena, struct selector *sel, const MetaV1__LabelSelectorRequirement *e, struct error *err)
{
	static const struct {
		const char *name;
		enum label_operator op;
	} operators[] = {{"In", LABEL_IN}, {"NotIn", LABEL_NOT_IN}, {"Exists", LABEL_EXISTS},
	    {"DoesNotExist", LABEL_ABSENT}};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (str_eq(e->operator_, operators[i].name))
			return selector_add(arena, sel, e->key, operators[i].op, e->n_values, e->values, err);
	}
	return error_set(err, ERR_BAD_REQUEST, "\"%.60s\" is not a valid label selector operator",
	    str_or(e->operator_, ""));
}

static void format_requirement(struct buf *out, const struct requirement *r)
{
	static const char *const between[] = {[LABEL_EQUALS] = "=",
	    [LABEL_NOT_EQUALS] = "!=",
	    [LABEL_IN] = " in (",
	    [LABEL_NOT_IN] = " notin (",
	    [LABEL_GREATER] = ">",
	    [LABEL_LESS] = "<",
	    [LABEL_EXISTS] = "",
	    [LABEL_ABSENT] = ""};

	buf_printf(out, "%s%s%s", r->op == LABEL_ABSENT ? "!" : "", r->key, between[r->op]);
	for (size_t i = 0; i < r->values_len; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : "", r->values[i]);
	if (r->op == LABEL_IN || r->op == LABEL_NOT_IN)
		buf_putc(out, ')');
}

static int compare_requirements(const void *a, const void *b)
{
	return strcmp(((const struct requirement *)a)->key, ((const struct requirement *)b)->key);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}
