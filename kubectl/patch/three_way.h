/*
 * three_way: the patch that `apply` sends. It changes and adds what differs between the live object and the
 * manifest, and deletes what the manifest before this one (the last-applied annotation) had and this one
 * lacks; what others set stays.
 */
#ifndef CUBE_KUBECTL_PATCH_THREE_WAY_H
#define CUBE_KUBECTL_PATCH_THREE_WAY_H

struct arena;
struct json;
struct schema;

/* Strategic merge patch: lists with a merge key are compared item by item. `original` may be NULL (nothing to
 * delete). */
struct json *three_way_strategic(struct arena *arena, const struct schema *schema,
    const struct json *original, const struct json *modified, const struct json *current);
/* JSON merge patch: for custom resources. */
struct json *three_way_merge(struct arena *arena, const struct json *original, const struct json *modified,
    const struct json *current);
/* From one version to the next: what `edit`, `set` and `label` send. */
struct json *two_way_strategic(struct arena *arena, const struct schema *schema, const struct json *original,
    const struct json *modified);
struct json *two_way_merge(struct arena *arena, const struct json *original, const struct json *modified);

#endif
