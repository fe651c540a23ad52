/* metrics: counters of the API server, served at /metrics. */
#ifndef CUBE_APISERVER_METRICS_H
#define CUBE_APISERVER_METRICS_H

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

#endif
