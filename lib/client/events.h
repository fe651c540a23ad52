/*
 * events: records core/v1 Events about objects, as upstream's recorder: equal events raise the count of one
 * Event by a patch, similar ones aggregate, and a token bucket for each object (burst 25, one in 5 minutes)
 * stops floods. Recording never fails the caller; what can't be sent is retried for a while and then dropped.
 */
#ifndef CUBE_CLIENT_EVENTS_H
#define CUBE_CLIENT_EVENTS_H

#include <stdbool.h>

struct event_recorder;
struct object;
struct rest_client;

/* component: source.component, host: source.host (node name) or NULL. */
struct event_recorder *event_recorder_new(
    struct rest_client *client, const char *component, const char *host);
void event_recorder_free(struct event_recorder *recorder);
void event_record(struct event_recorder *recorder, const struct object *about, bool is_warning,
    const char *reason, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* field_path: "spec.containers{web}" or NULL. component NULL: the recorder's. */
void event_record_at(struct event_recorder *recorder, const char *component, const struct object *about,
    const char *field_path, bool is_warning, const char *reason, const char *message);

#endif
