/*
 * shutdown: the orderly end of the server. api_server_leave() comes first: /readyz fails, the endpoints of
 * the service kubernetes lose this server, and everything is served as before for --shutdown-delay-duration,
 * so that load balancers turn away (main.c). Then api_server_shutdown(): the listener closes, watches end
 * with their last chunk, requests under way get --request-timeout to finish, and what comes over connections
 * that still exist is told to go elsewhere: 503. With --shutdown-send-retry-after the listener stays open
 * until nothing is under way any more and answers 429 meanwhile. Health and metrics are served to the end.
 * Tunnels are not waited for.
 */
#ifndef CUBE_APISERVER_SHUTDOWN_H
#define CUBE_APISERVER_SHUTDOWN_H

#include "apiserver/server.h"

/* The stage: 503, or 429, once the server only finishes what is under way. */
int shutdown_refuse(struct api_request *req, struct error *err);
/* A request has ended, perhaps the last one; only while server->shutdown is set. */
void shutdown_request_gone(struct api_server *server);
void shutdown_free(struct shutdown *shutdown);

#endif
