#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "proto/apps_v1.pb-c.h"
#include "proto/core_v1.pb-c.h"

static struct object *decode(const char *text)
{
	struct error err = ERROR_INIT;
	struct object *obj = NULL;

	if (object_decode(text, strlen(text), &obj, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return obj;
}

static void test_schema(void **state)
{
	const struct schema *pod = schema_by_gvk("", "v1", "Pod");
	const struct schema_field *f = schema_find_path(pod, "spec.containers");

	assert_ptr_equal(pod, schema_by_name("io.k8s.api.core.v1.Pod"));
	assert_ptr_equal(pod, schema_of(&core_v1__pod__descriptor));
	assert_null(schema_by_gvk("apps", "v1", "Pod"));
	assert_null(schema_by_gvk("", "v1", "Nope"));
	assert_null(schema_by_name("x"));
	assert_non_null(f);
	assert_true(f->flags & SCHEMA_PATCH_MERGE);
	assert_string_equal(f->patch_merge_key, "name");
	assert_string_equal(f->list_map_keys[0], "name");
	assert_null(f->list_map_keys[1]);
	assert_true(f->flags & SCHEMA_REQUIRED);
	assert_non_null(schema_find_path(pod, "spec.volumes.hostPath.path")); /* through an inline member */
	assert_null(schema_find_path(pod, "spec.nothing"));
	assert_null(schema_find(pod, "kind"));
	f = schema_find_path(pod, "spec.restartPolicy");
	assert_string_equal(f->enum_values[1], "OnFailure");
	f = schema_find_path(pod, "spec.containers.ports.protocol");
	assert_string_equal(f->default_value, "\"TCP\"");
	assert_true(schema_count() > 500);
	for (size_t i = 1; i < schema_count(); i++)
		assert_true(strcmp(schema_at(i - 1)->name, schema_at(i)->name) < 0);
}

/* Every field of every type: the table and protobuf-c's descriptor agree, and a new message keeps the
 * promises. */
static void test_table(void **state)
{
	for (size_t i = 0; i < schema_count(); i++) {
		const struct schema *s = schema_at(i);
		struct arena *arena = arena_new();
		char *msg = api_new_schema(arena, s);

		assert_ptr_equal(schema_of(s->descriptor), s);
		assert_int_equal(s->fields_len, s->descriptor->n_fields);
		for (size_t j = 0; j < s->fields_len; j++) {
			const struct schema_field *f = &s->fields[s->by_number[j]];
			const ProtobufCFieldDescriptor *d =
			    protobuf_c_message_descriptor_get_field(s->descriptor, f->number);

			assert_non_null(d);
			assert_int_equal(d->offset, f->offset);
			assert_int_equal(d->quantifier_offset, f->quantifier_offset);
			assert_true(j == 0 || s->fields[s->by_number[j - 1]].number < f->number);
			if (f->shape == SCHEMA_SINGLE && !(f->flags & SCHEMA_NULLABLE) &&
			    (f->kind == SCHEMA_STRING || f->kind == SCHEMA_MESSAGE))
				assert_non_null(*(void **)(msg + f->offset));
		}
		arena_free(arena);
	}
}

/* What an append to a long list costs does not depend on how long the list is. */
static void test_long_lists(void **state)
{
	enum { LEN = 3000, LEN_MAX = 200 * 1024 };
	struct arena *arena = arena_new();
	MetaV1__ObjectMeta meta = META_V1__OBJECT_META__INIT;
	char *const items[] = {"a", "b", "c", "d", "e", "f"};

	for (size_t i = 0; i < LEN; i++)
		api_append(arena, &meta, finalizers, items[i % 6]);
	assert_int_equal(meta.n_finalizers, LEN);
	for (size_t i = 0; i < LEN; i++)
		assert_ptr_equal(meta.finalizers[i], items[i % 6]);
	assert_in_range(arena_used(arena), LEN * sizeof(char *), LEN_MAX);
	arena_free(arena);
}

/* Appending to one of two messages that share a list never shows in the other, in whatever arena. */
static void test_shared_lists(void **state)
{
	for (size_t len = 0; len < 20; len++) {
		struct arena *arena = arena_new(), *other = arena_new();
		MetaV1__ObjectMeta one = META_V1__OBJECT_META__INIT;

		for (size_t i = 0; i < len; i++)
			api_append(arena, &one, finalizers, "x");
		MetaV1__ObjectMeta two = one, three = one;
		api_append(arena, &one, finalizers, "one");
		api_append(arena, &two, finalizers, "two");
		api_append(other, &three, finalizers, "three");
		assert_string_equal(one.finalizers[len], "one");
		assert_string_equal(two.finalizers[len], "two");
		one.n_finalizers--; /* taken off again */
		two = one;
		api_append(arena, &two, finalizers, "four");
		api_append(arena, &one, finalizers, "five");
		assert_string_equal(two.finalizers[len], "four");
		arena_free(arena);
		assert_string_equal(three.finalizers[len], "three"); /* nothing of it lay in that arena */
		arena_free(other);
	}
}

static void test_build(void **state)
{
	struct object *obj = object_new(schema_by_gvk("", "v1", "Pod")), *copy;
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;
	CoreV1__Container *c = API_NEW(obj->arena, core_v1__container);
	char key[OBJECT_KEY_MAX], ns[64], name[256];

	assert_string_equal(pod->spec->node_name, "");
	assert_null(pod->spec->termination_grace_period_seconds ? "" : NULL);
	obj->meta->name = "web";
	obj->meta->namespace_ = "default";
	c->name = "main";
	api_append(obj->arena, pod->spec, containers, c);
	api_append(obj->arena, obj->meta, finalizers, "a/b");
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, "z", "1");
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, "a", "2");
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, "m", "3");
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, "a", "4");
	assert_int_equal(obj->meta->n_labels, 3);
	assert_string_equal(obj->meta->labels[0]->key, "a");
	assert_string_equal(api_map_get(obj->meta, labels, "a"), "4");
	assert_null(api_map_get(obj->meta, labels, "b"));
	copy = object_clone(obj);
	assert_true(object_equal(obj, copy));
	assert_true(api_map_equal(obj->meta, copy->meta, labels));
	assert_true(api_map_equal(obj->meta, copy->meta, annotations));
	api_map_set(copy->arena, copy->meta, labels, meta_v1__object_meta__labels_entry, "z", "2");
	assert_false(api_map_equal(obj->meta, copy->meta, labels));
	api_map_set(copy->arena, copy->meta, labels, meta_v1__object_meta__labels_entry, "z", "1");
	assert_true(api_map_remove(copy->meta, labels, "m"));
	assert_false(api_map_remove(copy->meta, labels, "m"));
	assert_false(api_map_equal(obj->meta, copy->meta, labels));
	assert_false(object_equal(obj, copy));
	assert_string_equal(api_map_get(copy->meta, labels, "z"), "1");
	assert_string_equal(object_key(obj, key), "default/web");
	object_split_key(key, ns, name);
	assert_string_equal(ns, "default");
	assert_string_equal(name, "web");
	object_split_key("node1", ns, name);
	assert_string_equal(ns, "");
	assert_string_equal(name, "node1");
	assert_true(object_has_finalizer(obj->meta, "a/b"));
	assert_false(object_is_deleting(obj));
	object_unref(object_ref(obj));
	object_unref(obj);
	object_unref(copy);
	object_unref(NULL);
}

