/*
 * metrics: what /metrics tells, under upstream's names. Here are the set, the counters of requests, of
 * watches and of the store; flowcontrol/, auth/ and admission/ add their own to the same set.
 *
 * Counting costs no memory and no text: whoever counts keeps the pointer of its series.
 */
#ifndef CUBE_APISERVER_METRICS_H
#define CUBE_APISERVER_METRICS_H

#include <stdbool.h>
#include <stddef.h>

struct api_request;
struct api_server;
struct metric;
struct metric_series;
struct metric_set;
struct metrics;
struct storage_observer;

struct metrics *metrics_new(struct api_server *server);
void metrics_free(struct metrics *metrics);
struct metric_set *metrics_set(const struct api_server *server);

/* *slot, which is looked up (and made) when it is used for the first time. */
struct metric_series *metrics_once(
    struct metric_series **slot, struct metric *metric, const char *const *values);

/* request_metrics.c */
struct request_metrics;
struct request_metrics *request_metrics_new(struct metric_set *set);
void request_metrics_free(struct request_metrics *metrics);
/* Where open requests like this one are counted, for those that outlive theirs: tunnels. */
struct metric_series *metrics_streams(struct api_request *req);
/* A watch begins (1) or ends (-1). */
void metrics_count_stream(struct api_request *req, int by);
/* Events that a watch of this type sends: metric_add() each. */
struct metric_series *metrics_watch_events(struct api_request *req);
/* A watch was cut off because its client does not read. */
void metrics_count_cut_off(struct api_request *req);

/* storage_metrics.c: what the store is asked for, by operation and type. The observer lives as long as the
 * server's metrics. */
struct storage_metrics;
struct storage_metrics *storage_metrics_new(struct api_server *server, struct metric_set *set);
void storage_metrics_free(struct storage_metrics *metrics);
const struct storage_observer *metrics_storage_observer(const struct api_server *server);

/* internal: what the three files share */
struct metrics {
	struct api_server *server;
	struct metric_set *set;
	struct metric *objects, *in_flight;
	struct request_metrics *requests;
	struct storage_metrics *storage;
};

#endif
