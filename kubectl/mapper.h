/*
 * mapper: which resource a word or a kind on the command line means. Kinds that this build knows come from
 * the resource table without asking the server; everything else (custom resources, categories, other
 * versions) from discovery, which is read once when first needed.
 */
#ifndef CUBE_KUBECTL_MAPPER_H
#define CUBE_KUBECTL_MAPPER_H

#include "kubectl/kubectl.h"

struct mapping {
	const char *group, *version, *kind, *plural, *singular;
	const char *const *short_names, *const *categories; /* NULL-terminated, never NULL */
	const char *const *verbs;                           /* "get", "list", ...; NULL-terminated */
	const char *const *subresources; /* names; NULL-terminated; empty for table entries */
	bool is_namespaced;
	bool is_preferred; /* its version is the group's preferred one, or the first that has it */
	bool is_built_in;  /* the schema table knows the kind: strategic merge works */
	bool is_pending;   /* its definition is part of the same manifest: the server may not serve it yet */
};

/* "deploy", "deployments.apps", "deployments.v1.apps", "Deployment". Unknown: the server doesn't have a
 * resource type. */
int mapper_by_name(struct kubectl *k, const char *name, const struct mapping **ret, struct error *err);
/* Unknown: no matches for kind "X" in version "g/v". */
int mapper_by_kind(struct kubectl *k, const char *api_version, const char *kind, const struct mapping **ret,
    struct error *err);
/* What a CustomResourceDefinition will be served as, when it has that kind in that version; else NULL. */
const struct mapping *mapper_of_definition(
    struct kubectl *k, const struct json *definition, const char *api_version, const char *kind);
/* All mappings of the server, preferred versions and others. */
int mapper_all(struct kubectl *k, const struct mapping *const **ret, size_t *ret_len, struct error *err);
/* Preferred resources of a category: `all`. *ret_len 0: no such category. */
int mapper_by_category(
    struct kubectl *k, const char *name, const struct mapping ***ret, size_t *ret_len, struct error *err);
const struct mapping *mapper_built_in(
    struct kubectl *k, const char *plural_or_short); /* asserts that it exists */
/* The group/version's other versions as discovery lists them: "apps/v1". */
int mapper_versions(struct kubectl *k, const char *const **ret, size_t *ret_len, struct error *err);

const char *mapping_api_version(struct arena *arena, const struct mapping *m);
/* "deployment.apps", "pod": as messages and -o name print it. */
const char *mapping_kind_text(struct arena *arena, const struct mapping *m);
/* "deployments.apps", "pods": as errors print it. */
const char *mapping_resource_text(struct arena *arena, const struct mapping *m);
bool mapping_can(const struct mapping *m, const char *verb);

#endif
