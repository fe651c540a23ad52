/*
 * Replays recorded cases, one JSON object a line (testdata/README.md), against the defaults and the
 * validation of every kind, without a server. With a file argument it replays that file and prints every
 * difference.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

struct replay {
	size_t run, failed;
};

/* Built on the codec alone: these tests need no more of an object than its message and metadata. */
static struct object *decode(struct arena *arena, const struct json *tree, struct error *err)
{
	const char *api_version = json_get_string(tree, "apiVersion", ""), *slash = strchr(api_version, '/');
	const char *group = slash ? arena_strndup(arena, api_version, (size_t)(slash - api_version)) : "";
	const struct schema *schema =
	    schema_by_gvk(group, slash ? slash + 1 : api_version, json_get_string(tree, "kind", ""));
	struct object *obj = ARENA_NEW(arena, struct object);

	if (!schema) {
		error_set(err, ERR_BAD_REQUEST, "unknown kind");
		return NULL;
	}
	if (codec_from_json(arena, schema, tree, NULL, &obj->msg, err) < 0)
		return NULL;
	obj->arena = arena;
	obj->schema = schema;
	obj->api_version = api_version;
	obj->kind = schema->kind;
	obj->meta = *(MetaV1__ObjectMeta **)((char *)obj->msg + schema_find(schema, "metadata")->offset);
	return obj;
}

/* The causes as sorted lines "reason field", each once. */
static const char *causes_text(struct arena *arena, const struct field_errors *errors)
{
	const char **lines = ARENA_ARRAY(arena, const char *, errors->len + 1);
	size_t len = 0;

	for (size_t i = 0; i < errors->len; i++) {
		const char *line = arena_printf(
		    arena, "%s %s", field_error_reason(errors->items[i].type), errors->items[i].field);
		size_t at = 0;

		while (at < len && strcmp(lines[at], line) < 0)
			at++;
		if (at < len && !strcmp(lines[at], line))
			continue;
		memmove(lines + at + 1, lines + at, (len - at) * sizeof *lines);
		lines[at] = line;
		len++;
	}
	return len ? str_join(arena, lines, len, "; ") : "";
}

static const char *expected_text(struct arena *arena, const struct json *causes)
{
	const char **lines = ARENA_ARRAY(arena, const char *, causes->len + 1);

	for (size_t i = 0; i < causes->len; i++)
		lines[i] = causes->items[i]->text;
	return causes->len ? str_join(arena, lines, causes->len, "; ") : "";
}

static void finish_object(const struct resource_type *type, struct object *obj, const struct object *old,
    const struct resource_context *ctx)
{
	resource_apply_defaults(type, obj, ctx);
	if (old)
		resource_prepare_update(type, obj, old, ctx);
	else
		resource_prepare_create(type, obj, ctx);
}

/* Every member of `want` must be in `got`, and nothing else; returns a description of the first difference or
 * NULL. */
static const char *difference(
    struct arena *arena, const struct json *want, const struct json *got, const char *path)
{
	if (want->type == JSON_OBJECT && got->type == JSON_OBJECT) {
		for (size_t i = 0; i < want->len; i++) {
			const struct json *v = json_get(got, want->members[i].key);
			const char *at = arena_printf(arena, "%s.%s", path, want->members[i].key);
			const char *d = v ? difference(arena, want->members[i].value, v, at)
					  : arena_printf(arena, "%s: missing", at);

			if (d)
				return d;
		}
		for (size_t i = 0; i < got->len; i++)
			if (!json_get(want, got->members[i].key) && got->members[i].value->type != JSON_NULL)
				return arena_printf(arena, "%s.%s: unexpected", path, got->members[i].key);
		return NULL;
	}
	if (want->type == JSON_ARRAY && got->type == JSON_ARRAY && want->len == got->len) {
		for (size_t i = 0; i < want->len; i++) {
			const char *d = difference(
			    arena, want->items[i], got->items[i], arena_printf(arena, "%s[%zu]", path, i));

			if (d)
				return d;
		}
		return NULL;
	}
	if (!json_equal(want, got)) {
		struct buf a = BUF_INIT;
		const char *text;

		json_write(&a, want, 0);
		buf_puts(&a, " != ");
		json_write(&a, got, 0);
		text = arena_printf(arena, "%s: %s", path, buf_str(&a));
		buf_done(&a);
		return text;
	}
	return NULL;
}

