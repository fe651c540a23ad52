/* env: a container's environment and the expansion of $(VAR), from the pod, the services and the objects
 * referred to. */
#ifndef CUBE_KUBELET_ENV_H
#define CUBE_KUBELET_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "kubelet/pods/downward.h"

struct references;

struct env_var {
	const char *name, *value;
};
struct env {
	struct arena *arena;
	struct env_var *items;
	size_t len;
};

struct env_input {
	const struct object *pod;
	const CoreV1__Container *container;
	const CoreV1__Service *const *services; /* of the pod's namespace, and default/kubernetes */
	size_t services_len;
	struct references *references;
	const struct downward_facts *facts;
};

/*
 * Own variables, then those of services that are not set already. ERR_NOT_FOUND: a reference is missing (the
 * container waits with CreateContainerConfigError). *ret_invalid (may be NULL) lists keys of envFrom that
 * can't be names, or NULL.
 */
int env_build(struct arena *arena, const struct env_input *in, struct env *ret, const char **ret_invalid,
    struct error *err);
const char *env_get(const struct env *env, const char *name); /* NULL when not set */
void env_set(struct env *env, const char *name, const char *value);
/* $(NAME) becomes its value, $$ a dollar sign, an unknown name stays as it is. */
const char *env_expand(
    struct arena *arena, const char *text, const struct env *env, const struct env *fallback);
/* Like env_expand, but an unknown name is an error (subPathExpr). */
int env_expand_strict(
    struct arena *arena, const char *text, const struct env *env, const char **ret, struct error *err);
void env_add_services(
    struct env *env, const CoreV1__Service *const *services, size_t len, const char *ns, bool links);

#endif
