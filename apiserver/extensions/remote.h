/* remote: one server that answers for a version of a group: where it is, whether it is well, what it has. */
#ifndef CUBE_APISERVER_EXTENSIONS_REMOTE_H
#define CUBE_APISERVER_EXTENSIONS_REMOTE_H

#include "apiserver/server.h"
#include "lib/loop/http_client.h"
#include "proto/apiregistration_v1.pb-c.h"

struct remote {
	struct remote *next;
	struct api_server *server;
	const struct object *object; /* the APIService as it is now */
	struct arena *arena;         /* of the strings below */
	const char *group, *version;
	struct http_client *client;
	struct http_call *call; /* the check under way */
	void (*done)(void *arg, struct remote *remote);
	void *arg;
	/* what the last check found */
	bool is_available;
	char reason[64], message[512];
	struct arena *resources_arena;
	struct json *resources; /* APIResourceList, or NULL */
};

struct remote *remote_new(struct api_server *server, const struct object *obj);
void remote_free(struct remote *remote);
void remote_set_object(struct remote *remote, const struct object *obj);
/* Asks the server for its resources; done fires once, perhaps at once. Nothing happens while a check is under
 * way. */
void remote_check(struct remote *remote, void (*done)(void *arg, struct remote *remote), void *arg);
/* "10.0.0.1:443" of a ready endpoint, in the arena. */
int remote_address(const struct remote *remote, struct arena *arena, const char **ret, struct error *err);
/* How it is known, and how it knows us. */
struct http_tls remote_tls(const struct remote *remote, struct arena *arena);

#endif
