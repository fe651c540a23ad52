/*
 * codec: messages to and from JSON trees, JSON text, YAML and protobuf, all driven by the schema.
 */
#ifndef CUBE_API_CODEC_H
#define CUBE_API_CODEC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct error;
struct json;
struct schema;

struct codec_warnings { /* what strict decoding finds; messages in upstream's form: unknown field "spec.foo"
			 */
	struct arena *arena;
	char **items;
	size_t len;
	size_t capacity;
};
enum { CODEC_WARNINGS_MAX = 100 }; /* as many as upstream's decoders collect: bodies can have any number */
bool codec_warnings_full(const struct codec_warnings *warnings);
/* What comes behind CODEC_WARNINGS_MAX is dropped. */
void codec_warnings_add(struct codec_warnings *warnings, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Decodes a tree. A value of the wrong type is an error (ERR_BAD_REQUEST) that names the path:
 *   spec.replicas: expected an integer, found the string "x"
 * `unknown`, when not NULL, collects unknown fields (with a suggestion when one is close); they are dropped
 * otherwise. JSON names match exactly, as in strict mode of upstream.
 */
int codec_from_json(struct arena *arena, const struct schema *schema, const struct json *tree,
    struct codec_warnings *unknown, ProtobufCMessage **ret, struct error *err);
/* Parse and decode in one go; duplicate keys go to `strict` too (upstream: duplicate field "spec.x"). */
int codec_from_json_text(struct arena *arena, const struct schema *schema, const char *text, size_t size,
    struct codec_warnings *strict, ProtobufCMessage **ret, struct error *err);
/* Appends compact JSON, byte-equal to what Go's encoder prints for the same object (with apiVersion and kind
 * first). */
void codec_to_json_text(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg);
struct json *codec_to_json(struct arena *arena, const struct schema *schema, const ProtobufCMessage *msg);

/*
 * Bare protobuf as gogo writes it: fields in number order, plain fields always present, maps sorted by key.
 * Decoding refuses nesting deeper than 128 and truncated input (ERR_BAD_REQUEST), drops unknown fields.
 */
int codec_from_proto(struct arena *arena, const struct schema *schema, const void *data, size_t size,
    ProtobufCMessage **ret, struct error *err);
void codec_to_proto(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg);

/* The stored and wire envelope: "k8s\0" + runtime.Unknown{typeMeta, raw}. */
#define CODEC_ENVELOPE_MAGIC "k8s\0"
#define CODEC_ENVELOPE_MAGIC_SIZE 4
struct codec_envelope {
	const char *api_version, *kind; /* in the arena */
	const void *raw;                /* borrowed from the input */
	size_t raw_size;
	const char *content_type;
};
bool codec_is_envelope(const void *data, size_t size);
int codec_open_envelope(
    struct arena *arena, const void *data, size_t size, struct codec_envelope *ret, struct error *err);
void codec_write_envelope(struct buf *out, const char *api_version, const char *kind,
    const struct schema *schema, const ProtobufCMessage *msg);

#endif
