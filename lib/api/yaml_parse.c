/*
 * YAML to trees: libyaml's events go into json_build. Aliases become copies that are paid for from a budget,
 * so that a small text cannot unfold into a large tree.
 */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/api/json.h"
#include "lib/api/json_build.h"
#include "lib/api/yaml.h"
#include "lib/api/yaml_resolve.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

struct anchor {
	struct anchor *next;
	const char *name;
	struct json *value;
};

/* What a container needs besides its frame in the builder. */
struct level {
	const char *anchor;
	bool wants_key; /* mapping: the next scalar is a key */
	bool is_merge;  /* mapping: the next value belongs to << */
};

struct loader {
	yaml_parser_t yaml;
	struct json_builder build;
	struct level *levels; /* one for each open container, like build.frames */
	struct anchor *anchors;
	size_t budget; /* what aliases may still unfold to, in bytes, roughly */
	struct error *err;
};

static int load_document(struct loader *l, size_t line, struct json **ret, size_t *ret_line, bool *ret_more);
static int handle_event(struct loader *l, const yaml_event_t *event);
static int open_container(struct loader *l, bool is_mapping, const char *anchor);
static int close_container(struct loader *l);
static int handle_scalar(struct loader *l, const yaml_event_t *event);
static int handle_key(struct loader *l, const yaml_event_t *event);
static int handle_alias(struct loader *l, const char *name);
static int add_value(struct loader *l, struct json *value);
static int merge(struct loader *l, const struct json *source);
static void merge_object(struct loader *l, const struct json *source);
static enum yaml_meaning scalar_meaning(const yaml_event_t *event, char number[NUMBER_TEXT_MAX]);
static void remember(struct loader *l, const char *name, struct json *value);
static struct level *top(struct loader *l);
static bool pay(size_t *budget, const struct json *v);
static int syntax_error(struct loader *l, size_t line);
static const char *json_end(const char *p, const char *end);
static int add_document(
    struct arena *arena, struct json *doc, size_t line, struct json ***docs, size_t **lines, size_t *len);
static int parse_stream(struct arena *arena, const char *text, size_t size, size_t line,
    const struct json_limits *limits, struct json ***docs, size_t **lines, size_t *len, struct error *err);

int yaml_parse(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
    struct json **ret, struct error *err)
{
	struct json **docs;
	size_t *lines, len;

	if (yaml_parse_all(arena, text, size, limits, &docs, &lines, &len, err) < 0)
		return -1;
	if (len != 1)
		return error_set(err, ERR_BAD_REQUEST, "expected one YAML document, found %zu", len);
	*ret = docs[0];
	return 0;
}

int yaml_parse_all(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
    struct json ***ret, size_t **ret_lines, size_t *ret_len, struct error *err)
{
	const char *p = text, *end = text + size;
	struct json **docs = NULL, *doc;
	size_t *lines = NULL, len = 0, line = 1;

	/* JSON values one behind the other, as many as there are; what follows is YAML (as JSON in flow style
	 * would be). */
	for (;;) {
		const char *stop;

		for (; p < end && *p && strchr(" \t\r\n", *p); p++)
			line += *p == '\n';
		if (p == end || *p != '{')
			break;
		stop = json_end(p, end);
		if (!stop || json_parse(arena, p, (size_t)(stop - p), limits, &doc, NULL) < 0)
			break;
		add_document(arena, doc, line, &docs, &lines, &len);
		for (; p < stop; p++)
			line += *p == '\n';
	}
	if (p < end && parse_stream(arena, p, (size_t)(end - p), line, limits, &docs, &lines, &len, err) < 0)
		return -1;
	*ret = docs;
	*ret_lines = lines;
	*ret_len = len;
	return 0;
}

static int parse_stream(struct arena *arena, const char *text, size_t size, size_t line,
    const struct json_limits *limits, struct json ***docs, size_t **lines, size_t *len, struct error *err)
{
	struct loader l = {.err = err};
	bool more = true;
	int r = json_build_init(&l.build, arena, limits, size, err);

	if (r < 0)
		return r;
	l.budget = json_build_size_max(&l.build);
	l.levels = calloc(l.build.depth_max + 1, sizeof(*l.levels));
	if (!l.levels || !yaml_parser_initialize(&l.yaml))
		abort();
	yaml_parser_set_encoding(&l.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.yaml, (const unsigned char *)text, size);
	while (more && r == 0) {
		struct json *doc = NULL;
		size_t doc_line = 0;

		r = load_document(&l, line, &doc, &doc_line, &more);
		if (r == 0 && doc && doc->type != JSON_NULL)
			r = add_document(arena, doc, doc_line, docs, lines, len);
	}
	yaml_parser_delete(&l.yaml);
	json_build_done(&l.build);
	free(l.levels);
	return r;
}

/* Reads events up to the end of one document; doc stays NULL when the stream ends. `line` is where the stream
 * starts. */
