/* The node's mount namespace, made from a namespace whose id is as high as it can be: see use_up_ids(). */
#include "lib/base/test.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cube/files.h"
#include "cube/mount_namespace.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

enum { IDS = 4096, CPUS = 16, FAILED = 1, NO_CPU = 2, NO_RIGHT = 77 };

static bool pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof set, &set) == 0;
}

/* A namespace made on `first` behind all ids given out so far; then the node's from it, made on `second`. */
static int make_across(const char *dir, int first, int second)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	const char *path = arena_printf(arena, "%s/mntns", dir),
		   *cache = arena_printf(arena, "%s/cache", dir);
	char *text = NULL;
	bool ok;

	if (!pin_to(first))
		return NO_CPU;
	for (int i = 0; i < IDS; i++)
		if (unshare(CLONE_NEWUTS) < 0)
			return NO_RIGHT;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(dir, dir, NULL, MS_BIND, NULL) < 0 || mount(NULL, dir, NULL, MS_PRIVATE, NULL) < 0)
		return NO_RIGHT;
	if (!pin_to(second))
		return NO_CPU;
	ok = mount_namespace_make(arena, path, cache, &err) == 0 && mount_namespace_is_pinned(path) &&
	     run(arena, &text, &err, "nsenter", arena_printf(arena, "--mount=%s", path), "--", "stat", "-f",
		 "-c", "%T", "/run/containerd", NULL) == 0 &&
	     strcmp(text, "tmpfs\n") == 0;
	if (!ok)
		print_error("from CPU %d to CPU %d: %s%s\n", first, second, err.message, text ? text : "");
	umount2(path, MNT_DETACH);
	umount2(dir, MNT_DETACH);
	arena_free(arena);
	return ok ? 0 : FAILED;
}

static void it_is_made_on_any_cpu(void **state)
{
	char dir[] = "/tmp/cube-mntns-XXXXXX";
	struct error err = ERROR_INIT;
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), result = 0;

	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	char cache[sizeof dir + 8];
	snprintf(cache, sizeof cache, "%s/cache", dir);
	assert_int_equal(directory_make(cache, 0755, &err), 0);
	for (int i = 0; i < cpus && i < CPUS && result != NO_RIGHT; i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(make_across(dir, i, (i + 1) % cpus));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		result = WEXITSTATUS(status);
		assert_int_not_equal(result, FAILED);
	}
	assert_int_equal(tree_remove(dir, &err), 0);
	if (result == NO_RIGHT)
		skip();
}

static void a_failure_names_the_place_and_leaves_nothing(void **state)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	char dir[] = "/tmp/cube-mntns-XXXXXX";

	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	const char *path = arena_printf(arena, "%s/mntns", dir);
	assert_int_equal(mount_namespace_make(arena, path, "/no/such/folder", &err), -1);
	assert_non_null(strstr(err.message, path));
	assert_false(mount_namespace_is_pinned(path));
	assert_int_equal(tree_remove(dir, &err), 0);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_made_on_any_cpu),
	    cmocka_unit_test(a_failure_names_the_place_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
