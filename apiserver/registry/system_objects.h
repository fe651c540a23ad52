/* system_objects: the namespaces and the service `kubernetes` that the server itself keeps in the cluster. */
#ifndef CUBE_APISERVER_REGISTRY_SYSTEM_OBJECTS_H
#define CUBE_APISERVER_REGISTRY_SYSTEM_OBJECTS_H

struct api_server;
struct system_objects;

/* done fires once, when all of them are there for the first time. */
struct system_objects *system_objects_start(struct api_server *server, void (*done)(void *arg), void *arg);
/* The server stops: its endpoints go. done fires once, soon. NULL is accepted. */
void system_objects_leave(struct system_objects *objects, void (*done)(void *arg), void *arg);
void system_objects_free(struct system_objects *objects);

#endif
