/*
 * resource: one entry for each kind that the API serves: how it is named, where it is stored, what it can do,
 * and the hooks (the strategy) in which it differs from the generic behaviour. lib/resources/resources.def
 * lists them all; routes, storage, watch cache, informers, kubectl and OpenAPI iterate this table.
 *
 * Hooks are pure: they see the object (mutable where it says so) and a context, do no I/O, and every one may
 * be NULL.
 */
#ifndef CUBE_RESOURCES_RESOURCE_H
#define CUBE_RESOURCES_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/api/field_errors.h"
#include "lib/api/object.h"

struct arena;
struct codec_warnings;
struct schema;
struct table_row;

enum resource_verb { /* bits */
	VERB_CREATE = 1,
	VERB_DELETE = 2,
	VERB_DELETECOLLECTION = 4,
	VERB_GET = 8,
	VERB_LIST = 16,
	VERB_PATCH = 32,
	VERB_UPDATE = 64,
	VERB_WATCH = 128,
	VERB_ALL = 255
};

/* clang-format off */
enum { /* flags */
	RESOURCE_NAMESPACED = 1 << 0,
	RESOURCE_STATUS = 1 << 1,            /* has /status */
	RESOURCE_SCALE = 1 << 2,             /* has /scale */
	RESOURCE_CREATE_ON_UPDATE = 1 << 3,  /* PUT to a missing object creates it (leases, events, ...) */
	RESOURCE_UNCONDITIONAL_UPDATE = 1 << 4, /* PUT without resourceVersion is allowed */
	RESOURCE_GRACEFUL_DELETE = 1 << 5,   /* pods */
	RESOURCE_VIRTUAL = 1 << 6,           /* reviews, bindings, componentstatuses: never stored */
	RESOURCE_ORPHAN_DEFAULT = 1 << 7,    /* default propagation is orphan (replicationcontrollers, ...) */
	RESOURCE_HIDDEN_VERSION = 1 << 8,    /* another version of another entry: converts to and from `stored_as` */
	RESOURCE_HAS_GENERATION = 1 << 9,    /* metadata.generation is kept: 1 on create, +1 on spec changes */
	RESOURCE_DECLARATIVE = 1 << 10,      /* `required` and `enum` in proto/ are validation rules, not only documentation */
	RESOURCE_FIXED_GENERATION = 1 << 12, /* the generation stays 1 */
	RESOURCE_KEEP_STATUS = 1 << 11,      /* a create may carry a status: nodes register themselves with theirs */
};
/* clang-format on */

struct table_column {
	const char *name, *type, *format, *description; /* format "name" for the NAME column, else "" */
	int priority;                                   /* > 0: only with -o wide */
};

struct resource_context {
	struct arena
	    *arena; /* for what a hook returns; what it adds to an object lives in the object's own arena */
	int64_t now_s;           /* wall clock */
	const char *subresource; /* "", "status", "scale", ... */
	bool is_update;          /* validate: the object exists already, and validate_update follows */
	/* The version that the client speaks, when the hook sees an object that was converted; else NULL. */
	const struct resource_type *requested;
};

struct resource_type;
/*
 * What a type that is made at run time (a custom resource) has instead of a schema and hooks of its own: its
 * objects are JSON trees, and one set of functions serves all such types and is told which one it is about.
 */
struct dynamic_type {
	/* Requests may outlive the type. */
	void (*ref)(const struct resource_type *type);
	void (*unref)(const struct resource_type *type);
	const char *(*api_version)(const struct resource_type *type);
	/*
	 * A tree that a client has sent: what the schema does not know is taken away and, when `unknown` is
	 * not NULL, listed there. Fails when it is not of the type.
	 */
	int (*decode)(const struct resource_type *type, struct json *tree, struct codec_warnings *unknown,
	    struct error *err);
	/* An object as it was stored, brought to this version; true when that changed more than the version.
	 */
	bool (*load)(const struct resource_type *type, struct object *obj);
	/* An object of another version of the kind becomes one of this. */
	int (*convert)(const struct resource_type *type, struct object *obj, struct error *err);
	void (*defaults)(const struct resource_type *type, struct object *obj);
	void (*validate)(const struct resource_type *type, const struct object *obj, const struct object *old,
	    struct field_errors *errors);
	const char *(*field)(const struct resource_type *type, const struct object *obj, const char *name,
	    struct arena *arena);
	void (*cells)(const struct resource_type *type, const struct object *obj,
	    const struct resource_context *ctx, struct json **cells);
};

struct resource_type {
	const char *group, *version, *kind, *list_kind;
	const char *plural, *singular;
	const char *const *short_names; /* NULL-terminated or NULL */
	const char *const *categories;
	uint32_t flags;
	uint32_t verbs;
	const char *storage_prefix;  /* etcd key prefix without a slash at the end: "/registry/pods" */
	const struct schema *schema; /* of the kind in this version; resolved by resources_init() */
	const struct schema *list_schema;
	const struct resource_type *stored_as; /* the entry whose version is stored; itself for most */

	const char *error_group; /* the group that errors about an invalid object name; NULL: group */
	const char *name_format; /* of metadata.name (lib/resources/formats.h); NULL: dns-subdomain */

