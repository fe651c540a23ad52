#include "apiserver/patch/strategic.h"

#include "apiserver/patch/test_trees.h"
#include "lib/api/schema.h"

struct smp_case {
	const char *what, *doc, *patch;
	const char *want; /* exact text; NULL: refused */
	enum error_code code;
};

static void run_cases(const char *schema, const struct smp_case *cases, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const struct smp_case *c = &cases[i];
		struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		struct json *out = NULL;
		struct buf text = BUF_INIT;
		int rc = strategic_apply(arena, schema_by_name(schema), parse_tree(arena, c->doc),
		    parse_tree(arena, c->patch), &out, &err);
		if (!c->want && (!rc || err.code != c->code))
			fail_msg("%s: rc %d code %d, want code %d", c->what, rc, err.code, c->code);
		if (c->want && rc)
			fail_msg("%s: %s", c->what, err.message);
		if (c->want) {
			json_write(&text, out, 0);
			assert_text(c->what, buf_str(&text), c->want);
		}
		buf_done(&text);
		arena_free(arena);
	}
}

#define POD_SPEC "io.k8s.api.core.v1.PodSpec"
#define CONTAINERS "{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"2\"}]}"

static void test_lists_by_key(void **state)
{
	static const struct smp_case cases[] = {
	    {"merge", CONTAINERS, "{\"containers\":[{\"name\":\"b\",\"image\":\"3\"}]}",
		"{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"3\"}]}"},
	    {"add", CONTAINERS, "{\"containers\":[{\"name\":\"c\"}]}",
		"{\"containers\":[{\"name\":\"c\"},{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\","
		"\"image\":\"2\"}]}"},
	    {"delete", CONTAINERS, "{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}",
		"{\"containers\":[{\"name\":\"b\",\"image\":\"2\"}]}"},
	    {"delete what is not there", CONTAINERS,
		"{\"containers\":[{\"name\":\"x\",\"$patch\":\"delete\"}]}", CONTAINERS},
	    {"replace", CONTAINERS, "{\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"z\"}]}",
		"{\"containers\":[{\"name\":\"z\"}]}"},
	    {"directives about nothing", "{}",
		"{\"affinity\":{\"$patch\":\"delete\"},\"dnsConfig\":{\"$patch\":\"replace\",\"nameservers\":"
		"[\"1\"]},"
		"\"securityContext\":{\"windowsOptions\":{\"$patch\":\"delete\"},\"runAsUser\":1},"
		"\"tolerations\":[{\"$patch\":\"replace\"},{\"key\":\"k\"}],"
		"\"volumes\":[{\"name\":\"v\",\"$patch\":\"delete\"}]}",
		"{\"securityContext\":{\"runAsUser\":1},\"tolerations\":[{\"key\":\"k\"}],\"volumes\":[]}"},
	    {"no key", CONTAINERS, "{\"containers\":[{\"image\":\"x\"}]}", NULL, ERR_INVALID},
	    {"delete without key", CONTAINERS, "{\"containers\":[{\"$patch\":\"delete\"}]}", NULL,
		ERR_INVALID},
	    {"unknown directive", CONTAINERS, "{\"containers\":[{\"name\":\"a\",\"$patch\":\"frob\"}]}", NULL,
		ERR_BAD_REQUEST},
	    {"null deletes", CONTAINERS, "{\"containers\":null}", "{}"},
	    {"other type", CONTAINERS, "{\"containers\":{\"name\":\"x\"}}",
		"{\"containers\":{\"name\":\"x\"}}"},
	    {"nested", CONTAINERS,
		"{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"E\",\"value\":\"1\"}],\"image\":null}]"
		"}",
		"{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"E\",\"value\":\"1\"}]},{\"name\":"
		"\"b\",\"image\":\"2\"}]}"},
	    {"new item loses directives", "{}",
		"{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\",\"$patch\":\"delete\"},{\"name\":"
		"\"Y\"}],"
		"\"$setElementOrder/env\":[{\"name\":\"Y\"}],\"image\":null}]}",
		"{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"Y\"}]}]}"},
	};
	run_cases(POD_SPEC, cases, sizeof cases / sizeof cases[0]);
}