static void test_owners(void **state)
{
	struct object *obj = decode("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{"
				    "\"resourceVersion\":\"42\",\"ownerReferences\":["
				    "{\"uid\":\"u1\"},{\"uid\":\"u2\",\"controller\":true}]}}");

	assert_int_equal(obj->revision, 42);
	assert_string_equal(object_controller(obj->meta)->uid, "u2");
	assert_true(object_is_owned_by(obj->meta, "u1"));
	assert_false(object_is_owned_by(obj->meta, "u3"));
	object_unref(obj);
}

static void test_stored(void **state)
{
	struct object
	    *obj = decode(
		"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 2\n"),
	    *again;
	struct buf out = BUF_INIT;

	assert_string_equal(obj->api_version, "apps/v1");
	assert_int_equal(((AppsV1__Deployment *)obj->msg)->spec->replicas, 2);
	object_encode_stored(&out, obj);
	assert_memory_equal(out.data, "k8s\0", 4);
	assert_int_equal(object_decode(out.data, out.size, &again, NULL), 0);
	assert_true(object_equal(obj, again));
	object_unref(obj);
	object_unref(again);
	buf_reset(&out);
	obj = decode("{\"kind\":\"APIService\",\"apiVersion\":\"apiregistration.k8s.io/v1\"}");
	object_encode_stored(&out, obj);
	assert_memory_equal(out.data, "{\"kind\":\"APIService\"", 20);
	assert_int_equal(out.data[out.size - 1], '\n');
	object_unref(obj);
	buf_done(&out);
}

