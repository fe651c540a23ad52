/*
 * volumes: what a pod's spec.volumes become on the host. Each kind is a `struct volume_kind`; work is split
 * in two: collect() runs on the loop, reads references and the API, and says what files there must be;
 * set_up() and tear_down() run on the thread pool and touch only the file system. Contents that live in the
 * API are written by the atomic writer
 * (..data symlinks) and written again when they change.
 */
#ifndef CUBE_KUBELET_VOLUME_H
#define CUBE_KUBELET_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubelet/pods/pod_facts.h"

struct arena;
struct error;
struct kubelet_config;
struct loop;
struct object;
struct references;
struct rest_client;
struct volume_manager;

struct volume_file {      /* one file of a payload */
	const char *path; /* relative, may contain directories */
	const void *data;
	size_t size;
	int32_t mode;
	int64_t owner; /* uid, < 0: leave */
};

/* One volume being set up; made by collect on the loop, then owned by the thread until done. */
struct volume_work {
	struct arena *arena; /* everything below lives here */
	const struct volume_kind *kind;
	const char *name; /* of the volume */
	const char *path; /* <root>/pods/<uid>/volumes/<kind dir>/<name>, or the host's path */
	struct volume_file *files;
	size_t files_len;
	bool memory_backed;    /* tmpfs */
	int64_t size_limit;    /* bytes of a tmpfs; 0: none */
	const char *host_type; /* type of a hostPath */
	bool has_fs_group;
	int64_t fs_group;
	bool fs_group_on_root_mismatch;
	bool read_only; /* containers can't write it */
	bool mounted;   /* was set up before by this process */
};

struct volume_kind {
	const char *name; /* kubernetes.io/empty-dir; with / as ~ the directory */
	bool (*handles)(const CoreV1__VolumeSource *source);
	/* 0: ready to set up; 1: something is still to come (the manager calls again); < 0: error for the
	 * event. */
	int (*collect)(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *volume,
	    struct volume_work *work, struct error *err);
	int (*set_up)(
	    const struct volume_work *work, struct error *err); /* idempotent: also applies updates */
	bool updates;                                           /* contents follow the API */
};
extern const struct volume_kind *const volume_kinds[]; /* ends with NULL */

struct volume_manager_deps {
	const struct kubelet_config *config;
	struct loop *loop;
	struct rest_client *client; /* tokens, claims; may be NULL in tests */
	struct references *references;
	/* on_update: a token needs renewal or a claim changed: call volume_manager_update for the pod. */
	void (*on_update)(void *arg, const char *uid);
	void *arg;
};
struct volume_manager *volume_manager_new(const struct volume_manager_deps *deps);
void volume_manager_free(struct volume_manager *vm);
void volume_manager_set_handler(
    struct volume_manager *vm, void (*on_update)(void *arg, const char *uid), void *arg);
/* Something that the pod's volumes may wait for has come (a reference): go on. */
void volume_manager_poke(struct volume_manager *vm, const char *uid);

/* Sets up (or brings up to date) every volume of the pod. done fires once; volume: the failing one's name. */
typedef void volume_done(void *arg, const char *volume, const struct error *err);
void volume_manager_mount(struct volume_manager *vm, const struct object *pod, volume_done *done, void *arg);
/* Unmounts and removes <root>/pods/<uid>/volumes and volume-subpaths. */
void volume_manager_unmount(struct volume_manager *vm, const char *uid, volume_done *done, void *arg);

/* The path to bind for a container's mount, with its subPath (already expanded) resolved safely and made if
 * needed. */
int volume_manager_mount_source(struct volume_manager *vm, const struct object *pod, const char *container,
    size_t mount_index, const CoreV1__VolumeMount *mount, const char *sub_path, struct arena *arena,
    const char **ret_path, bool *ret_read_only, struct error *err);
/* Calls fn for each local, writable volume: path, and the limit of its size (0: none). */
void volume_manager_for_each_empty_dir(struct volume_manager *vm, const char *uid,
    void (*fn)(void *arg, const char *volume, const char *path), void *arg);
/* Bytes used in a directory tree (thread pool callers). */
int64_t volume_usage(const char *path);

#endif
