/* internal: what the files of openapi/ share. */
#ifndef CUBE_APISERVER_OPENAPI_INTERNAL_H
#define CUBE_APISERVER_OPENAPI_INTERNAL_H

#include "apiserver/openapi/openapi.h"

struct buf;
struct schema;

/* One document being made. */
struct openapi_doc {
	struct arena *arena;
	const struct api_server *server;
	bool is_v3;
	struct json *definitions; /* by name: v2's definitions, v3's components.schemas */
	struct json *paths;
};

/* definitions.c: adds the definition of a schema, and of all that it refers to. */
void openapi_add_definition(struct openapi_doc *doc, const struct schema *schema);
/* A reference to the definition, which is added. */
struct json *openapi_ref(struct openapi_doc *doc, const struct schema *schema);
struct json *openapi_ref_name(struct openapi_doc *doc, const char *name);
/* custom.c: the same for a type that was added at run time. */
struct json *openapi_ref_custom(struct openapi_doc *doc, const struct resource_type *type, bool is_list);
/* paths.c: all paths of a type. */
void openapi_add_paths(struct openapi_doc *doc, const struct resource_type *type);

/* operation.c: what one method on one path does. */
enum openapi_action {
	OPENAPI_GET,
	OPENAPI_LIST,
	OPENAPI_CREATE,
	OPENAPI_REPLACE,
	OPENAPI_PATCH,
	OPENAPI_DELETE,
	OPENAPI_DELETECOLLECTION,
	OPENAPI_CONNECT
};
struct openapi_target {
	const struct resource_type *type;
	const char *subresource;            /* "" or its name */
	const char *group, *version, *kind; /* of the body */
	bool is_namespaced;                 /* the path has a namespace */
	bool is_all_namespaces;
};
struct json *openapi_operation(struct openapi_doc *doc, const struct openapi_target *target,
    enum openapi_action action, const char *method);
/* The group as operations name it: "rbacAuthorization", or with a capital; "core" for "". */
const char *openapi_group_name(struct openapi_doc *doc, const char *group, bool is_capital);
const char *openapi_capital(struct openapi_doc *doc, const char *text);
struct json *openapi_path_parameters(struct openapi_doc *doc, bool has_name, bool has_namespace);

/* discovery.c: the paths of discovery itself. */
void openapi_add_discovery(struct openapi_doc *doc);

/* gnostic.c: a v2 document as protobuf (openapi.v2.Document of the gnostic project). */
void openapi_write_gnostic(struct buf *out, const struct json *document);

/* small helpers for trees */
void openapi_text(struct openapi_doc *doc, struct json *object, const char *key, const char *text);
struct json *openapi_new(struct openapi_doc *doc, const char *key, const char *text); /* {key: text} */
struct json *openapi_texts(struct openapi_doc *doc, const char *const *list);
struct json *openapi_gvk(struct openapi_doc *doc, const char *group, const char *version, const char *kind);

#endif
