/*
 * scheduler: ties queue, snapshot and cycle to the API server: watches feed snapshot and queue, a chosen node
 * is assumed at once and bound asynchronously; a binding that fails is forgotten and the pod tried again.
 */
#ifndef CUBE_SCHEDULER_SCHEDULER_H
#define CUBE_SCHEDULER_SCHEDULER_H

struct buf;
struct daemon;
struct scheduler;

struct scheduler *scheduler_new(struct daemon *daemon, const char *scheduler_name);
void scheduler_start(struct scheduler *scheduler); /* begins once all informers are synced */
void scheduler_free(struct scheduler *scheduler);
void scheduler_metrics(const struct scheduler *scheduler, struct buf *out);

#endif
