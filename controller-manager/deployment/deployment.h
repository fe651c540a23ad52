/*
 * deployment: one look at a Deployment and its ReplicaSets, and what it should become.
 * controllers/deployment.c decides what to do; replica_sets.c makes and scales ReplicaSets, rollout.c chooses
 * their sizes, status.c tells how it goes.
 *
 * Sizes are chosen on this model first (struct rs.replicas); deployment_write_sizes() turns what changed into
 * updates.
 */
#ifndef CUBE_CONTROLLER_MANAGER_DEPLOYMENT_H
#define CUBE_CONTROLLER_MANAGER_DEPLOYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller-manager/shared/claims.h"
#include "lib/api/object.h"
#include "proto/apps_v1.pb-c.h"

#define REVISION_ANNOTATION "deployment.kubernetes.io/revision"
#define REVISION_HISTORY_ANNOTATION "deployment.kubernetes.io/revision-history"
#define DESIRED_ANNOTATION "deployment.kubernetes.io/desired-replicas"
#define MAX_ANNOTATION "deployment.kubernetes.io/max-replicas"
#define HASH_LABEL "pod-template-hash"

struct rs {
	const struct object *obj;
	const AppsV1__ReplicaSet *rs;
	int32_t replicas; /* as it shall be */
	bool is_scaled;   /* sizes were chosen for it: its annotations are brought up to date as well */
};

struct deployment {
	struct controller_context *ctx;
	struct plan *plan;
	struct arena *arena;
	const struct object *obj;
	const AppsV1__Deployment *d;
	int32_t replicas, max_surge, max_unavailable; /* resolved */
	struct rs *sets;                              /* all, oldest first */
	size_t len;
	struct rs *new_rs;                /* the one with the current template, or NULL */
	struct object *next;              /* a clone whose status is written at the end when it differs */
	AppsV1__DeploymentStatus *status; /* of next */
};

/* The order in which ReplicaSets are looked at. */
enum rs_order { RS_OLDEST_FIRST, RS_NEWEST_FIRST, RS_LARGEST_THEN_NEWEST, RS_LARGEST_THEN_OLDEST };
/* Those with pods wanted; old_only leaves new_rs out. In the plan's arena. */
struct rs **deployment_active(
    const struct deployment *dep, bool old_only, enum rs_order order, size_t *ret_len);
int32_t deployment_sum(const struct deployment *dep, bool old_only); /* of wanted replicas */
bool deployment_has_deadline(const struct deployment *dep);

/* replica_sets.c */
void deployment_find_new(struct deployment *dep);
/* Makes the ReplicaSet of the current template, with the condition that tells of it. */
void deployment_create_new(struct deployment *dep);
/* Revision and annotations of an existing new_rs and of the Deployment. True when something had to be
 * written: then nothing else shall be done before it is seen. */
bool deployment_sync_revision(struct deployment *dep);
void deployment_write_sizes(struct deployment *dep);
void deployment_clean_up(struct deployment *dep); /* beyond the history limit */

/* rollout.c: each returns whether it changed a size. */
bool deployment_scale_new(struct deployment *dep);
bool deployment_scale_down_old(struct deployment *dep);     /* rolling */
bool deployment_scale_down_all_old(struct deployment *dep); /* recreate */
void deployment_scale_proportionally(struct deployment *dep);
int32_t deployment_new_size(const struct deployment *dep, int32_t current);

/* status.c */
void deployment_count_status(struct deployment *dep);
void deployment_rollout_status(struct deployment *dep);    /* progress and failures */
bool deployment_pause_status(struct deployment *dep);      /* true when the condition changed */
bool deployment_is_complete(const struct deployment *dep); /* by dep->status */
/* status: "True", "False", "Unknown". The message is copied. */
void deployment_set_condition(
    struct deployment *dep, const char *type, const char *status, const char *reason, const char *message);
void deployment_write_status(struct deployment *dep);
AppsV1__DeploymentCondition *deployment_condition(const AppsV1__DeploymentStatus *status, const char *type);

#endif