	/* Declarative defaults of the schema have been applied before; this adds what depends on other
	 * fields. */
	void (*defaults)(struct object *obj, const struct resource_context *ctx);
	/* Clears what a client may not set on create (status) and on update (status, immutable server-owned
	 * fields). */
	void (*prepare_create)(struct object *obj, const struct resource_context *ctx);
	void (*prepare_update)(
	    struct object *obj, const struct object *old, const struct resource_context *ctx);
	void (*prepare_status_update)(
	    struct object *obj, const struct object *old, const struct resource_context *ctx);
	/* Schema rules (required, enum, format, bounds, immutable) and metadata have been checked before. */
	void (*validate)(
	    const struct object *obj, const struct resource_context *ctx, struct field_errors *errors);
	void (*validate_update)(const struct object *obj, const struct object *old,
	    const struct resource_context *ctx, struct field_errors *errors);
	void (*validate_status_update)(const struct object *obj, const struct object *old,
	    const struct resource_context *ctx, struct field_errors *errors);
	/* Values of selectable fields besides metadata.name and metadata.namespace; NULL for an unknown
	 * field. */
	const char *const *field_selectors; /* NULL-terminated names: "spec.nodeName", "status.phase" */
	const char *(*field)(const struct object *obj, const char *name, struct arena *arena);
	/* Table. Without hook: Name and Created At. cells[i] are JSON values in ctx->arena. */
	const struct table_column *columns;
	size_t columns_len;
	void (*cells)(const struct object *obj, const struct resource_context *ctx, struct json **cells);
	/*
	 * Conversion between versions, on the hidden entry: fills dst (an empty object) from src, either way;
	 * which is which shows in src->schema. NULL: both versions have the same JSON. Call
	 * resource_convert().
	 */
	int (*convert)(const struct object *src, struct object *dst, struct error *err);
	/* Grace period in seconds for a DELETE that names none; negative: immediate. Pods only. */
	int64_t (*default_grace_s)(const struct object *obj);
	/* JSON paths for the scale subresource. */
	const char *scale_spec_replicas, *scale_status_replicas, *scale_selector;
	const char *deprecation;            /* a warning for who uses this version, or NULL */
	const struct dynamic_type *dynamic; /* NULL for the types of the table */
};

/* What is served below an object besides /status and /scale, which come from the flags.
 * lib/resources/subresources.def. */
struct subresource_type {
	const struct resource_type *parent;
	const char *name;                   /* "log" */
	const char *group, *version, *kind; /* of the body; group and version "" for the parent's own */
	uint32_t verbs;
};

void resources_init(void); /* once, at the start of every process; resolves schemas */
size_t resources_count(void);
const struct resource_type *resources_at(size_t i); /* in resources.def's order */
const struct resource_type *resource_by_plural(const char *group, const char *version, const char *plural);
const struct resource_type *resource_by_kind(const char *group, const char *version, const char *kind);
/* The preferred (first listed) version; NULL group matches any: as kubectl resolves "deploy", "pods", "po".
 */
const struct resource_type *resource_by_any_name(const char *name);
/* NULL for a custom resource. */
const struct resource_type *resource_of(const struct object *obj);
const char *resource_api_version(const struct resource_type *type); /* "apps/v1", "v1" */

size_t subresources_count(void);
const struct subresource_type *subresources_at(size_t i);
const struct subresource_type *subresource_find(
    const struct resource_type *parent, const char *name); /* or NULL */

/* Entries by C name for code that knows its kind: &resource_pods. One is defined for every line of
 * resources.def. */
#define RESOURCE(symbol, ...) extern const struct resource_type *const resource_##symbol;
#include "lib/resources/resources.def"
#undef RESOURCE

/* The generic parts, in the order in which the API server calls them. */
void resource_apply_defaults(
    const struct resource_type *type, struct object *obj, const struct resource_context *ctx);
/*
 * What a client may not write: a create gets an empty status, an update keeps the old status, a status update
 * keeps everything but metadata and status. Then the kind's prepare hook.
 */
void resource_prepare_create(
    const struct resource_type *type, struct object *obj, const struct resource_context *ctx);
void resource_prepare_update(const struct resource_type *type, struct object *obj, const struct object *old,
    const struct resource_context *ctx);
void resource_prepare_status_update(const struct resource_type *type, struct object *obj,
    const struct object *old, const struct resource_context *ctx);
void resource_validate(const struct resource_type *type, const struct object *obj,
    const struct resource_context *ctx,
    struct field_errors *errors); /* metadata, schema rules, then the hook */
void resource_validate_update(const struct resource_type *type, const struct object *obj,
    const struct object *old, const struct resource_context *ctx, struct field_errors *errors);
/* resource_validate_update for a write to /status: metadata rules and the status hook only. */
void resource_validate_status_update(const struct resource_type *type, const struct object *obj,
    const struct object *old, const struct resource_context *ctx, struct field_errors *errors);
/* The group to name in a 422: upstream knows some kinds by the group that they first lived in. */
const char *resource_error_group(const struct resource_type *type);
/* src in another version of its kind: `to` is src's type, its stored_as, or an entry with the same stored_as.
 */
int resource_convert(
    const struct object *src, const struct resource_type *to, struct object **ret, struct error *err);
/* A selectable field including metadata.name and metadata.namespace; NULL when the kind does not support it.
 */
const char *resource_field(
    const struct resource_type *type, const struct object *obj, const char *name, struct arena *arena);
/* Table cells: type's columns, or Name and Age. ret_cells has *ret_len values in ctx->arena. */
void resource_columns(const struct resource_type *type, const struct table_column **ret, size_t *ret_len);
void resource_cells(const struct resource_type *type, const struct object *obj,
    const struct resource_context *ctx, struct json **ret_cells);

#endif
