/*
 * schema: the one table that describes every type of the API, made at build time from the .proto files and
 * their options (proto/cube/options.proto). Everything generic is driven by it: JSON, YAML and protobuf
 * codecs, clone, compare, defaulting, structural validation, strategic merge, server-side apply, explain,
 * OpenAPI.
 *
 * C structs are protobuf-c's (`CoreV1__Pod`). What the table adds, and what every maker of objects keeps
 * true:
 *  - A field whose Go type is no pointer ("plain" here) is never NULL when it is a string ("" instead) or an
 * embedded message (an empty one instead; exceptions below). So pod->spec->node_name needs no test. api_new()
 * and all decoders see to that.
 *  - A plain number or bool is read directly; its has_ member means nothing and encoders ignore it.
 *  - A field whose Go type is a pointer (SCHEMA_NULLABLE) is NULL, or has_ is false, when it is not set.
 *  - Time, MicroTime, Quantity, IntOrString, RawExtension, FieldsV1, JSON, Duration and the like are special
 * kinds: their struct pointer is NULL when the value is not set (zero), also for plain fields.
 *  - map<> fields are arrays of entries {base, key, value}, sorted by key, keys unique.
 *  - Elements of lists and values of maps are never NULL.
 *  - A list or map of length 0 is nil when its array is NULL, else empty; that only shows in JSON where a
 * field without SCHEMA_OMITEMPTY prints null or []. The items of a list kind always print [].
 */
#ifndef CUBE_API_SCHEMA_H
#define CUBE_API_SCHEMA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct schema;

enum schema_kind {
	SCHEMA_STRING, /* char *  */
	SCHEMA_BOOL,   /* protobuf_c_boolean */
	SCHEMA_INT32,
	SCHEMA_INT64,
	SCHEMA_DOUBLE,
	SCHEMA_BYTES, /* ProtobufCBinaryData; base64 in JSON */
	SCHEMA_MESSAGE,
	/* messages with a JSON form of their own */
	SCHEMA_TIME,            /* MetaV1__Time, RFC 3339 seconds in JSON */
	SCHEMA_MICRO_TIME,      /* MetaV1__MicroTime, RFC 3339 with six decimals */
	SCHEMA_DURATION,        /* MetaV1__Duration, Go's duration text */
	SCHEMA_QUANTITY,        /* Resource__Quantity */
	SCHEMA_INT_OR_STRING,   /* Intstr__IntOrString */
	SCHEMA_RAW_EXTENSION,   /* Runtime__RawExtension: any JSON object */
	SCHEMA_FIELDS_V1,       /* MetaV1__FieldsV1: JSON bytes */
	SCHEMA_JSON,            /* ApiextensionsV1__JSON: any JSON value */
	SCHEMA_JSON_OR_BOOL,    /* ApiextensionsV1__JSONSchemaPropsOrBool */
	SCHEMA_JSON_OR_ARRAY,   /* ApiextensionsV1__JSONSchemaPropsOrArray */
	SCHEMA_JSON_OR_STRINGS, /* ApiextensionsV1__JSONSchemaPropsOrStringArray */
	SCHEMA_STRINGS          /* ExtraValue, MetaV1__Verbs: a list of strings, wrapped in protobuf only */
};

enum schema_shape { SCHEMA_SINGLE, SCHEMA_LIST, SCHEMA_MAP };

enum schema_list_type {
	SCHEMA_LIST_ATOMIC,
	SCHEMA_LIST_SET,
	SCHEMA_LIST_MAP
}; /* what +listType says; default atomic */

enum {
	SCHEMA_INLINE = 1 << 0,            /* JSON: the members of this message stand in the parent */
	SCHEMA_OMITEMPTY = 1 << 1,         /* JSON: dropped when zero, empty or nil */
	SCHEMA_NULLABLE = 1 << 2,          /* the Go type is a pointer */
	SCHEMA_REQUIRED = 1 << 3,          /* API: must be given (declarative validation, OpenAPI) */
	SCHEMA_IMMUTABLE = 1 << 4,         /* API: must not change on update */
	SCHEMA_ATOMIC = 1 << 5,            /* +structType=atomic or +mapType=atomic */
	SCHEMA_PATCH_MERGE = 1 << 6,       /* patchStrategy merge */
	SCHEMA_PATCH_RETAIN_KEYS = 1 << 7, /* patchStrategy retainKeys */
	SCHEMA_PATCH_REPLACE = 1 << 8,
	SCHEMA_NOT_IN_JSON = 1 << 9, /* json:"-" */
	SCHEMA_DEPRECATED = 1 << 10,
	SCHEMA_TYPED = 1 << 11, /* JSON: values print their kind and apiVersion */
};

struct schema_field {
	const char *json; /* upstream's JSON name; "" for an inline message */
	uint32_t number;  /* protobuf field number */
	uint8_t kind, shape, list_type;
	uint16_t flags;
	uint32_t offset;            /* of the value, the pointer, or the array pointer in the struct */
	uint32_t quantifier_offset; /* of has_x or n_x; 0 when there is none */
	const struct schema
	    *message;                /* for SCHEMA_MESSAGE and special kinds; for maps: the value's message */
	const struct schema *entry;  /* maps: the entry message (key at field 1, value at field 2) */
	const char *patch_merge_key; /* NULL when none */
	const char *const *list_map_keys; /* NULL-terminated, NULL when none */
	const char *default_value;        /* JSON text of the declared default, or NULL */
	const char *const *enum_values;   /* NULL-terminated, or NULL */
	const char *format;               /* dns-label, dns-subdomain, qualified-name, ip, port, ...:
					     lib/resources/validate.c has the table */
	int64_t minimum, maximum;         /* both 0: unbounded */
	const char *doc;                  /* one or two sentences of our own, or NULL */
};

