/*
 * conversion: custom resources brought to another version by the definition's webhook (ConversionReview of
 * apiextensions.k8s.io). Asking takes time, so it comes before the point where the answer is needed: who is
 * about to use objects in a version asks conversion_is_needed(), waits for conversion_start(), and from then
 * on resource_convert() finds what the webhook said with the object (object_in_version()): an object that is
 * in the cache is asked for once for each version, however many read and watch it.
 */
#ifndef CUBE_APISERVER_EXTENSIONS_CONVERSION_H
#define CUBE_APISERVER_EXTENSIONS_CONVERSION_H

#include "apiserver/server.h"

struct conversion;
struct definition;
/* err is NULL when all objects are known in the version now; else ERR_INTERNAL with upstream's words. */
typedef void conversion_done_fn(void *arg, const struct error *err);

/* Do types of this definition convert by webhook at all? False for the built-in types and strategy None. */
bool conversion_is_remote(const struct resource_type *type);
/* Is obj in another version than `to`, and only the webhook can tell what it is there? */
bool conversion_is_needed(const struct resource_type *to, const struct object *obj);
/*
 * Converts those of the objects that need it, some hundred with each call; at least one must. done fires
 * once, later, unless cancelled. Objects are referenced meanwhile.
 */
struct conversion *conversion_start(struct api_server *server, const struct resource_type *to,
    const struct object *const *objects, size_t len, conversion_done_fn *done, void *arg);
void conversion_cancel(struct conversion *conversion); /* NULL is accepted */
/* The server stops: calls end without a word. */
void conversion_stop(struct api_server *server);

/* conversion_review.c: the review's body, and what its answer says. Pure. */
struct conversion_review {
	const char *version;     /* of the review: "v1" or "v1beta1" */
	const char *uid;         /* which the answer repeats */
	const char *api_version; /* wanted: "ex.test/v1" */
	const struct object *const *objects;
	size_t len;
};
void conversion_write_review(struct buf *out, const struct conversion_review *review);
/*
 * Fills ret[0..len) with new objects: what the webhook made of them, with the metadata that they had: only
 * labels and annotations may change. Fails, with nothing in ret, when the answer is not one to this review or
 * converts something else.
 */
int conversion_read_review(const struct conversion_review *review, const char *body, size_t size,
    struct object **ret, struct error *err);
/* "ex.test/v1, Kind=Gadget", as upstream names a kind in messages; in the arena. */
const char *conversion_kind_text(struct arena *arena, const struct object *obj);

#endif
