/*
 * node: this machine as a Node object: registers it, renews its lease, keeps its status true. machine.c reads
 * the facts from /proc and /sys, node_status.c builds the status (pure), node_manager.c talks to the API
 * server.
 */
#ifndef CUBE_KUBELET_NODE_H
#define CUBE_KUBELET_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/core_v1.pb-c.h"

struct arena;
struct event_recorder;
struct kubelet_config;
struct loop;
struct node_manager;
struct object;
struct rest_client;
struct runtime;

struct machine {
	int cpus;
	int64_t memory_bytes, memory_available_bytes;
	int64_t fs_bytes, fs_available_bytes, fs_inodes,
	    fs_inodes_free; /* of the root directory's file system */
	int64_t swap_bytes;
	int64_t pids_max, pids_used;
	char machine_id[64], boot_id[64], system_uuid[64], kernel[128], os_image[128], arch[16], hostname[65];
	char default_ip[46];
};
void machine_read(struct machine *m, const char *root_dir);
void machine_read_pressure(struct machine *m, const char *root_dir); /* only what changes */

struct node_image {
	const char *const *names;
	size_t names_len;
	int64_t size;
};
struct node_input {
	const struct kubelet_config *config;
	const struct machine *machine;
	const char *runtime_version; /* containerd://1.6.20 */
	const char *not_ready;       /* NULL: Ready */
	bool memory_pressure, disk_pressure, pid_pressure;
	const CoreV1__NodeStatus *old; /* transition times carry on; NULL: none */
	const struct node_image *images;
	size_t images_len;
	int64_t now_s;
	int kubelet_port;
};
CoreV1__NodeStatus *node_status_build(struct arena *arena, const struct node_input *in);
struct object *node_object_build(const struct node_input *in); /* labels, taints, status */

struct node_manager *node_manager_new(const struct kubelet_config *config, struct loop *loop,
    struct rest_client *client, struct event_recorder *events, struct runtime *rt);
void node_manager_free(struct node_manager *nm);
void node_manager_start(struct node_manager *nm, int kubelet_port,
    void (*on_network)(void *arg, bool ready, const char *message), void *arg);
const struct object *node_manager_node(const struct node_manager *nm); /* NULL until registered */
/* A newer object from the watch. */
void node_manager_take(struct node_manager *nm, const struct object *node);
bool node_manager_has_pressure(const struct node_manager *nm, bool *ret_memory, bool *ret_disk);
const struct machine *node_manager_machine(const struct node_manager *nm);
void node_manager_images_changed(struct node_manager *nm);
void node_manager_set_runtime_up(struct node_manager *nm, bool up);

#endif
