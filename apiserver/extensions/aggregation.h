/*
 * aggregation: groups that another server answers for, as an APIService with a service says. Requests are
 * authenticated and authorized here and then handed over with the user's identity in headers, which the other
 * server believes because of the client certificate (--proxy-client-cert-file). Whether it can be reached
 * shows in the condition Available.
 */
#ifndef CUBE_APISERVER_EXTENSIONS_AGGREGATION_H
#define CUBE_APISERVER_EXTENSIONS_AGGREGATION_H

#include "apiserver/server.h"

struct json;

/* One APIService with a service; strings live until the loop's next turn. */
struct aggregated_version {
	const char *group, *version;
	bool is_available;
	const struct json *resources; /* the server's own APIResourceList, or NULL: not seen yet */
};

void aggregation_start(struct api_server *server);
void aggregation_done(struct api_server *server);

/* Part of the stage `route`: hands over what belongs to another server; API_NEXT when it is ours. */
int aggregation_serve(struct api_request *req, struct error *err);

/* For discovery: the i-th, false behind the last. */
bool aggregation_at(const struct api_server *server, size_t i, struct aggregated_version *ret);

#endif
