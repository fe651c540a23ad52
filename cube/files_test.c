/* Whole files in and out, directories made and removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/files.h"
#include "cube/image.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

static struct arena *arena;
static char top[] = "/tmp/cube-files-test.XXXXXX";

static int setup(void **state)
{
	arena = arena_new();
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	int rc = tree_remove(top, NULL);

	arena_free(arena);
	return rc;
}

static void test_a_file_with_zero_bytes_comes_back_whole(void **state)
{
	const char *path = arena_printf(arena, "%s/a", top);
	char *text;
	size_t size;

	assert_int_equal(file_write(path, "one\0two", 7, 0600, NULL), 0);
	assert_int_equal(file_read(arena, path, &text, &size, NULL), 0);
	assert_int_equal(size, 7);
	assert_memory_equal(text, "one\0two", 8);
}

static void test_a_missing_file_is_an_error_that_names_it(void **state)
{
	struct error err = ERROR_INIT;
	char *text;

	assert_int_equal(file_read(arena, "/nonexistent/x", &text, NULL, &err), -1);
	assert_non_null(strstr(err.message, "/nonexistent/x"));
}

static void test_trees_are_made_and_removed_and_links_not_followed(void **state)
{
	const char *deep = arena_printf(arena, "%s/t/b/c", top), *kept = arena_printf(arena, "%s/kept", top);

	assert_int_equal(directory_make(deep, 0700, NULL), 0);
	assert_int_equal(directory_make(kept, 0700, NULL), 0);
	assert_int_equal(symlink(kept, arena_printf(arena, "%s/link", deep)), 0);
	assert_int_equal(tree_remove(arena_printf(arena, "%s/t", top), NULL), 0);
	assert_int_equal(access(deep, F_OK), -1);
	assert_int_equal(access(kept, F_OK), 0);
	assert_int_equal(
	    tree_remove(arena_printf(arena, "%s/t", top), NULL), 0); /* again: nothing there is success */
}

static void test_programs_run_with_their_output(void **state)
{
	struct error err = ERROR_INIT;
	char *out;

	assert_int_equal(run(arena, &out, &err, "sh", "-c", "echo hello; exit 3", NULL), 3);
	assert_string_equal(out, "hello\n");
	assert_int_equal(run(arena, &out, &err, "no-such-program-here", NULL), -1);
	assert_non_null(strstr(err.message, "no-such-program-here"));
}

static void test_image_names_are_completed(void **state)
{
	assert_string_equal(image_full_name(arena, "nginx"), "docker.io/library/nginx:latest");
	assert_string_equal(image_full_name(arena, "nginx:1.22"), "docker.io/library/nginx:1.22");
	assert_string_equal(image_full_name(arena, "me/app"), "docker.io/me/app:latest");
	assert_string_equal(image_full_name(arena, "localhost:5000/app:v1"), "localhost:5000/app:v1");
	assert_string_equal(image_full_name(arena, "example.com/a/b@sha256:00"), "example.com/a/b@sha256:00");
}

static void test_clusters_keep_their_answers(void **state)
{
	struct cluster c, again;
	struct error err = ERROR_INIT;

	assert_int_equal(cluster_load(arena, top, &c, &err), 0);
	assert_false(cluster_exists(&c));
	c.service_cidr = "10.50.0.0/16";
	c.node_name = "first";
	assert_int_equal(cluster_save(&c, &err), 0);
	assert_int_equal(cluster_load(arena, top, &again, &err), 0);
	assert_true(cluster_exists(&again));
	assert_string_equal(again.node_name, "first");
	assert_string_equal(again.service_ip, "10.50.0.1");
	assert_string_equal(again.dns_ip, "10.50.0.10");
	assert_string_not_equal(again.cgroup, "/cube");
	again.service_cidr = "10.50.0.0/99";
	assert_int_equal(cluster_derive(&again, &err), -1);
	assert_non_null(strstr(err.message, "--service-cidr"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_file_with_zero_bytes_comes_back_whole),
	    cmocka_unit_test(test_a_missing_file_is_an_error_that_names_it),
	    cmocka_unit_test(test_trees_are_made_and_removed_and_links_not_followed),
	    cmocka_unit_test(test_programs_run_with_their_output),
	    cmocka_unit_test(test_image_names_are_completed),
	    cmocka_unit_test(test_clusters_keep_their_answers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
