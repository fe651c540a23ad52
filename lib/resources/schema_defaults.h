/* schema_defaults: fills in what proto/ declares with the `default` option, at any depth. */
#ifndef CUBE_RESOURCES_SCHEMA_DEFAULTS_H
#define CUBE_RESOURCES_SCHEMA_DEFAULTS_H

#include <protobuf-c/protobuf-c.h>

struct arena;
struct schema;

/*
 * Sets absent fields: nullable ones that are not set, plain strings that are empty, plain numbers that are 0.
 * Only what is there is walked: a nullable message that is NULL stays NULL.
 */
void schema_apply_defaults(struct arena *arena, const struct schema *schema, ProtobufCMessage *msg);

/* An empty list becomes no list: what is stored cannot tell the two, so answers must not either. */
void schema_drop_empty_lists(const struct schema *schema, ProtobufCMessage *msg);

#endif
