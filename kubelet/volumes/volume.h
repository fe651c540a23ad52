/*
 * volumes: what a pod's spec.volumes become on the host. Each kind is a `struct volume_kind`; work is split in two:
 * collect() runs on the loop, reads references and the API, and says what files there must be; set_up() and tear_down()
 * run on the thread pool and touch only the file system. Contents that live in the API are written by the atomic writer
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

struct volume_file { /* one file of a payload */
	const char *path; /* relative, may contain directories */
	const void *data;
	size_t size;
	int32_t mode;
	int64_t owner;    /* uid, < 0: leave */
};

/* One volume being set up; made by collect on the loop, then owned by the thread until done. */
struct volume_work {
	struct arena *arena;          /* everything below lives here */
	const struct volume_kind *kind;
	const char *name;             /* of the volume */
	const char *path;             /* <root>/pods/<uid>/volumes/<kind dir>/<name>, or the host's path */
	struct volume_file *files;
	size_t files_len;
	bool memory_backed;           /* tmpfs */
	int64_t size_limit;           /* bytes; 0: none */
	const char *host_path, *host_path_type;
	const char *source;           /* what to bind here (local PVs) */
	bool has_fs_group;
	int64_t fs_group;
	bool fs_group_on_root_mismatch;
	int32_t dir_mode;             /* of the volume's root */
	bool read_only;
};

struct volume_kind {
	const char *name;             /* kubernetes.io/empty-dir: status, metrics, and with / as ~ the directory */
	bool (*handles)(const CoreV1__Volume *volume);
	/* 0: ready to set up; 1: something is still to come (the manager calls again); < 0: error for the event. */
	int (*collect)(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *volume,
	    struct volume_work *work, struct error *err);
	int (*set_up)(const struct volume_work *work, struct error *err);    /* idempotent: also applies updates */
	int (*tear_down)(const char *path, struct error *err);               /* NULL: remove the directory */
	bool updates;                 /* contents follow the API */
};
extern const struct volume_kind *const volume_kinds[]; /* ends with NULL; kinds.def */

struct volume_manager_deps {
	const struct kubelet_config *config;
	struct loop *loop;
	struct rest_client *client;   /* tokens, claims; may be NULL in tests */
	struct references *references;
	/* on_update: a token needs renewal or a claim changed: call volume_manager_update for the pod. */
	void (*on_update)(void *arg, const char *uid);
	/* The pod's IP and the node's for downward files; may return NULL. */
	const char *(*pod_field)(void *arg, const struct object *pod, const char *field_path);
	void *arg;
};
struct volume_manager *volume_manager_new(const struct volume_manager_deps *deps);
void volume_manager_free(struct volume_manager *vm);
void volume_manager_set_callbacks(struct volume_manager *vm, void (*on_update)(void *arg, const char *uid),
    const char *(*pod_field)(void *arg, const struct object *pod, const char *field_path), void *arg);

/* Sets up (or brings up to date) every volume of the pod. done fires once; volume: the failing one's name. */
typedef void volume_done(void *arg, const char *volume, const struct error *err);
void volume_manager_mount(struct volume_manager *vm, const struct object *pod, volume_done *done, void *arg);
/* Unmounts and removes <root>/pods/<uid>/volumes and volume-subpaths. */
void volume_manager_unmount(struct volume_manager *vm, const char *uid, volume_done *done, void *arg);

/* The path to bind for a container's mount, with its subPath (already expanded) resolved safely and made if needed. */
int volume_manager_mount_source(struct volume_manager *vm, const struct object *pod, const char *container,
    size_t mount_index, const CoreV1__VolumeMount *mount, const char *sub_path, struct arena *arena,
    const char **ret_path, struct error *err);
/* Bytes used in a directory tree (thread pool callers). */
int64_t volume_usage(const char *path);

#endif
