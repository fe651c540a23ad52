#include "lib/client/kubeconfig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/test.h"
#include "lib/client/kubeconfig_private.h"

static struct arena *arena;
static char dir[64];

static const char *path_of(const char *name)
{
	return arena_printf(arena, "%s/%s", dir, name);
}

static const char *write_file(const char *name, const char *text)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	return path;
}

static int setup(void **state)
{
	arena = arena_new();
	strcpy(dir, "/tmp/cube-kubeconfig-XXXXXX");
	assert_non_null(mkdtemp(dir));
	unsetenv("KUBECONFIG");
	setenv("HOME", dir, 1);
	unsetenv("KUBERNETES_SERVICE_HOST");
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	arena_free(arena);
	return 0;
}

static const char one[] =
    "apiVersion: v1\n"
    "kind: Config\n"
    "clusters:\n"
    "- name: c1\n"
    "  cluster:\n"
    "    server: https://one:6443\n"
    "    certificate-authority: pki/ca.crt\n"
    "- name: c2\n"
    "  cluster: {server: 'https://two:6443', insecure-skip-tls-verify: true}\n"
    "users:\n"
    "- name: u1\n"
    "  user:\n"
    "    client-certificate-data: Y2VydA==\n"
    "    client-key: /abs/key\n"
    "- name: u2\n"
    "  user: {token: t, username: name, password: pass, tokenFile: tok, as: bob, as-groups: [g1, g2]}\n"
    "- name: u3\n"
    "  user: {exec: {command: aws}}\n"
    "contexts:\n"
    "- name: x1\n"
    "  context: {cluster: c1, user: u1}\n"
    "- name: x2\n"
    "  context: {cluster: c2, user: u2, namespace: ns2}\n"
    "- name: x3\n"
    "  context: {cluster: c1, user: u3}\n"
    "- name: x4\n"
    "  context: {cluster: nowhere, user: u1}\n"
    "current-context: x1\n";

static void test_current_context(void **state)
{
	const char *path = write_file("config", one);
	struct rest_config config = {0};
	struct error err = ERROR_INIT;
	assert_int_equal(kubeconfig_load(arena, path, NULL, NULL, NULL, &config, &err), 0);
	assert_string_equal(config.server, "https://one:6443");
	assert_string_equal(config.tls.ca_file, path_of("pki/ca.crt"));
	assert_string_equal(config.tls.cert_data, "cert");
	assert_null(config.tls.cert_file);
	assert_string_equal(config.tls.key_file, "/abs/key");
	assert_string_equal(config.ns, "default");
	assert_null(config.token);
}

static void test_overrides(void **state)
{
	const char *path = write_file("config", one);
	struct rest_config config = {0};
	struct error err = ERROR_INIT;
	assert_int_equal(kubeconfig_load(arena, path, "x2", NULL, NULL, &config, &err), 0);
	assert_string_equal(config.server, "https://two:6443");
	assert_true(config.tls.insecure);
	assert_string_equal(config.token, "t");
	assert_string_equal(config.username, "name");
	assert_string_equal(config.password, "pass");
	assert_string_equal(config.token_file, path_of("tok"));
	assert_string_equal(config.ns, "ns2");
	assert_string_equal(config.as_user, "bob");
	assert_string_equal(config.as_groups[1], "g2");
	assert_null(config.as_groups[2]);
	assert_int_equal(kubeconfig_load(arena, path, "x2", "c1", "u1", &config, &err), 0);
	assert_string_equal(config.server, "https://one:6443");
	assert_null(config.token);
}

static void check_error(const char *path, const char *context, const char *text)
{
	struct rest_config config = {0};
	struct error err = ERROR_INIT;
	assert_int_equal(kubeconfig_load(arena, path, context, NULL, NULL, &config, &err), -1);
	if (!strstr(err.message, text))
		fail_msg("\"%s\" is not in \"%s\"", text, err.message);
}

static void test_errors_say_what_is_wrong(void **state)
{
	const char *path = write_file("config", one);
	check_error(path, "x9", "context \"x9\" does not exist");
	check_error(path, "x3", "exec plugins for credentials are not supported");
	check_error(path, "x4", "cluster \"nowhere\" does not exist");
	check_error(path_of("absent"), NULL, "absent");
	check_error(write_file("bad", "a: [\n"), NULL, "error loading config file");
	check_error(write_file("list", "- a\n"), NULL, "it is no object");
	check_error(
	    write_file("b64",
		"clusters:\n- name: c\n  cluster: {server: 'https://x', certificate-authority-data: '%%%'}\n"
		"contexts:\n- {name: x, context: {cluster: c}}\ncurrent-context: x\n"),
	    NULL, "no base64");
}