struct schema {
	const char *name; /* OpenAPI definition name: io.k8s.api.core.v1.Pod */
	/* Set for kinds (messages with TypeMeta), else NULL. Their JSON has kind and apiVersion, which no
	 * field stands for. */
	const char *group, *version, *kind;
	const char *doc;
	uint8_t special; /* SCHEMA_TIME..., or SCHEMA_MESSAGE for an ordinary one */
	const ProtobufCMessageDescriptor *descriptor;
	const struct schema_field
	    *fields; /* in upstream's declaration order, which is also JSON output order */
	size_t fields_len;
	const uint16_t *by_name; /* indexes into fields sorted by json name; inline messages excluded */
	size_t by_name_len;
	const uint16_t *by_number; /* indexes into fields in the order of their numbers; fields_len of them */
};

/* The schema of a message; NULL for one that is none of ours. */
const struct schema *schema_of(const ProtobufCMessageDescriptor *descriptor);
const struct schema *schema_by_name(const char *openapi_name);
/* The schema of a kind; group "" is core. NULL when unknown. */
const struct schema *schema_by_gvk(const char *group, const char *version, const char *kind);
/* Field by JSON name, looking through inline members; NULL when there is none. */
const struct schema_field *schema_find(const struct schema *schema, const char *json_name);
/* Field by a dotted path "spec.template.spec.containers", stepping through lists and maps. */
const struct schema_field *schema_find_path(const struct schema *schema, const char *path);
size_t schema_count(void);
const struct schema *schema_at(size_t i); /* 0 <= i < schema_count(), sorted by name */

/* Lists are sorted like upstream's Go maps when printed: map keys in byte order. */

/* A new message with the promises above kept: plain strings "", plain embedded messages allocated. */
void *api_new_schema(struct arena *arena, const struct schema *schema);
void *api_new_descriptor(struct arena *arena, const ProtobufCMessageDescriptor *descriptor);
/* CoreV1__Pod *pod = API_NEW(arena, core_v1__pod); */
#define API_NEW(arena, lower) api_new_descriptor((arena), &lower##__descriptor)

/* Deep copy into arena; the result shares no memory with msg. The type is kept: CoreV1__Pod *c = api_clone(a,
 * pod). */
void *api_clone_message(struct arena *arena, const ProtobufCMessage *msg);
#define api_clone(arena, msg)                                                                                \
	((__typeof__(&(*(msg))))api_clone_message(                                                           \
	    (arena), 1 ? (const ProtobufCMessage *)(msg) : &(msg)->base))
/* Semantic equality as upstream's equality.Semantic: nil and empty lists are equal, quantities by value.
 * NULLs allowed. */
bool api_equal_message(const ProtobufCMessage *a, const ProtobufCMessage *b);
#define api_equal(a, b) api_equal_message((const ProtobufCMessage *)(a), (const ProtobufCMessage *)(b))

/*
 * Maps with string values. entries is the array member, e.g. meta->labels with meta->n_labels; all string
 * maps have the same layout whatever their C type is. api_map_get returns NULL when absent. api_map_set keeps
 * the order by key. api_map_equal(a, b, labels): the same keys with the same values.
 */
struct api_string_entry {
	ProtobufCMessage base;
	char *key;
	char *value;
};
const char *api_map_get_(size_t len, void *entries, const char *key);
#define api_map_get(owner, member, key) api_map_get_((owner)->n_##member, (void *)(owner)->member, (key))
void api_map_set_(struct arena *arena, size_t *len, void ***entries, const ProtobufCMessageDescriptor *entry,
    const char *key, const char *value);
bool api_map_remove_(size_t *len, void **entries, const char *key);
bool api_map_equal_(size_t a_len, void *a, size_t b_len, void *b);
#define api_map_equal(a, b, member)                                                                          \
	api_map_equal_((a)->n_##member, (void *)(a)->member, (b)->n_##member, (void *)(b)->member)
/* api_map_set(arena, meta, labels, meta_v1__object_meta__labels_entry, "app", "web") */
#define api_map_set(arena, owner, member, entry_lower, key, value)                                           \
	api_map_set_((arena), &(owner)->n_##member, (void ***)&(owner)->member, &entry_lower##__descriptor,  \
	    (key), (value))
#define api_map_remove(owner, member, key)                                                                   \
	api_map_remove_(&(owner)->n_##member, (void **)(owner)->member, (key))

/*
 * Appends to a repeated message or string member: api_append(arena, spec, containers, c). The array may move;
 * a shallow copy of the message, which shares it, keeps what it has and can be appended to by itself. When
 * the length is known, set the member to an ARENA_ARRAY at once.
 */
void api_append_(struct arena *arena, size_t *len, void ***items, void *item);
#define api_append(arena, owner, member, item)                                                               \
	api_append_((arena), &(owner)->n_##member, (void ***)&(owner)->member, (item))

#endif
