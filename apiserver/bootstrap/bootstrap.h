/*
 * bootstrap: the objects that every cluster starts with: RBAC roles and bindings (policy.json), priority
 * classes and flow control (objects.json), and the configmap from which extension servers learn whom to
 * trust. On every start what is missing is created, and roles and bindings are brought up to the policy
 * unless an administrator has switched that off with the annotation
 * rbac.authorization.kubernetes.io/autoupdate: "false".
 *
 * The entry point is bootstrap_start() of apiserver/server.h; these are its pure parts.
 */
#ifndef CUBE_APISERVER_BOOTSTRAP_BOOTSTRAP_H
#define CUBE_APISERVER_BOOTSTRAP_BOOTSTRAP_H

#include <stddef.h>

struct api_options;
struct arena;
struct error;
struct object;

/* Compiled in from the JSON files; NUL-terminated. */
extern const char bootstrap_policy_json[], bootstrap_objects_json[];

/* Decodes a JSON list of objects; each is owned by the caller. RBAC objects get upstream's label and
 * annotation. */
int bootstrap_decode(
    struct arena *arena, const char *json, struct object ***ret, size_t *ret_len, struct error *err);

/*
 * What is to be written so that `stored` holds what `wanted` asks for: a changed copy (one reference), or
 * NULL when nothing is to be done. Additions of administrators are kept.
 */
struct object *bootstrap_reconcile(const struct object *stored, const struct object *wanted);

/* kube-system/extension-apiserver-authentication. */
struct object *bootstrap_trust(const struct api_options *options);

#endif
