/*
 * strategic: strategic merge patch. What a list is merged by comes from the schema table (patchMergeKey,
 * patchStrategy); members that start with '$' direct the merge. Without a schema (below a map, in free-form
 * JSON) lists are replaced.
 */
#ifndef CUBE_APISERVER_PATCH_STRATEGIC_H
#define CUBE_APISERVER_PATCH_STRATEGIC_H

struct arena;
struct error;
struct json;
struct schema;

/*
 * target is changed; what comes from the patch is copied. ERR_BAD_REQUEST for directives that contradict
 * themselves, ERR_INVALID for elements that miss their merge key.
 */
int strategic_apply(struct arena *arena, const struct schema *schema, struct json *target,
    const struct json *patch, struct json **ret, struct error *err);

#endif
