/* rest_private: what the files of the REST client share. */
#ifndef CUBE_CLIENT_REST_PRIVATE_H
#define CUBE_CLIENT_REST_PRIVATE_H

#include "lib/client/rest.h"
#include "lib/loop/http_client.h"

struct arena;
struct buf;
struct rest_watch;

struct rest_client {
	struct loop *loop;
	struct http_client *http;
	struct arena *arena;              /* of what follows */
	const struct rest_config *config; /* a copy */
	const char *server;               /* without a slash at the end */
	struct arena *header_arena;       /* of headers; made anew when the token file changes */
	const char **headers;
	int64_t token_checked_ms, token_mtime_ns;
	struct rest_call *calls; /* under way: freed with the client */
	struct rest_watch *watches;
};

/* URL of a request, without what a watch adds. Returns NULL and fills err when the request makes no sense. */
const char *rest_url(struct arena *arena, const struct rest_client *client,
    const struct rest_request *request, struct error *err);
void rest_url_encode(struct buf *out, const char *text);
/* Appends name=value, with '?' or '&' in front. No-op for an empty value. */
void rest_url_param(struct buf *url, const char *name, const char *value);

/* The client's headers and Accept and Content-Type (each may be NULL); NULL-terminated. */
const char *const *rest_headers(
    struct rest_client *client, struct arena *arena, const char *accept, const char *content_type);

/* One object of a type from JSON text: list items carry no apiVersion and kind of their own. */
int rest_decode(const struct resource_type *type, const char *text, size_t size, bool drop_managed_fields,
    struct object **ret, struct error *err);
/* The error that a Status means; causes are valid until the next one is read. */
int rest_status_error(const char *body, size_t size, int http_status, struct error *err);

/* A random number below `below`, to spread what many processes would do at the same time. */
unsigned rest_random(unsigned below);
void rest_watch_forget_all(struct rest_client *client);
void rest_call_forget_all(struct rest_client *client);

#endif
