/*
 * image manager: makes sure that a container's image is there, by its pull policy and with back-off, one pull
 * for each image at a time; lists images for the node's status; removes unused ones when the disk fills.
 */
#ifndef CUBE_KUBELET_IMAGE_MANAGER_H
#define CUBE_KUBELET_IMAGE_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubelet/pods/pod_worker.h"

struct event_recorder;
struct image_manager;
struct image_pull;
struct kubelet_config;
struct loop;
struct references;
struct runtime;

struct image_result {
	const char *image_ref; /* the runtime's id, on success */
	bool has_user;         /* the image's user, for runAsNonRoot */
	int64_t uid;
	const char *username;         /* "" when it is a number or not set */
	const char *reason, *message; /* on failure: ErrImagePull, ImagePullBackOff, ErrImageNeverPull,
					 InvalidImageName, ImageInspectError */
	int64_t retry_at_ms;          /* of a back-off */
};
typedef void image_done(void *arg, const struct image_result *result);

struct image_manager *image_manager_new(const struct kubelet_config *config, struct loop *loop,
    struct runtime *rt, struct event_recorder *events, struct references *references);
void image_manager_free(struct image_manager *im);
/* Events Pulling, Pulled, Failed, BackOff are recorded here. `backoff` belongs to the container's memory. */
struct image_pull *image_manager_ensure(struct image_manager *im, const struct object *pod,
    const CoreV1__Container *c, struct backoff *backoff, image_done *done, void *arg);
void image_pull_cancel(struct image_pull *pull); /* done never fires; a pull under way goes on for others */

/* Canonical form of an image name: docker.io/library/nginx:latest. False: not a legal reference. */
bool image_name_is_valid(const char *image);

#endif
