#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/tree.h"
#include "kubectl/mapper.h"
#include "kubectl/targets.h"
#include "lib/base/test.h"
#include "lib/resources/resource.h"

struct fixture {
	struct kubectl k;
	struct error err;
};

static struct fixture make(void)
{
	resources_init();
	return (struct fixture){
	    .k = {.arena = arena_new(), .command_path = "kubectl get", .globals = {.ns = "ns"}}};
}

static int seen_argc;
static const char *seen_first;

static int remember(struct kubectl *k, int argc, char **argv, struct error *err)
{
	seen_argc = argc;
	seen_first = argc > 1 ? argv[1] : "";
	return 0;
}

static const struct command get = {"get", "g", NULL, "", remember},
			    describe = {"describe", NULL, NULL, "", remember};
static const struct command *const commands[] = {&get, &describe, NULL};

#define ARGV(...) ((char *[]){"kubectl", __VA_ARGS__, NULL})

static void test_dispatch(void **state)
{
	struct fixture f = make();
	assert_int_equal(
	    kubectl_dispatch(&f.k, commands, NULL, 6, ARGV("-n", "get", "get", "pods", "-A"), &f.err), 0);
	assert_int_equal(seen_argc, 5); /* get -n get pods -A */
	assert_string_equal(seen_first, "-n");
	assert_int_equal(kubectl_dispatch(&f.k, commands, NULL, 2, ARGV("desribe"), &f.err), -1);
	assert_non_null(strstr(f.err.message, "unknown command \"desribe\""));
	assert_non_null(strstr(f.err.message, "Did you mean this?\n\tdescribe\n"));
	arena_free(f.k.arena);
}

static void test_flags(void **state)
{
	struct fixture f = make();
	bool all = false;
	const char *output = NULL;
	const struct flag flags[] = {
	    {"all", 'A', FLAG_BOOL, &all, ""}, {"output", 'o', FLAG_STRING, &output, ""}, FLAG_END};
	struct args args;
	assert_int_equal(
	    kubectl_parse(&f.k, "", flags, 8,
		ARGV("pods", "-Aoyaml", "-nother", "--context=c", "--", "-x", "y"), &args, &f.err),
	    0);
	assert_true(all);
	assert_string_equal(output, "yaml");
	assert_string_equal(f.k.globals.ns, "other");
	assert_true(f.k.globals.ns_set);
	assert_string_equal(f.k.globals.context, "c");
	assert_int_equal(args.len, 3);
	assert_int_equal(args.dash, 1);
	assert_string_equal(args.items[1], "-x");
	assert_int_equal(kubectl_parse(&f.k, "", flags, 2, ARGV("--ouput=x"), &args, &f.err), -1);
	assert_non_null(strstr(f.err.message, "unknown flag: --ouput (did you mean --output?)"));
	assert_non_null(strstr(f.err.message, "See 'kubectl get --help' for usage."));
	arena_free(f.k.arena);
}

static int parse(struct fixture *f, struct target_query query, const char *const *words, struct target **ret,
    size_t *ret_len)
{
	while (words[query.args_len])
		query.args_len++;
	query.args = words;
	error_clear(&f->err);
	return targets_parse(&f->k, &query, ret, ret_len, NULL, &f->err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_targets(void **state)
{
	struct fixture f = make();
	struct target *t;
	size_t len;
	assert_int_equal(parse(&f, (struct target_query){0}, WORDS("deploy", "a", "b"), &t, &len), 0);
	assert_int_equal(len, 2);
	assert_string_equal(t[1].name, "b");
	assert_string_equal(t[0].mapping->kind, "Deployment");
	assert_string_equal(t[0].ns, "ns");
	assert_int_equal(parse(&f, (struct target_query){0}, WORDS("po/a", "no/b"), &t, &len), 0);
	assert_string_equal(t[1].mapping->plural, "nodes");
	assert_string_equal(t[1].ns, "");
	assert_int_equal(
	    parse(&f, (struct target_query){.allow_bare_type = true}, WORDS("pods,svc"), &t, &len), 0);
	assert_int_equal(len, 2);
	assert_string_equal(t[1].name, "");
	assert_int_equal(parse(&f, (struct target_query){0}, WORDS("deploy,svc", "web"), &t, &len), 0);
	assert_int_equal(len, 2);
	assert_string_equal(t[1].mapping->plural, "services");
	assert_string_equal(t[1].name, "web");
	assert_int_equal(parse(&f, (struct target_query){.default_type = "pods"}, WORDS("web"), &t, &len), 0);
	assert_string_equal(t[0].mapping->plural, "pods");
	arena_free(f.k.arena);
}

static void test_target_errors(void **state)
{
	struct fixture f = make();
	struct target *t;
	size_t len;
	assert_int_equal(parse(&f, (struct target_query){0}, WORDS("pods"), &t, &len), -1);
	assert_string_equal(f.err.message, "resource(s) were provided, but no name was specified");
	assert_int_equal(
	    parse(&f, (struct target_query){.selector = "a=b"}, WORDS("pods", "x"), &t, &len), -1);
	assert_string_equal(f.err.message, "name cannot be provided when a selector is specified");
	assert_int_equal(parse(&f, (struct target_query){0}, WORDS("pods/a", "b"), &t, &len), -1);
	assert_non_null(strstr(f.err.message, "there is no need to specify a resource type"));
	arena_free(f.k.arena);
}

static void test_mapping_texts(void **state)
{
	struct fixture f = make();
	const struct mapping *m;
	assert_int_equal(mapper_by_name(&f.k, "Deployments.apps", &m, &f.err), 0);
	assert_string_equal(mapping_kind_text(f.k.arena, m), "deployment.apps");
	assert_string_equal(mapping_resource_text(f.k.arena, m), "deployments.apps");
	assert_string_equal(mapping_api_version(f.k.arena, m), "apps/v1");
	assert_int_equal(mapper_by_kind(&f.k, "v1", "Pod", &m, &f.err), 0);
	assert_string_equal(mapping_kind_text(f.k.arena, m), "pod");
	arena_free(f.k.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dispatch),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_targets),
	    cmocka_unit_test(test_target_errors),
	    cmocka_unit_test(test_mapping_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