/* What is there before a write to /status has the status that the case says; a create took it away. */
static void take_status(const struct resource_type *type, struct object *old, const struct json *tree)
{
	struct object *sent = decode(old->arena, tree, NULL);
	size_t offset = schema_find(type->schema, "status")->offset;

	if (json_get(tree, "status"))
		*(void **)((char *)old->msg + offset) = *(void **)((char *)sent->msg + offset);
}

static const char *run_case(struct arena *arena, const struct json *c)
{
	struct resource_context ctx = {.arena = arena, .now_s = 1700000000, .subresource = ""};
	const struct json *old_tree = json_get(c, "old"), *want = json_get(c, "want");
	struct error err = ERROR_INIT;
	struct field_errors errors;
	struct object *obj = decode(arena, json_get(c, "object"), &err), *old = NULL;
	const struct resource_type *type;
	const char *result = NULL;

	if (!obj)
		return arena_printf(arena, "cannot be decoded: %s", err.message);
	type = resource_of(obj);
	if (!type)
		return "unknown kind";
	if (old_tree) {
		old = decode(arena, old_tree, &err);
		finish_object(type, old, NULL, &ctx);
	}
	field_errors_init(&errors, arena);
	if (!strcmp(json_get_string(c, "subresource", ""), "status")) {
		ctx.subresource = "status";
		take_status(type, old, old_tree);
		resource_apply_defaults(type, obj, &ctx);
		resource_prepare_status_update(type, obj, old, &ctx);
		resource_validate_status_update(type, obj, old, &ctx, &errors);
	} else {
		ctx.subresource = json_get_string(c, "subresource", "");
		finish_object(type, obj, old, &ctx);
		if (old)
			resource_validate_update(type, obj, old, &ctx, &errors);
		else
			resource_validate(type, obj, &ctx, &errors);
	}
	if (json_get(c, "causes")) {
		const char *got = causes_text(arena, &errors),
			   *expected = expected_text(arena, json_get(c, "causes"));

		if (strcmp(got, expected))
			result = arena_printf(arena, "\n    want %s\n    got  %s", expected, got);
	} else if (errors.len) {
		result = causes_text(arena, &errors);
	}
	if (want && !result)
		result = difference(arena, want, codec_to_json(arena, obj->schema, obj->msg), "");
	return result;
}

static void replay_file(const char *path, struct replay *r)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;
	ssize_t len;

	assert_non_null(f);
	while ((len = getline(&line, &capacity, f)) > 1) {
		struct arena *arena = arena_new();
		struct json *c = NULL;
		const char *problem;

		assert_int_equal(json_parse(arena, line, (size_t)len, NULL, &c, NULL), 0);
		problem = run_case(arena, c);
		r->run++;
		if (problem) {
			r->failed++;
			printf("%s: %s\n", json_get_string(c, "name", "?"), problem);
		}
		arena_free(arena);
	}
	free(line);
	fclose(f);
}

static void test_corpus(void **state)
{
	static const char *const files[] = {"testdata/defaults.jsonl", "testdata/validation.jsonl",
	    "testdata/groups.jsonl", "testdata/core.jsonl", NULL};
	struct replay r = {0};

	for (size_t i = 0; files[i]; i++)
		replay_file(files[i], &r);
	assert_true(r.run > 0);
	assert_int_equal(r.failed, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
	struct replay r = {0};

	resources_init();
	if (argc < 2)
		return cmocka_run_group_tests(tests, NULL, NULL);
	replay_file(argv[1], &r);
	printf("%zu of %zu\n", r.run - r.failed, r.run);
	return r.failed != 0;
}