static int load_document(struct loader *l, size_t line, struct json **ret, size_t *ret_line, bool *ret_more)
{
	bool done = false;
	int r = 0;

	l->build.root = NULL;
	l->anchors = NULL;
	while (!done && r == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&l->yaml, &event))
			return syntax_error(l, line);
		if (event.type == YAML_DOCUMENT_START_EVENT)
			*ret_line = event.start_mark.line + line + !event.data.document_start.implicit;
		else if (event.type == YAML_STREAM_END_EVENT)
			*ret_more = false;
		done = event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT;
		r = handle_event(l, &event);
		if (r < 0)
			error_prefix(l->err, "yaml: line %zu, column %zu", event.start_mark.line + line,
			    event.start_mark.column + 1);
		yaml_event_delete(&event);
	}
	*ret = l->build.root;
	return r;
}

static int handle_event(struct loader *l, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return handle_alias(l, (const char *)event->data.alias.anchor);
	case YAML_SCALAR_EVENT:
		return handle_scalar(l, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(l, false, (const char *)event->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return open_container(l, true, (const char *)event->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_container(l);
	default:
		return 0;
	}
}

static int open_container(struct loader *l, bool is_mapping, const char *anchor)
{
	struct level *parent = top(l);

	if (parent && parent->wants_key)
		return error_set(l->err, ERR_BAD_REQUEST, "a key must be a scalar");
	if (json_build_open(&l->build, is_mapping) < 0)
		return -1;
	*top(l) = (struct level){.anchor = arena_strdup(l->build.arena, anchor), .wants_key = is_mapping};
	return 0;
}

static int close_container(struct loader *l)
{
	const char *anchor = top(l)->anchor;
	struct json *value = json_build_close(&l->build);

	remember(l, anchor, value);
	/* The builder has added it to its parent already; a merge takes it back. */
	if (top(l) && top(l)->is_merge) {
		l->build.len--;
		return add_value(l, value);
	}
	if (top(l))
		top(l)->wants_key = json_build_frame(&l->build)->is_object;
	return 0;
}

static int handle_scalar(struct loader *l, const yaml_event_t *event)
{
	char number[NUMBER_TEXT_MAX];
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	enum yaml_meaning meaning;
	enum json_type type = JSON_STRING;
	struct json *value;

	if (top(l) && top(l)->wants_key)
		return handle_key(l, event);
	meaning = scalar_meaning(event, number);
	if (meaning == YAML_NOT_FINITE)
		return error_set(l->err, ERR_BAD_REQUEST, "JSON has no value for %s", text);
	if (meaning == YAML_NUMBER) {
		type = JSON_NUMBER;
		text = number;
		len = strlen(number);
	} else if (meaning == YAML_NULL) {
		type = JSON_NULL;
	} else if (meaning == YAML_TRUE || meaning == YAML_FALSE) {
		type = JSON_BOOL;
	}
	if (memchr(text, 0, len))
		return error_set(l->err, ERR_BAD_REQUEST, "a string contains a NUL character");
	value = ARENA_NEW(l->build.arena, struct json);
	value->type = type;
	value->boolean = meaning == YAML_TRUE;
	if (type == JSON_STRING || type == JSON_NUMBER) {
		value->len = len;
		value->text = arena_strndup(l->build.arena, text, len);
	}
	remember(l, (const char *)event->data.scalar.anchor, value);
	return add_value(l, value);
}

/* Keys that are no strings get the text that sigs.k8s.io/yaml gives them. */
static int handle_key(struct loader *l, const yaml_event_t *event)
{
	char number[NUMBER_TEXT_MAX];
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	enum yaml_meaning meaning = scalar_meaning(event, number);

	top(l)->wants_key = false;
	if (meaning == YAML_MERGE) {
		top(l)->is_merge = true;
		return 0;
	}
	if (meaning == YAML_NUMBER)
		text = number;
	else if (meaning == YAML_TRUE || meaning == YAML_FALSE)
		text = meaning == YAML_TRUE ? "true" : "false";
	else if (meaning == YAML_NULL)
		text = "null";
	else
		return json_build_key(&l->build, text, len);
	return json_build_key(&l->build, text, strlen(text));
}

static int handle_alias(struct loader *l, const char *name)
{
	for (const struct anchor *a = l->anchors; a; a = a->next) {
		/* Looking for it is paid for as well: many anchors and many aliases must not cost their
		 * product. */
		if (l->budget > 0)
			l->budget--;
		if (l->budget > 0 && strcmp(a->name, name) != 0)
			continue;
		if (top(l) && top(l)->wants_key) {
			if (a->value->type != JSON_STRING)
				return error_set(l->err, ERR_BAD_REQUEST, "a key must be a string");
			top(l)->wants_key = false;
			return json_build_key(&l->build, a->value->text, a->value->len);
		}
		if (!pay(&l->budget, a->value))
			return error_set(l->err, ERR_TOO_LARGE, "aliases unfold to more than %zu bytes",
			    json_build_size_max(&l->build));
		if (json_is_deeper(a->value, l->build.depth_max - l->build.depth))
			return error_set(
			    l->err, ERR_BAD_REQUEST, "nested deeper than %zu levels", l->build.depth_max);
		return add_value(l, json_clone(l->build.arena, a->value));
	}
	return error_set(l->err, ERR_BAD_REQUEST, "unknown anchor '%.100s' referenced", name);
}

static int add_value(struct loader *l, struct json *value)
{
	struct level *parent = top(l);

	if (parent && parent->is_merge) {
		parent->is_merge = false;
		parent->wants_key = true;
		return merge(l, value);
	}
	json_build_add(&l->build, value);
	if (parent)
		parent->wants_key = json_build_frame(&l->build)->is_object;
	return 0;
}

/* `<<: *map` or `<<: [*first, *second]`: members that the mapping itself does not have; the first source
 * wins. */
static int merge(struct loader *l, const struct json *source)
{
	if (source->type == JSON_OBJECT) {
		merge_object(l, source);
		return 0;
	}
	for (size_t i = source->type == JSON_ARRAY ? source->len : 0; i-- > 0;) {
		if (source->items[i]->type != JSON_OBJECT)
			return error_set(l->err, ERR_BAD_REQUEST,
			    "map merge requires map or sequence of maps as the value");
		merge_object(l, source->items[i]);
	}
	return source->type == JSON_ARRAY ? 0
					  : error_set(l->err, ERR_BAD_REQUEST,
						"map merge requires map or sequence of maps as the value");
}

/* Puts the members in front of what the mapping has so far, as children that later ones override. */
static void merge_object(struct loader *l, const struct json *source)
{
	struct json_builder *b = &l->build;
	struct json_frame *f = json_build_frame(b);
	size_t own = b->len - f->start - f->weak, at = f->start + f->weak;

	if (source->len == 0)
		return;
	for (size_t i = 0; i < source->len; i++)
		json_build_add(b, source->members[i].value);
	memmove(b->children + at + source->len, b->children + at, own * sizeof(*b->children));
	memcpy(b->children + at, source->members, source->len * sizeof(*b->children));
	f->weak += source->len;
}

static enum yaml_meaning scalar_meaning(const yaml_event_t *event, char number[NUMBER_TEXT_MAX])
{
	const char *tag = (const char *)event->data.scalar.tag;
	const char *text = (const char *)event->data.scalar.value;
	enum yaml_meaning meaning;

	if (tag ? str_eq(tag, YAML_STR_TAG) || !str_has_prefix(tag, "tag:yaml.org,2002:")
		: !event->data.scalar.plain_implicit)
		return YAML_STRING;
	meaning = yaml_resolve(text, event->data.scalar.length, number);
	return meaning == YAML_TIMESTAMP ? YAML_STRING : meaning;
}

static void remember(struct loader *l, const char *name, struct json *value)
{
	struct anchor *a;

	if (!name)
		return;
	a = ARENA_NEW(l->build.arena, struct anchor);
	a->name = arena_strdup(l->build.arena, name);
	a->value = value;
	a->next = l->anchors;
	l->anchors = a;
}

static struct level *top(struct loader *l)
{
	return l->build.depth > 0 ? &l->levels[l->build.depth - 1] : NULL;
}

/* Takes the size of a copy of v from the budget; false when it does not suffice. Parsed trees have bounded
 * depth. */
static bool pay(size_t *budget, const struct json *v)
{
	size_t cost = sizeof(*v) + (v->type == JSON_STRING || v->type == JSON_NUMBER ? v->len : 0);

	if (cost > *budget)
		return false;
	*budget -= cost;
	for (size_t i = 0; i < v->len && (v->type == JSON_ARRAY || v->type == JSON_OBJECT); i++) {
		if (!pay(budget, v->type == JSON_ARRAY ? v->items[i] : v->members[i].value))
			return false;
	}
	return true;
}

static int syntax_error(struct loader *l, size_t line)
{
	const yaml_parser_t *y = &l->yaml;
	const yaml_mark_t *mark = &y->problem_mark;

	if (y->error == YAML_MEMORY_ERROR)
		abort();
	return error_set(l->err, ERR_BAD_REQUEST, "yaml: line %zu, column %zu: %s", mark->line + line,
	    mark->column + 1, y->problem ? y->problem : "cannot be read");
}

/* Behind the JSON object that starts at p, by counting brackets outside of strings; NULL when it does not
 * end. */
static const char *json_end(const char *p, const char *end)
{
	size_t depth = 0;
	bool quoted = false;

	for (; p < end; p++) {
		if (quoted) {
			if (*p == '\\')
				p++;
			else if (*p == '"')
				quoted = false;
		} else if (*p == '"') {
			quoted = true;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if ((*p == '}' || *p == ']') && --depth == 0) {
			return p + 1;
		}
	}
	return NULL;
}

static int add_document(
    struct arena *arena, struct json *doc, size_t line, struct json ***docs, size_t **lines, size_t *len)
{
	if ((*len & (*len - 1)) == 0) {
		size_t capacity = *len ? *len * 2 : 1;

		*docs = arena_grow(arena, *docs, *len * sizeof(**docs), capacity * sizeof(**docs));
		*lines = arena_grow(arena, *lines, *len * sizeof(**lines), capacity * sizeof(**lines));
	}
	(*docs)[*len] = doc;
	(*lines)[(*len)++] = line;
	return 0;
}
