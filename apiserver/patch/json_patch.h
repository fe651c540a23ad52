/* json_patch: RFC 6902, JSON pointers (RFC 6901) included. */
#ifndef CUBE_APISERVER_PATCH_JSON_PATCH_H
#define CUBE_APISERVER_PATCH_JSON_PATCH_H

struct arena;
struct error;
struct json;

enum {
	JSON_PATCH_OPERATIONS_MAX = 10000,
	JSON_PATCH_DEPTH_MAX = 200, /* of the result; codecs take a little more */
	JSON_PATCH_COPIED_MAX =
	    3 * 1000000, /* values that the copy operations of one patch may make in all */
};

/*
 * Applies the operations in order to `doc`, which is changed; *ret is the document after them (another one
 * when the root was replaced). All or nothing is up to the caller: drop doc on failure. Errors:
 * ERR_BAD_REQUEST for a patch that is no list of operations, ERR_TOO_LARGE for too many of them, ERR_INVALID
 * for one that cannot be applied.
 */
int json_patch_apply(
    struct arena *arena, struct json *doc, const struct json *patch, struct json **ret, struct error *err);

#endif