static void test_list_of_files_is_merged(void **state)
{
	const char *a = write_file("a", one);
	const char *b = write_file("b",
	    "clusters:\n- {name: c1, cluster: {server: 'https://other'}}\n- {name: c9, cluster: {server: "
	    "'https://nine'}}\n"
	    "contexts:\n- {name: x9, context: {cluster: c9, user: u2}}\ncurrent-context: x9\n");
	setenv("KUBECONFIG", arena_printf(arena, "%s::%s:%s", path_of("absent"), a, b), 1);
	struct rest_config config = {0};
	struct error err = ERROR_INIT;
	assert_int_equal(kubeconfig_load(arena, NULL, NULL, NULL, NULL, &config, &err), 0);
	assert_string_equal(config.server, "https://one:6443"); /* the first file's context and cluster */
	assert_int_equal(kubeconfig_load(arena, NULL, "x9", NULL, NULL, &config, &err), 0);
	assert_string_equal(config.server, "https://nine");
	assert_string_equal(config.token, "t");
	assert_string_equal(kubeconfig_default_path(arena), a); /* the first that exists is written to */
}

static void test_nothing_at_all_is_localhost(void **state)
{
	struct rest_config config = {0};
	struct error err = ERROR_INIT;
	assert_int_equal(kubeconfig_load(arena, NULL, NULL, NULL, NULL, &config, &err), 0);
	assert_string_equal(config.server, "http://localhost:8080");
	assert_string_equal(kubeconfig_default_path(arena), path_of(".kube/config"));
}

static void test_merge_and_remove_entries(void **state)
{
	const char *path = path_of("sub/dir/config");
	struct kubeconfig_entry entry = {.name = "cube",
	    .server = "https://127.0.0.1:6443",
	    .ca_data = "ca",
	    .cert_data = "cert",
	    .key_data = "key"};
	struct error err = ERROR_INIT;
	struct rest_config config = {0};
	assert_int_equal(kubeconfig_merge(path, &entry, 1, &err), 0);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access(arena_printf(arena, "%s.lock", path), F_OK), -1);
	assert_int_equal(kubeconfig_load(arena, path, NULL, NULL, NULL, &config, &err), 0);
	assert_string_equal(config.tls.ca_data, "ca");
	assert_string_equal(config.tls.key_data, "key");

	entry = (struct kubeconfig_entry){.name = "second", .server = "https://s", .token = "tok", .ns = "n"};
	assert_int_equal(kubeconfig_merge(path, &entry, 0, &err), 0);
	entry.server = "https://t"; /* replaces, does not double */
	assert_int_equal(kubeconfig_merge(path, &entry, 0, &err), 0);
	struct json *tree = NULL;
	assert_int_equal(kubeconfig_read(arena, path, &tree, &err), 0);
	assert_int_equal(json_get(tree, "clusters")->len, 2);
	assert_string_equal(json_get_string(tree, "current-context", ""), "cube");
	assert_int_equal(kubeconfig_load(arena, path, "second", NULL, NULL, &config, &err), 0);
	assert_string_equal(config.server, "https://t");
	assert_string_equal(config.ns, "n");

	assert_int_equal(kubeconfig_remove(path, "cube", &err), 0);
	assert_int_equal(kubeconfig_read(arena, path, &tree, &err), 0);
	assert_int_equal(json_get(tree, "clusters")->len, 1);
	assert_string_equal(json_get_string(tree, "current-context", "x"), "");
	assert_int_equal(kubeconfig_remove(path_of("absent"), "cube", &err), 0);
}

/* What others keep in the file survives. */
static void test_merge_keeps_the_rest(void **state)
{
	const char *path = write_file("config", one);
	struct kubeconfig_entry entry = {.name = "cube", .server = "https://127.0.0.1:6443"};
	struct error err = ERROR_INIT;
	struct json *tree = NULL;
	assert_int_equal(kubeconfig_merge(path, &entry, 0, &err), 0);
	assert_int_equal(kubeconfig_read_one(arena, path, false, &tree, &err), 0);
	assert_int_equal(json_get(tree, "users")->len, 4);
	assert_string_equal(json_get_string(tree, "current-context", ""), "x1");
	/* Relative paths stay relative: the file may be moved with its neighbours. */
	assert_string_equal(json_get_string(json_get(kubeconfig_find(tree, "clusters", "c1"), "cluster"),
				"certificate-authority", ""),
	    "pki/ca.crt");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_current_context),
	    TEST(test_overrides),
	    TEST(test_errors_say_what_is_wrong),
	    TEST(test_list_of_files_is_merged),
	    TEST(test_nothing_at_all_is_localhost),
	    TEST(test_merge_and_remove_entries),
	    TEST(test_merge_keeps_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
