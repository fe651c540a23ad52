/*
 * plugin: one reason why a pod may or may not, or should rather, run on a node. Plugins are pure: they read
 * the snapshot and the informers' caches. plugins.def lists them in the order in which filters run, which is
 * upstream's.
 */
#ifndef CUBE_SCHEDULER_PLUGIN_H
#define CUBE_SCHEDULER_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/snapshot.h"

struct informer;

/* Changes in the cluster that can make a rejected pod fit; the bits of wakes_on. */
enum cluster_event {
	EVENT_NODE_ADD = 1 << 0,
	EVENT_NODE_ALLOCATABLE = 1 << 1,
	EVENT_NODE_LABEL = 1 << 2,
	EVENT_NODE_TAINT = 1 << 3,
	EVENT_NODE_CONDITION = 1 << 4,
	EVENT_POD_DELETE = 1 << 5, /* a placed pod went or finished */
	EVENT_POD_ADD = 1 << 6,    /* a pod was placed, or a placed pod's labels changed */
	EVENT_CLAIM = 1 << 7,
	EVENT_VOLUME = 1 << 8,
	EVENT_STORAGE_CLASS = 1 << 9,
	EVENT_ANY = ~0,
};

enum verdict {
	FITS,
	UNSCHEDULABLE, /* other pods are in the way: preemption may help */
	UNRESOLVABLE,  /* nothing that pods do changes it */
};

enum { REASONS_MAX = 12 };
struct reasons { /* texts live in the cycle's arena or are literals */
	const char *texts[REASONS_MAX];
	size_t len;
};

/* One attempt to place one pod. */
struct cycle {
	struct arena *arena;
	const struct snapshot *snapshot;
	const struct pod_info *pod;
	const struct informer *claims, *volumes, *storage_classes, *namespaces;
	void **states; /* a plugin's own, made by pre_filter: states[plugin->index] */
	struct reasons pre_filter_reasons;
};

struct plugin {
	const char *name;
	/* Works out what does not depend on the node. Anything but FITS ends the cycle for all nodes. */
	enum verdict (*pre_filter)(struct cycle *cycle, void **ret_state, struct reasons *reasons);
	enum verdict (*filter)(
	    const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons);
	/* A raw score; normalize (or 0..100 already) makes it comparable. */
	int64_t (*score)(const struct cycle *cycle, void *state, const struct node_info *node);
	void (*normalize)(const struct cycle *cycle, void *state, struct node_info *const *nodes,
	    int64_t *scores, size_t len);
	int weight;
	uint32_t wakes_on;
};

enum { SCORE_MAX = 100 };

#define PLUGIN(name) extern const struct plugin plugin_##name;
#include "scheduler/plugins.def"
#undef PLUGIN

void reasons_add(struct cycle *cycle, struct reasons *reasons, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void reasons_add_literal(struct reasons *reasons, const char *text);
/* Scales so that the highest becomes 100; reverse: the highest becomes 0. */
void scores_normalize(int64_t *scores, size_t len, bool reverse);

#endif
