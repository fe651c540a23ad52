/* Pruning, defaulting, validation, patterns and paths, on trees alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/extensions/custom_schema.h"
#include "apiserver/extensions/definition.h"
#include "apiserver/extensions/json_path.h"
#include "lib/api/codec.h"
#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* Single quotes stand for double ones. */
static struct json *tree(const char *text)
{
	struct json *v = NULL;
	char *copy = arena_strdup(arena, text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	assert_int_equal(json_parse(arena, copy, strlen(copy), NULL, &v, NULL), 0);
	return v;
}

static const char *text_of(const struct json *v)
{
	struct buf out = BUF_INIT;
	json_write(&out, v, 0);
	for (size_t i = 0; i < out.size; i++)
		if (out.data[i] == '"')
			out.data[i] = '\'';
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static struct custom_schema *schema(const char *text)
{
	ProtobufCMessage *msg = NULL;
	const struct schema *props = schema_of(&apiextensions_v1__jsonschema_props__descriptor);
	assert_int_equal(codec_from_json(arena, props, tree(text), NULL, &msg, NULL), 0);
	return custom_schema_compile(arena, (const ApiextensionsV1__JSONSchemaProps *)msg);
}

static void test_prune(void **state)
{
	static const struct {
		const char *schema, *before, *after, *unknown;
	} cases[] = {
	    {"{'type':'object','properties':{'a':{'type':'integer'}}}",
		"{'apiVersion':'g/v','kind':'K','metadata':{'x':1},'a':1,'b':{'c':1}}",
		"{'apiVersion':'g/v','kind':'K','metadata':{'x':1},'a':1}", "unknown field \"b\""},
	    {"{'type':'object','properties':{'l':{'type':'array','items':{'type':'object','properties':{'a':{"
	     "'type':"
	     "'integer'}}}}}}",
		"{'l':[{'a':1},{'z':2}]}", "{'l':[{'a':1},{}]}", "unknown field \"l[1].z\""},
	    {"{'type':'object','properties':{'m':{'type':'object','additionalProperties':true}}}",
		"{'m':{'a':1,'b':{'c':2}}}", "{'m':{'a':1,'b':{}}}", "unknown field \"m.b.c\""},
	    {"{'type':'object','x-kubernetes-preserve-unknown-fields':true,'properties':{'s':{'type':'object'"
	     "}"
	     "}}",
		"{'x':{'y':1},'s':{'z':1}}", "{'x':{'y':1},'s':{}}", "unknown field \"s.z\""},
	    {"{'type':'object','properties':{'t':{'type':'object','x-kubernetes-embedded-resource':true,"
	     "'properties':{'spec':{'type':'object'}}}}}",
		"{'t':{'apiVersion':'v1','kind':'Pod','metadata':{'name':'x'},'spec':{},'zz':1}}",
		"{'t':{'apiVersion':'v1','kind':'Pod','metadata':{'name':'x'},'spec':{}}}",
		"unknown field \"t.zz\""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct codec_warnings unknown = {.arena = arena};
		struct json *v = tree(cases[i].before);
		assert_true(custom_schema_prune(schema(cases[i].schema), v, &unknown));
		assert_string_equal(text_of(v), cases[i].after);
		assert_int_equal(unknown.len, 1);
		assert_string_equal(unknown.items[0], cases[i].unknown);
		assert_false(custom_schema_prune(schema(cases[i].schema), v, NULL));
	}
}

static void test_default(void **state)
{
	static const char text[] =
	    "{'type':'object','properties':{'spec':{'type':'object','default':{},'properties':{"
	    "'a':{'type':'integer','default':3},'n':{'type':'string','nullable':true,'default':'x'},"
	    "'u':{'type':'string'},'l':{'type':'array','items':{'type':'object','properties':{'z':{'type':"
	    "'string','default':'i'}}}}}}}}";
	static const char *const cases[][2] = {
	    {"{}", "{'spec':{'a':3,'n':'x'}}"},
	    {"{'spec':{'a':null,'n':null,'u':null}}", "{'spec':{'a':3,'n':null}}"},
	    {"{'spec':{'a':1,'l':[{},{'z':'m'}],'n':'y'}}",
		"{'spec':{'a':1,'l':[{'z':'i'},{'z':'m'}],'n':'y'}}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json *v = tree(cases[i][0]);
		assert_true(custom_schema_default(arena, schema(text), v));
		assert_string_equal(text_of(v), cases[i][1]);
		assert_false(custom_schema_default(arena, schema(text), v));
	}
}

static const char *problems(const char *schema_text, const char *value, const char *old)
{
	struct field_errors errors;
	struct buf out = BUF_INIT;
	field_errors_init(&errors, arena);
	custom_schema_validate(schema(schema_text), tree(value), old ? tree(old) : NULL, &errors);
	for (size_t i = 0; i < errors.len; i++)
		buf_printf(&out, "%s%s %s", i ? ", " : "", errors.items[i].field,
		    field_error_reason(errors.items[i].type));
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

#define EMBEDDED                                                                                             \
	"{'type':'object','x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields':"     \
	"true}"

static void test_validate(void **state)
{
	static const char *const cases[][3] = {
	    {"{'type':'integer'}", "5.0", ""},
	    {"{'type':'integer'}", "5.5", "f FieldValueInvalid"},
	    {"{'type':'integer'}", "null", "f FieldValueInvalid"},
	    {"{'type':'integer','nullable':true}", "null", ""},
	    {"{'type':'integer','format':'int32'}", "3000000000", "f FieldValueInvalid"},
	    {"{'x-kubernetes-int-or-string':true}", "'80%'", ""},
	    {"{'x-kubernetes-int-or-string':true}", "true", "f FieldValueInvalid"},
	    {"{'type':'string','maxLength':2}", "'éé'", ""},
	    {"{'type':'string','enum':['a','b']}", "'c'", "f FieldValueNotSupported"},
	    {"{'type':'string','format':'date-time'}", "'2020-02-30T00:00:00Z'", "f FieldValueInvalid"},
	    {"{'type':'number','multipleOf':0.1}", "0.3", ""},
	    {"{'type':'object','required':['a']}", "{}", "f.a FieldValueRequired"},
	    {"{'type':'array','items':{'type':'string'}}", "['a',1]", "f FieldValueInvalid"},
	    {"{'type':'integer','oneOf':[{'minimum':5},{'multipleOf':3}]}", "6", "<nil> FieldValueInvalid"},
	    {"{'type':'integer','not':{'minimum':5}}", "6", "<nil> FieldValueInvalid"},
	    {"{'type':'array','items':{'type':'string'},'x-kubernetes-list-type':'set'}", "['a','b','a']",
		"f[2] FieldValueDuplicate"},
	    {EMBEDDED, "{}", "f.apiVersion FieldValueRequired, f.kind FieldValueRequired"},
	    {EMBEDDED, "{'apiVersion':'','kind':'Not_A_Kind'}",
		"f.apiVersion FieldValueInvalid, f.kind FieldValueInvalid"},
	    {EMBEDDED, "{'apiVersion':'a/b/c','kind':3}",
		"f.apiVersion FieldValueInvalid, f.kind FieldValueInvalid"},
	    {EMBEDDED, "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'A_b','labels':{'a b':''}}}",
		"f.metadata.labels FieldValueInvalid"},
	    {EMBEDDED, "{'apiVersion':'v1','kind':'Pod','metadata':{'generateName':'x-'}}", ""},
	    {EMBEDDED, "{'apiVersion':'v1','kind':'Pod','metadata':{'labels':3}}",
		"f.metadata FieldValueInvalid"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(
		    problems(arena_printf(arena, "{'type':'object','properties':{'f':%s}}", cases[i][0]),
			arena_printf(arena, "{'f':%s}", cases[i][1]), NULL),
		    cases[i][2]);
}

/* What was there already is let through when something else changes. */
static void test_ratcheting(void **state)
{
	static const char text[] =
	    "{'type':'object','properties':{'a':{'type':'integer','maximum':5},'b':{'type':'integer'}}}";
	(void)state;
	assert_string_equal(problems(text, "{'a':9,'b':2}", "{'a':9,'b':1}"), "");
	assert_string_equal(problems(text, "{'a':8,'b':2}", "{'a':9,'b':1}"), "a FieldValueInvalid");
	/* Lists that held a value twice before are nobody's fault now. */
	static const char set[] =
	    "{'type':'object','properties':{'l':{'type':'array','items':{'type':'integer'},"
	    "'x-kubernetes-list-type':'set'},'b':{'type':'integer'}}}";
	assert_string_equal(problems(set, "{'l':[1,1],'b':2}", "{'l':[1,1],'b':1}"), "");
	assert_string_equal(
	    problems(set, "{'l':[1,1],'b':2}", "{'l':[1],'b':1}"), "l[1] FieldValueDuplicate");
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
	    {"^\\d+$", "123", true},
	    {"^\\d+$", "12x", false},
	    {"^[\\w\\-.]+$", "a-b_c.9", true},
	    {"^[\\w\\-.]+$", "a b", false},
	    {"^(?:a|b)+?$", "abab", true},
	    {"^[^\\]]$", "]", false},
	    {"(?i)^abc$", "ABC", true},
	    {"^\\S+\\.\\S+$", "a.b", true},
	    {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-1", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		regex_t *re = custom_pattern_compile(arena, cases[i].pattern);
		assert_non_null(re);
		if ((regexec(re, cases[i].text, 0, NULL, 0) == 0) != cases[i].matches)
			fail_msg("%s on %s", cases[i].pattern, cases[i].text);
	}
	assert_null(custom_pattern_compile(arena, "(?P<name>x)"));
	assert_null(custom_pattern_compile(arena, "^a{1001}$"));
	assert_null(custom_pattern_compile(arena, "^((a{1,100}){1,100})$"));
	assert_non_null(custom_pattern_compile(arena, "^([a-z]{1,63}\\.){1,3}[a-z]{2,500}$"));
}

static void test_paths(void **state)
{
	static const char *const cases[][2] = {{".spec.n", "1"}, {".spec.l[0].k", "'a'"},
	    {".spec.l[-1].k", "'b'"}, {".spec.l[*].v", "'1'"}, {".spec.l[?(@.k==\"b\")].v", "'2'"},
	    {".spec.l[?(@.k!='a')].v", "'2'"}, {".metadata.labels.x\\.y/z", "'w'"},
	    {".metadata.labels['x.y/z']", "'w'"}, {".spec.l[7].k", NULL}, {".spec.none.deep", NULL},
	    {".spec.l[?(@.k", NULL}};
	(void)state;
	struct json *v =
	    tree("{'metadata':{'labels':{'x.y/z':'w'}},'spec':{'n':1,'l':[{'k':'a','v':'1'},{'k':'b',"
		 "'v':'2'}]}}");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct json *found = json_path_first(v, cases[i][0]);
		if (!cases[i][1])
			assert_null(found);
		else
			assert_string_equal(text_of(found), cases[i][1]);
	}
}

static void test_versions(void **state)
{
	static const char *const order[] = {
	    "v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"};
	(void)state;
	for (size_t i = 0; i + 1 < sizeof order / sizeof order[0]; i++) {
		assert_true(definition_compare_versions(order[i], order[i + 1]) < 0);
		assert_true(definition_compare_versions(order[i + 1], order[i]) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_default, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_validate, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ratcheting, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_patterns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
	    cmocka_unit_test(test_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
