/*
 * sync: keeps iptables at what Services and endpoint slices say. Changes mark Services; a round renders those
 * marked, and one iptables-restore brings the difference about. A full round happens at the start, after a
 * failure, and when the canary chain is gone because somebody flushed the tables.
 */
#ifndef CUBE_PROXY_SYNC_H
#define CUBE_PROXY_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base.h"
#include "proxy/render.h"

struct informer_set;
struct loop;
struct proxy_sync;

struct sync_options {
	struct proxy_config
	    config; /* both configurations are borrowed for ever, and may change: see sync_all() */
	struct base_config base;
	const char *iptables_mode;  /* NULL: detect */
	const char *health_address; /* where health check ports listen: "0.0.0.0" */
};

struct proxy_sync *sync_new(
    struct loop *loop, struct informer_set *informers, const struct sync_options *options);
void sync_free(struct proxy_sync *sync);
void sync_start(struct proxy_sync *sync); /* call when the informers are synced */
/* The configuration may be changed through these, followed by sync_all(). */
struct proxy_config *sync_config(struct proxy_sync *sync);
struct base_config *sync_base(struct proxy_sync *sync);
void sync_all(struct proxy_sync *sync); /* renders everything again; only what differs is written */

struct sync_counts {
	uint64_t rounds, full_rounds, failures;
	int64_t last_ms;          /* how long the last round took */
	int64_t last_done_ms;     /* loop time of the last success; 0: none yet */
	int64_t waiting_since_ms; /* loop time since when a change waits to be applied; 0: nothing waits */
	size_t lines;             /* rules in shared chains */
	bool is_running;          /* a round is under way */
};
void sync_get_counts(const struct proxy_sync *sync, struct sync_counts *ret);

#endif
