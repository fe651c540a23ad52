/* json_overrides: --overrides: a JSON merge patch applied here, to an object that is not on the server yet.
 */
#ifndef CUBE_KUBECTL_PATCH_JSON_OVERRIDES_H
#define CUBE_KUBECTL_PATCH_JSON_OVERRIDES_H

struct arena;
struct error;
struct json;

int json_overrides_apply(struct arena *arena, struct json *object, const char *text, struct error *err);

#endif
