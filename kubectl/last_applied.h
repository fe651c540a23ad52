/* last_applied: the annotation in which `apply` remembers what it was last given. */
#ifndef CUBE_KUBECTL_LAST_APPLIED_H
#define CUBE_KUBECTL_LAST_APPLIED_H

struct arena;
struct json;

#define LAST_APPLIED_ANNOTATION "kubectl.kubernetes.io/last-applied-configuration"

/* What the annotation of an object holds, or NULL. */
struct json *last_applied_get(struct arena *arena, const struct json *object);
/* The text as it is; NULL when there is none. */
const char *last_applied_text(const struct json *object);
/* Puts the object as it is now into its annotation (create --save-config, apply). */
void last_applied_set(struct arena *arena, struct json *object);

#endif
