/* merge_patch: JSON merge patch, RFC 7386. */
#ifndef CUBE_APISERVER_PATCH_MERGE_PATCH_H
#define CUBE_APISERVER_PATCH_MERGE_PATCH_H

struct arena;
struct json;

/* target is changed and may be NULL; what comes from the patch is copied. Depth is that of target or patch.
 */
struct json *merge_patch_apply(struct arena *arena, struct json *target, const struct json *patch);

#endif