static void test_order(void **state)
{
	static const struct smp_case cases[] = {
	    {"swap", CONTAINERS, "{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
		"{\"containers\":[{\"name\":\"b\",\"image\":\"2\"},{\"name\":\"a\",\"image\":\"1\"}]}"},
	    {"add behind", CONTAINERS,
		"{\"$setElementOrder/"
		"containers\":[{\"name\":\"a\"},{\"name\":\"c\"}],\"containers\":[{\"name\":\"c\"}]}",
		"{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"c\"},{\"name\":\"b\","
		"\"image\":\"2\"}]}"},
	    {"patch not in order", CONTAINERS,
		"{\"$setElementOrder/containers\":[{\"name\":\"a\"}],\"containers\":[{\"name\":\"c\"}]}",
		NULL, ERR_BAD_REQUEST},
	    {"order is no list", CONTAINERS, "{\"$setElementOrder/containers\":1}", NULL, ERR_BAD_REQUEST},
	    {"order of a missing list", "{}", "{\"$setElementOrder/containers\":[{\"name\":\"a\"}]}", "{}"},
	};
	run_cases(POD_SPEC, cases, sizeof cases / sizeof cases[0]);
}

static void test_retain_keys(void **state)
{
#define VOLUMES "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}"
	static const struct smp_case cases[] = {
	    {"volume source changes", VOLUMES,
		"{\"volumes\":[{\"$retainKeys\":[\"name\",\"hostPath\"],\"name\":\"v\",\"hostPath\":{"
		"\"path\":\"/x\"}}]}",
		"{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/x\"}}]}"},
	    {"sets more than it retains", VOLUMES,
		"{\"volumes\":[{\"$retainKeys\":[\"name\"],\"name\":\"v\",\"hostPath\":{\"path\":\"/x\"}}]}",
		NULL, ERR_BAD_REQUEST},
	    {"no list", VOLUMES, "{\"volumes\":[{\"$retainKeys\":\"name\",\"name\":\"v\"}]}", NULL,
		ERR_BAD_REQUEST},
	};
	run_cases(POD_SPEC, cases, sizeof cases / sizeof cases[0]);
}

static void test_plain_lists_and_maps(void **state)
{
#define META "{\"finalizers\":[\"a\",\"b\"],\"labels\":{\"x\":\"1\",\"y\":\"2\"}}"
	static const struct smp_case cases[] = {
	    {"union", META, "{\"finalizers\":[\"c\",\"a\"]}",
		"{\"finalizers\":[\"c\",\"a\",\"b\"],\"labels\":{\"x\":\"1\",\"y\":\"2\"}}"},
	    {"delete from", META, "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"],\"finalizers\":[\"z\"]}",
		"{\"finalizers\":[\"z\",\"b\"],\"labels\":{\"x\":\"1\",\"y\":\"2\"}}"},
	    {"delete from nothing", "{}", "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}", "{}"},
	    {"map key goes", META, "{\"labels\":{\"x\":null,\"z\":\"3\"}}",
		"{\"finalizers\":[\"a\",\"b\"],\"labels\":{\"y\":\"2\",\"z\":\"3\"}}"},
	    {"map replaced", META, "{\"labels\":{\"$patch\":\"replace\",\"q\":\"1\"}}",
		"{\"finalizers\":[\"a\",\"b\"],\"labels\":{\"q\":\"1\"}}"},
	    {"map emptied", META, "{\"labels\":{\"$patch\":\"delete\"}}",
		"{\"finalizers\":[\"a\",\"b\"],\"labels\":{}}"},
	    {"map with an unknown directive", META, "{\"labels\":{\"$patch\":\"frob\"}}", NULL,
		ERR_BAD_REQUEST},
	};
	run_cases("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", cases, sizeof cases / sizeof cases[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists_by_key), cmocka_unit_test(test_order),
	    cmocka_unit_test(test_retain_keys), cmocka_unit_test(test_plain_lists_and_maps)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
