/* What the files of flowcontrol share; see flowcontrol.h. */
#ifndef CUBE_APISERVER_FLOWCONTROL_INTERNAL_H
#define CUBE_APISERVER_FLOWCONTROL_INTERNAL_H

#include <stdint.h>

#include "apiserver/flowcontrol/fair.h"
#include "apiserver/flowcontrol/flowcontrol.h"
#include "apiserver/flowcontrol/retry.h"
#include "apiserver/flowcontrol/rules.h"
#include "apiserver/flowcontrol/seats.h"
#include "apiserver/server.h"

struct flow_metrics;
struct loop_timer;
struct metric_series;
struct strmap;

enum flow_reason { FLOW_QUEUE_FULL, FLOW_NO_SEAT, FLOW_TIME_OUT, FLOW_CANCELLED, FLOW_REASONS };

/* Counters of one FlowSchema in one priority level, and what the response headers say of both. Held by the
 * rules that lead to it and by requests. */
struct flow_series {
	unsigned refs;
	char *level, *schema, *level_uid, *schema_uid;
	struct metric_series *dispatched, *waiting, *seats_waiting, *running, *seats_running;
	/* NULL before their first use */
	struct metric_series *rejected[FLOW_REASONS];
	struct metric_series *waited[2]; /* [1]: of those that ran */
	struct metric_series *ran[2];    /* [1]: initialisation of watches */
};
void flow_series_unref(struct flowcontrol *fc, struct flow_series *series);

struct flow_level {
	struct flow_level *next;
	char *name, *uid;
	struct seat_level seats;
	struct fair_set fair;
	struct retry_after retry;
	bool is_wanted, is_quiescing; /* quiescing: deleted, requests still run */
	uint64_t dispatched, rejected, timed_out, cancelled;
};

/* What a schema of the rules leads to. */
struct flow_target {
	struct flow_level *level;
	struct flow_series *series;
};

struct flowcontrol {
	struct api_server *server;
	int server_seats;
	struct flow_rules *rules;
	struct flow_target *targets; /* of the rules */
	size_t targets_len;
	struct flow_target *catch_all; /* for what no schema matches; NULL only before the start */
	struct flow_level *levels;
	struct strmap *series; /* "level/schema" */
	struct flow_metrics *metrics;
	int nominal_sum;
	double fair_fraction;
	bool may_write;         /* conditions and objects */
	struct strmap *writing; /* FlowSchemas whose condition is being written, by name: status.c's */
	struct loop_timer *reload, *adjust, *ready_timer, *restore;
	struct flow_ticket *ready_first, *ready_last;
};

/* A request's place; in its arena. */
struct flow_ticket {
	struct fair_request fair; /* first: fair.h hands out this pointer */
	struct api_request *req;
	struct flow_level *level;
	struct flow_series *series;
	const char *distinguisher;
	struct loop_timer *limit; /* of waiting */
	bool is_ready;            /* has seats and is in the list of those to be resumed */
	struct flow_ticket *ready_next, *ready_prev;
};

/* flow_metrics.c */
struct flow_metrics *flow_metrics_new(struct flowcontrol *fc); /* lives as long as the server's metrics */
void flow_metrics_of(struct flowcontrol *fc, struct flow_series *series); /* fills in its counters */
void flow_count_rejected(struct flowcontrol *fc, struct flow_series *series, enum flow_reason reason);
void flow_count_waited(struct flowcontrol *fc, struct flow_series *series, bool has_run, double seconds);
void flow_count_ran(struct flowcontrol *fc, struct flow_series *series, bool is_watch, double seconds);

int64_t flow_now_ns(const struct flowcontrol *fc);

/* config.c */
void flow_config_load(struct flowcontrol *fc);   /* from the cache; replaces rules and levels */
void flow_config_clear(struct flowcontrol *fc);  /* all of it, at the end */
void flow_config_adjust(struct flowcontrol *fc); /* divides the seats by demand */
struct flow_level *flow_level_find(const struct flowcontrol *fc, const char *name);
/* flowcontrol.c: fair.h's callback */
void flow_on_dispatch(void *arg, struct fair_request *request);
/* width.c: seats that the request takes, 1 .. what the level allows */
int flow_width(struct api_request *req, const struct flow_level *level);
/* status.c: writes the Dangling conditions that are not true (any more) */
void flow_status_write(struct flowcontrol *fc);
/* Frees a value of fc->writing whose request will not be answered any more. */
void flow_status_drop_write(void *write);
/* restore.c */
typedef void flow_default_fn(void *arg, const struct object *wanted);
/* Every object of flow control that a cluster starts with; the objects live until fn returns. */
void flow_each_default(flow_default_fn *fn, void *arg);
bool flow_is_mandatory(const struct object *obj);
void flow_restore(struct flowcontrol *fc);

#endif
