/* internal: what the files of discovery/ share. */
#ifndef CUBE_APISERVER_DISCOVERY_INTERNAL_H
#define CUBE_APISERVER_DISCOVERY_INTERNAL_H

#include "apiserver/server.h"

struct json;

/* Calls fn for each group once, in the table's order; "" is core. fn returns false to stop. */
void discovery_groups(const struct api_server *server, bool (*fn)(void *arg, const char *group), void *arg);
/* Versions of a group in order of preference, each once; NULL-terminated. Empty when the group is not served.
 */
const char *const *discovery_versions(
    const struct api_server *server, struct arena *arena, const char *group);
/* Verbs as a JSON array, sorted. */
struct json *discovery_verbs(struct arena *arena, uint32_t verbs);

/* What lies below a resource: status and scale from its flags, the rest from the table. */
struct discovery_subresource {
	const char *name;
	const char *group, *version, *kind; /* of the body */
	uint32_t verbs;
	bool is_own_kind; /* the body is of the resource's own group and version */
};
/* Sorted by name; ends with a NULL name. */
const struct discovery_subresource *discovery_subresources(
    struct arena *arena, const struct resource_type *type);

/* legacy.c: the documents of before aggregation. NULL when there is no such group or version. */
struct json *discovery_api_versions(struct api_request *req);
struct json *discovery_group_list(struct api_request *req);
struct json *discovery_group(struct api_request *req, const char *group);
struct json *discovery_resource_list(struct api_request *req, const char *group, const char *version);
struct json *discovery_paths(struct api_request *req);

/* aggregated.c: is_core for /api, else /apis. version: "v2" or "v2beta1". */
struct json *discovery_aggregated(struct api_request *req, const char *version, bool is_core);

#endif
