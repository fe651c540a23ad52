#include "cube/mount_namespace.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cube/files.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

/* Namespace ids that Linux 6.18 and later hand out to a CPU at a time (COOKIE_LOCAL_BATCH in the kernel). */
enum { ID_BATCH = 4096 };

/* $1: the folder that covers /var/lib/cni */
static const char script[] = "set -e; mount --make-rshared /\n"
			     "mkdir -p /run/containerd /var/lib/cni\n"
			     "mount -t tmpfs -o mode=0711 cube /run/containerd\n"
			     "mount --bind \"$1\" /var/lib/cni\n";

static int make(struct arena *arena, const char *path, const char *cni_cache, char **ret_output)
{
	struct error err = ERROR_INIT;
	int status = run(arena, ret_output, &err, "unshare", arena_printf(arena, "--mount=%s", path),
	    "--propagation", "private", "sh", "-c", script, "sh", cni_cache, NULL);

	if (status < 0)
		*ret_output = arena_strdup(arena, err.message);
	if (status != 0)
		umount2(path, MNT_DETACH); /* unshare pins before it runs the script */
	return status;
}

/*
 * A mount namespace may only be bound into one with a lower id: the kernel's guard against loops. Ids come
 * from batches per CPU, so that a new namespace can have a lower id than ours when that was made on another
 * CPU, and is then refused with EINVAL; every later one on the same CPU as well, until its batch is used up.
 * This uses it up, with namespaces that cost next to nothing: the next one made on this CPU has an id above
 * all that exist.
 */
static void use_up_ids(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < ID_BATCH && unshare(CLONE_NEWUTS) == 0; i++)
			;
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static int make_on_one_cpu(struct arena *arena, const char *path, const char *cni_cache, char **ret_output)
{
	cpu_set_t allowed, here;
	int status, cpu = sched_getcpu();

	if (cpu < 0 || sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		return make(arena, path, cni_cache, ret_output);
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	sched_setaffinity(0, sizeof here, &here);
	use_up_ids();
	status = make(arena, path, cni_cache, ret_output);
	sched_setaffinity(0, sizeof allowed, &allowed);
	return status;
}

int mount_namespace_make(struct arena *arena, const char *path, const char *cni_cache, struct error *err)
{
	char *output = NULL;

	if (file_write(path, "", 0, 0600, err) < 0)
		return -1;
	if (make(arena, path, cni_cache, &output) == 0 ||
	    make_on_one_cpu(arena, path, cni_cache, &output) == 0)
		return 0;
	return error_set(err, ERR_IO, "make the node's mount namespace at %s: %s", path,
	    str_empty(output) ? "unshare failed" : output);
}

bool mount_namespace_is_pinned(const char *path)
{
	struct stat st, own;

	return stat(path, &st) == 0 && stat("/proc/self/ns/mnt", &own) == 0 && st.st_dev == own.st_dev;
}