static void test_custom(void **state)
{
	struct object *obj = decode("{\"spec\":{\"b\":1,\"a\":12345678901234567890},\"kind\":\"Widget\","
				    "\"apiVersion\":\"example.com/v1\",\"metadata\":{\"name\":\"w\","
				    "\"labels\":{\"x\":\"y\"}}}");
	struct object *copy = object_clone(obj);
	struct buf out = BUF_INIT;

	assert_null(obj->msg);
	assert_string_equal(obj->kind, "Widget");
	assert_string_equal(object_name(obj), "w");
	assert_true(object_equal(obj, copy));
	copy->meta->uid = "u";
	assert_false(object_equal(obj, copy));
	object_encode_stored(&out, copy);
	assert_string_equal(buf_str(&out),
	    "{\"apiVersion\":\"example.com/"
	    "v1\",\"kind\":\"Widget\",\"metadata\":{\"labels\":{\"x\":\"y\"},\"name\":\"w\","
	    "\"uid\":\"u\"},\"spec\":{\"a\":12345678901234567890,\"b\":1}}\n");
	assert_string_equal(
	    json_get_string(json_get(object_to_json(copy->arena, copy), "metadata"), "uid", ""), "u");
	object_unref(obj);
	object_unref(copy);
	buf_done(&out);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {{"{}", "Object 'Kind' is missing"}, {"{\"kind\":\"x\"}", "'apiVersion' is missing"},
	    {"", "expected one YAML document"}, {"[1]", "Kind"}, {"x: [", "yaml: line"},
	    {"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":3}", "spec: expected an object"},
	    {"{\"apiVersion\":\"a/v1\",\"kind\":\"X\",\"metadata\":{\"name\":3}}",
		"metadata: name: expected a string"}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct error err = ERROR_INIT;
		struct object *obj;

		if (object_decode(table[i].text, strlen(table[i].text), &obj, &err) == 0)
			fail_msg("taken: %s", table[i].text);
		if (!strstr(err.message, table[i].words))
			fail_msg("\"%s\" does not say \"%s\"", err.message, table[i].words);
	}
}

static void test_equal(void **state)
{
	struct arena *arena = arena_new();
	CoreV1__ServicePort *a = API_NEW(arena, core_v1__service_port),
			    *b = API_NEW(arena, core_v1__service_port);
	CoreV1__Probe *p = API_NEW(arena, core_v1__probe), *q = API_NEW(arena, core_v1__probe);
	CoreV1__ResourceFieldSelector *r = API_NEW(arena, core_v1__resource_field_selector),
				      *s = API_NEW(arena, core_v1__resource_field_selector);

	b->target_port = intstr_new_int(arena, 0); /* a zero value that is not set */
	assert_true(api_equal(a, b));
	b->target_port = intstr_new_int(arena, 1);
	assert_false(api_equal(a, b));
	assert_true(api_equal(p, q));
	q->termination_grace_period_seconds = 5; /* without has_: not set */
	assert_true(api_equal(p, q));
	q->has_termination_grace_period_seconds = 1;
	assert_false(api_equal(p, q));
	r->divisor = quantity_new_text(arena, "1000m");
	s->divisor = quantity_new_text(arena, "1");
	assert_true(api_equal(r, s));
	s->divisor = quantity_new_text(arena, "0");
	r->divisor = NULL;
	assert_true(api_equal(r, s));
	assert_false(api_equal(r, NULL));
	r = NULL;
	assert_null(api_clone(arena, r));
	assert_true(api_equal((ProtobufCMessage *)NULL, (ProtobufCMessage *)NULL));
	arena_free(arena);
}

static void test_field_errors(void **state)
{
	struct arena *arena = arena_new();
	struct field_errors list;
	struct error err = ERROR_INIT;
	const struct field_path *spec = PATH_ROOT("spec");

	field_errors_init(&list, arena);
	field_errors_at(&list, FIELD_INVALID,
	    PATH_CHILD(PATH_INDEX(PATH_CHILD(spec, "containers"), 2), "name"), "A", "must be %s",
	    "lower case");
	field_errors_to_error(&list, "", "Pod", "p", &err);
	assert_string_equal(err.message,
	    "Pod \"p\" is invalid: spec.containers[2].name: Invalid value: \"A\": must be lower case");
	field_errors_at(&list, FIELD_REQUIRED, PATH_KEY(PATH_CHILD(spec, "limits"), "cpu"), NULL, "%s", "");
	field_errors_not_supported(&list, "spec.x", "q", (const char *const[]){"a", "b", NULL});
	field_errors_add(&list, FIELD_INVALID, "spec.n", "-1", "must be greater than or equal to 0");
	err = ERROR_INIT;
	assert_int_equal(field_errors_to_error(&list, "apps", "Deployment", "d", &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.message, "Deployment.apps \"d\" is invalid: [spec.containers[2].name: "
					 "Invalid value: \"A\": must be lower case, "
					 "spec.limits[cpu]: Required value, spec.x: Unsupported value: "
					 "\"q\": supported values: \"a\", \"b\", "
					 "spec.n: Invalid value: -1: must be greater than or equal to 0]");
	assert_int_equal(err.causes->len, list.len);
	assert_string_equal(err.kind, "Deployment");
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_schema),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_build),
	    cmocka_unit_test(test_long_lists),
	    cmocka_unit_test(test_shared_lists),
	    cmocka_unit_test(test_owners),
	    cmocka_unit_test(test_stored),
	    cmocka_unit_test(test_custom),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_equal),
	    cmocka_unit_test(test_field_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
