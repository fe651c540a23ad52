#include "kubelet/pods/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/config.h"
#include "kubelet/pods/cri_config.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define CGROUP_FS "/sys/fs/cgroup"
#define HIERARCHIES_MAX 24
#define PATH_SIZE 512

struct cgroups {
	bool v2;
	char root[256];                        /* "" or "/x/y": parent of kubepods */
	char hierarchies[HIERARCHIES_MAX][64]; /* mount points */
	size_t hierarchies_len;
};

static const char *const classes[] = {"kubepods", "kubepods/burstable", "kubepods/besteffort"};

static int write_file(const char *dir, const char *file, const char *text)
{
	char path[PATH_SIZE + 64];
	snprintf(path, sizeof path, "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

static void write_number(const char *dir, const char *file, int64_t value)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)value);
	if (write_file(dir, file, text) < 0 && errno != ENOENT)
		log_debug("cgroup %s/%s = %s: %s", dir, file, text, strerror(errno));
}

/* v1: an empty cpuset lets nothing run in it: take the parent's. */
static void inherit_cpuset(const char *dir)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	for (size_t i = 0; i < 2; i++) {
		char path[PATH_SIZE + 64], text[256] = "";
		snprintf(path, sizeof path, "%s/../%s", dir, files[i]);
		FILE *f = fopen(path, "re");
		if (!f)
			return;
		if (fgets(text, sizeof text, f) && *text != '\n')
			write_file(dir, files[i], text);
		fclose(f);
	}
}

/* v2: one by one, since a controller that is not there would make the whole list fail. */
static void enable_controllers(const char *dir)
{
	static const char *const controllers[] = {"+cpu", "+memory", "+pids", "+cpuset", "+io"};
	for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++)
		write_file(dir, "cgroup.subtree_control", controllers[i]);
}

static int make_directory(const struct cgroups *cg, const char *dir)
{
	if (mkdir(dir, 0755) == 0)
		inherit_cpuset(dir);
	else if (errno != EEXIST)
		return -1;
	if (cg->v2)
		enable_controllers(dir);
	return 0;
}

/* Makes mount/root/rel with every parent. */
static int make_path(const struct cgroups *cg, const char *mount, const char *rel, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s%s/%s", mount, cg->root, rel);
	for (char *p = out + strlen(mount) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		int rc = make_directory(cg, out);
		*p = '/';
		if (rc < 0)
			return -1;
	}
	return make_directory(cg, out);
}

/* cpu.weight of v2 covers 1..10000 where shares cover 2..262144. */
static int64_t weight_of_shares(int64_t shares)
{
	return 1 + (shares - 2) * 9999 / 262142;
}

static void set_limits(
    const struct cgroups *cg, const char *dir, int64_t shares, int64_t quota, int64_t memory)
{
	char text[64];
	if (!cg->v2) {
		if (shares)
			write_number(dir, "cpu.shares", shares);
		if (quota) {
			write_number(dir, "cpu.cfs_period_us", 100000);
			write_number(dir, "cpu.cfs_quota_us", quota);
		}
		if (memory)
			write_number(dir, "memory.limit_in_bytes", memory);
		return;
	}
	if (shares)
		write_number(dir, "cpu.weight", weight_of_shares(shares));
	if (quota) {
		snprintf(text, sizeof text, "%lld 100000", (long long)quota);
		write_file(dir, "cpu.max", text);
	}
	if (memory)
		write_number(dir, "memory.max", memory);
}

static int apply(const struct cgroups *cg, const char *rel, int64_t shares, int64_t quota, int64_t memory,
    struct error *err)
{
	char dir[PATH_SIZE];
	for (size_t i = 0; i < cg->hierarchies_len; i++) {
		if (make_path(cg, cg->hierarchies[i], rel, dir) < 0)
			return error_set_errno(err, errno, "cgroup %s", dir);
		set_limits(cg, dir, shares, quota, memory);
	}
	return 0;
}

