/*
 * definition: a CustomResourceDefinition as it is served: one resource_type for each version, with the
 * functions that stand for a schema and hooks (struct dynamic_type). Referenced by the controller and by
 * every request to its types; never changed but for its verbs: a new definition takes its place.
 */
#ifndef CUBE_APISERVER_EXTENSIONS_DEFINITION_H
#define CUBE_APISERVER_EXTENSIONS_DEFINITION_H

#include "apiserver/extensions/custom_schema.h"
#include "lib/resources/resource.h"

struct definition;

struct custom_type {
	struct resource_type type; /* first: the functions get a pointer to it */
	struct definition *definition;
	const ApiextensionsV1__CustomResourceDefinitionVersion *version;
	struct custom_schema *schema;
	const char *api_version;
};

struct definition {
	unsigned refs;
	struct arena *arena;
	const struct object *object; /* the CustomResourceDefinition */
	const ApiextensionsV1__CustomResourceDefinition *crd;
	struct custom_type *types; /* all versions, the preferred first */
	size_t types_len;
	const struct resource_type *stored;
	void *owner;            /* the controller; NULL when it is not served any more */
	size_t deletes_running; /* of its objects, when it is being deleted */
	struct loop *loop;
	struct http_client *hooks; /* to its conversion webhook, connections kept; NULL until it is called */
};

/* Of an established definition; takes a reference to the object. */
struct definition *definition_new(const struct object *crd);
struct definition *definition_ref(struct definition *def);
void definition_unref(struct definition *def);
/* While the definition is being deleted its objects can be read and deleted, no more. */
void definition_set_terminating(struct definition *def, bool is_terminating);

/* Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1, then others by the alphabet. For qsort
 * of char *. */
int definition_compare_versions(const char *a, const char *b);

#endif
