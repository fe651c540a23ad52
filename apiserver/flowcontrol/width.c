/*
 * How wide a request is. A LIST takes a seat for each hundred objects that it goes through, at most ten and
 * at most 15 % of its level, and so does a watch that asks for what there is as its first events; everything
 * else takes one. Upstream makes writes linger for what their watch events cost; here those have been sent
 * when the write is answered, so its one seat was held meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/flowcontrol/internal.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/str.h"

#define OBJECTS_PER_SEAT 100
#define SEATS_MAX 10
#define LEVEL_PERCENT 15

static int seats_max(const struct flow_level *level)
{
	int share = (level->seats.nominal * LEVEL_PERCENT + 99) / 100;

	return share < 1 ? 1 : share > SEATS_MAX ? SEATS_MAX : share;
}

static const char *query(struct api_request *req, const char *name)
{
	return str_or(http_request_query(req->http, name, 0), "");
}

/* Objects that the cache goes through to answer. A limit ends that early only when everything matches. */
static size_t objects(struct api_request *req, const struct resource_type *type)
{
	size_t stored = watchcache_count(req->server, type);
	const char *fields = query(req, "fieldSelector");

	if (str_has_prefix(fields, "metadata.name=") && !strchr(fields, ','))
		return 1;
	long long limit = strtoll(query(req, "limit"), NULL, 10);
	bool selects = *fields || *query(req, "labelSelector");
	return limit > 0 && (unsigned long long)limit < stored && !selects ? (size_t)limit : stored;
}

int flow_width(struct api_request *req, const struct flow_level *level)
{
	const struct api_request_info *info = &req->info;

	if (info->verb != API_LIST &&
	    !(info->verb == API_WATCH && str_eq(query(req, "sendInitialEvents"), "true")))
		return 1;
	const struct resource_type *type =
	    api_find_type(req->server, info->group, info->version, info->resource);
	if (!type ||
	    type->flags & RESOURCE_VIRTUAL) /* unknown, or another server's: little work for this one */
		return 1;
	size_t seats = (objects(req, type) + OBJECTS_PER_SEAT - 1) / OBJECTS_PER_SEAT;
	int max = seats_max(level);
	return seats < 1 ? 1 : seats > (size_t)max ? max : (int)seats;
}