/* v1: each controller has its mount; links such as cpu,cpuacct lead to one and count once. */
static void find_hierarchies(struct cgroups *cg)
{
	if (cg->v2) {
		snprintf(cg->hierarchies[cg->hierarchies_len++], 64, CGROUP_FS);
		return;
	}
	DIR *d = opendir(CGROUP_FS);
	struct dirent *e;
	while (d && (e = readdir(d)) && cg->hierarchies_len < HIERARCHIES_MAX) {
		char path[PATH_SIZE];
		struct stat st;
		snprintf(path, sizeof path, CGROUP_FS "/%s", e->d_name);
		if (e->d_name[0] == '.' || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		snprintf(cg->hierarchies[cg->hierarchies_len++], 64, "%.63s", path);
	}
	if (d)
		closedir(d);
}

struct cgroups *cgroups_new(
    const struct kubelet_config *config, int64_t memory_bytes, int64_t milli_cpu, struct error *err)
{
	if (!config->cgroups_enabled)
		return NULL;
	struct cgroups *cg = calloc(1, sizeof *cg);
	cg->v2 = config->cgroup_v2;
	const char *root = str_or(config->cgroup_root, "");
	snprintf(cg->root, sizeof cg->root, "%s%s", *root && *root != '/' ? "/" : "",
	    str_eq(root, "/") ? "" : root);
	find_hierarchies(cg);
	if (cg->v2)
		enable_controllers(CGROUP_FS);
	if (apply(cg, classes[0], cpu_shares_of_milli(milli_cpu), 0, memory_bytes, err) ||
	    apply(cg, classes[1], 2, 0, 0, err) || apply(cg, classes[2], 2, 0, 0, err)) {
		free(cg);
		return NULL;
	}
	return cg;
}

void cgroups_free(struct cgroups *cg)
{
	free(cg);
}

static const char *class_of(const CoreV1__Pod *pod)
{
	switch (pod_qos_of(pod)) {
	case QOS_GUARANTEED:
		return classes[0];
	case QOS_BURSTABLE:
		return classes[1];
	default:
		return classes[2];
	}
}

void cgroups_pod_path(const struct cgroups *cg, const CoreV1__Pod *pod, char out[512])
{
	if (!cg)
		*out = 0;
	else
		snprintf(out, 512, "%s/%s/pod%s", cg->root, class_of(pod), pod->metadata->uid);
}

int cgroups_create_pod(struct cgroups *cg, const CoreV1__Pod *pod, struct error *err)
{
	if (!cg)
		return 0;
	char rel[256];
	snprintf(rel, sizeof rel, "%s/pod%s", class_of(pod), pod->metadata->uid);
	int64_t request = pod_request_milli_cpu(pod);
	return apply(cg, rel, cpu_shares_of_milli(request), cpu_quota_of_milli(pod_limit_milli_cpu(pod)),
	    pod_limit_memory(pod), err);
}

static void kill_all_in(const char *dir)
{
	char path[PATH_SIZE + 64], line[32];
	snprintf(path, sizeof path, "%s/cgroup.procs", dir);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f)) {
		pid_t pid = (pid_t)atoi(line);
		if (pid > 1)
			kill(pid, SIGKILL);
	}
	if (f)
		fclose(f);
}

static void remove_tree(const char *dir)
{
	DIR *d = opendir(dir);
	if (!d)
		return;
	struct dirent *e;
	while ((e = readdir(d))) {
		char path[PATH_SIZE];
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < (int)sizeof path)
			remove_tree(path);
	}
	closedir(d);
	kill_all_in(dir);
	if (rmdir(dir) < 0 && errno != ENOENT)
		log_debug("rmdir %s: %s", dir, strerror(errno));
}

void cgroups_remove_pod(struct cgroups *cg, const char *uid)
{
	char dir[PATH_SIZE];
	for (size_t i = 0; cg && i < cg->hierarchies_len; i++) {
		for (size_t k = 0; k < sizeof classes / sizeof *classes; k++) {
			snprintf(
			    dir, sizeof dir, "%s%s/%s/pod%s", cg->hierarchies[i], cg->root, classes[k], uid);
			remove_tree(dir);
		}
	}
}

void cgroups_set_burstable(struct cgroups *cg, int64_t milli_cpu)
{
	if (cg)
		apply(cg, classes[1], cpu_shares_of_milli(milli_cpu), 0, 0, NULL);
}

void cgroups_for_each_pod(struct cgroups *cg, void (*fn)(void *arg, const char *uid), void *arg)
{
	for (size_t k = 0; cg && cg->hierarchies_len && k < sizeof classes / sizeof *classes; k++) {
		char dir[PATH_SIZE];
		snprintf(dir, sizeof dir, "%s%s/%s", cg->hierarchies[0], cg->root, classes[k]);
		DIR *d = opendir(dir);
		struct dirent *e;
		while (d && (e = readdir(d)))
			if (str_has_prefix(e->d_name, "pod") && strlen(e->d_name) == 39)
				fn(arg, e->d_name + 3);
		if (d)
			closedir(d);
	}
}
