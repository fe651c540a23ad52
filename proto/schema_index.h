/* schema_index: the generated arrays over all schemas, each sorted for bsearch; lib/api/schema.c is the only
 * reader. */
#ifndef CUBE_PROTO_SCHEMA_INDEX_H
#define CUBE_PROTO_SCHEMA_INDEX_H

#include "lib/api/schema.h"

extern const struct schema *const schema_index_by_name[]; /* by OpenAPI name; without map entries */
extern const size_t schema_index_by_name_len;
extern const struct schema *const schema_index_kinds[]; /* kinds only, by (kind, group, version) */
extern const size_t schema_index_kinds_len;
extern const struct schema *const schema_index_by_descriptor[]; /* everything, by descriptor->name */
extern const size_t schema_index_by_descriptor_len;

#endif
