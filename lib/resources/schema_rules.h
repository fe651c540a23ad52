/* schema_rules: validation by what proto/ declares on single fields: min, max, format, immutable. */
#ifndef CUBE_RESOURCES_SCHEMA_RULES_H
#define CUBE_RESOURCES_SCHEMA_RULES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

struct field_errors;
struct field_path;
struct schema;

/*
 * Checks a message. With `strict` (RESOURCE_DECLARATIVE kinds) `required` and `enum` are rules too; without,
 * they only describe the field: upstream's markers promise more than its validation keeps, and the kind's
 * hook has the truth.
 */
void schema_validate(const struct schema *schema, const ProtobufCMessage *msg, bool strict,
    const struct field_path *path, struct field_errors *errors);
/* Fields marked immutable that differ. */
void schema_validate_update(const struct schema *schema, const ProtobufCMessage *msg,
    const ProtobufCMessage *old, const struct field_path *path, struct field_errors *errors);

#endif
