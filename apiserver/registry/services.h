/* services: who has which cluster IP and node port. See services.c; the registry claims through internal.h.
 */
#ifndef CUBE_APISERVER_REGISTRY_SERVICES_H
#define CUBE_APISERVER_REGISTRY_SERVICES_H

struct api_server;
struct arena;
struct error;
struct services;

struct services *services_new(struct api_server *server, struct error *err);
void services_start(struct services *services); /* when the cache is filled */
void services_free(struct services *services);
const char *services_first_ip(struct services *services, struct arena *arena); /* of the service kubernetes */

#endif
