/*
 * scale_owners: who owns the number of replicas, as the scale subresource sees it. A Scale shows one field of
 * the object behind it, so only the managers who own that field are its managers (KEP-555). Pure.
 */
#ifndef CUBE_APISERVER_PATCH_SCALE_OWNERS_H
#define CUBE_APISERVER_PATCH_SCALE_OWNERS_H

#include "apiserver/patch/managers.h"

struct json;

/* The field as a set; `path` is dotted, as in ".spec.replicas". */
struct fieldset *scale_owners_path(struct arena *arena, const char *path);
/* How many replicas the object asks for; 0 also when it does not say. */
int64_t scale_owners_count(const struct json *tree, const char *path);
/* Does anybody own the field? */
bool scale_owners_exist(const struct managers *managers, const struct fieldset *field);
/*
 * What an update through the subresource from `before` to `after` replicas means. A Scale of 0 leaves its
 * field out, so nobody owns a 0. As for whole objects, nothing is tracked where no owner is known.
 */
void scale_owners_update(struct managers *managers, const struct fieldset *field, const struct manager *self,
    int64_t before, int64_t after, int64_t now_s);

#endif
