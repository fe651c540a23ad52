#include "kubelet/tests/bench.h"

#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/files.h"
#include "kubelet/images/image_manager.h"
#include "kubelet/volumes/atomic_writer.h"
#include "lib/base/buf.h"

static const char *content(const char *dir, const char *name)
{
	static struct buf out;
	char path[200];
	buf_reset(&out);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return files_read(path, &out) ? buf_str(&out) : "(none)";
}

static void writes_at_once_and_only_changes(void **state)
{
	char dir[] = "/tmp/cube-volume-XXXXXX", before[64] = "", after[64] = "", link[100];
	struct error err = ERROR_INIT;
	bool changed;
	assert_non_null(mkdtemp(dir));
	snprintf(link, sizeof link, "%s/..data", dir);
	struct volume_file files[] = {{"a", "1", 1, 0644, -1}, {"d/b", "2", 1, 0400, -1}};
	assert_int_equal(atomic_write(dir, files, 2, false, 0, &changed, &err), 0);
	assert_true(changed);
	assert_string_equal(content(dir, "a"), "1");
	assert_string_equal(content(dir, "d/b"), "2");
	struct stat st;
	char path[100];
	snprintf(path, sizeof path, "%s/d/b", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
	assert_true(readlink(link, before, sizeof before - 1) > 0);
	assert_int_equal(atomic_write(dir, files, 2, false, 0, &changed, &err), 0);
	assert_false(changed);
	files[0].data = "3";
	assert_int_equal(atomic_write(dir, files, 1, false, 0, &changed, &err), 0);
	assert_true(changed);
	assert_string_equal(content(dir, "a"), "3");
	assert_string_equal(content(dir, "d/b"), "(none)");
	assert_true(readlink(link, after, sizeof after - 1) > 0);
	assert_string_not_equal(before, after);
	snprintf(path, sizeof path, "%s/%s", dir, before);
	assert_int_not_equal(access(path, F_OK), 0); /* the old directory is gone */
	files_remove_tree(dir, NULL);
}

static void refuses_paths_that_lead_out(void **state)
{
	static const char *const bad[] = {"../x", "a/../../x", "/etc/x", "..x", ""};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct volume_file file = {bad[i], "1", 1, 0644, -1};
		struct error err = ERROR_INIT;
		assert_int_equal(atomic_write("/nonexistent", &file, 1, false, 0, NULL, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void image_names(void **state)
{
	static const char *const good[] = {"busybox", "busybox:1.29", "docker.io/library/busybox:latest",
	    "localhost:5000/a/b_c:x",
	    "k8s.gcr.io/pause@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	    "a__b/c--d.e"};
	static const char *const bad[] = {
	    "Bad_Name//x:1", "", "a:", "UPPER", "a//b", "-a", "a@sha256:zz", "a b"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(image_name_is_valid(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(image_name_is_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(writes_at_once_and_only_changes),
	    cmocka_unit_test(refuses_paths_that_lead_out), cmocka_unit_test(image_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
