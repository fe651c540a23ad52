/*
 * openapi: the documents at /openapi/v2 and /openapi/v3. Made when somebody first asks, from the schema table
 * and the resource table, and kept until the types change. Types that are added at run time are described by
 * what openapi_set_schema() was given.
 */
#ifndef CUBE_APISERVER_OPENAPI_OPENAPI_H
#define CUBE_APISERVER_OPENAPI_OPENAPI_H

#include "apiserver/server.h"

struct json;

/*
 * The OpenAPI v3 schema of a custom resource's version, copied; NULL takes it back (before
 * api_remove_type()). A type without one is published as an object of which nothing is known.
 */
void openapi_set_schema(
    struct api_server *server, const struct resource_type *type, const struct json *schema);
/* What openapi_set_schema() was given, or NULL; lives until it is set again. Server-side apply reads it too.
 */
const struct json *openapi_schema_of(const struct api_server *server, const struct resource_type *type);
void openapi_done(struct api_server *server);

#endif
