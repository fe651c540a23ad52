/*
 * custom_schema: the OpenAPI schema of one version of a custom resource, compiled: defaults and enums parsed,
 * patterns ready to run, properties sorted. What a built-in kind finds in the schema table is done here over
 * JSON trees: unknown fields pruned, defaults filled in, values checked. Rules: KEP 1693 (structural schemas)
 * and the "Vanilla OpenAPI" subset of JSON Schema.
 */
#ifndef CUBE_APISERVER_EXTENSIONS_CUSTOM_SCHEMA_H
#define CUBE_APISERVER_EXTENSIONS_CUSTOM_SCHEMA_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/apiextensions_v1.pb-c.h"

struct arena;
struct codec_warnings;
struct field_errors;
struct field_path;
struct json;

enum custom_value {
	CUSTOM_ANY, /* the schema names no type */
	CUSTOM_ARRAY,
	CUSTOM_BOOLEAN,
	CUSTOM_INTEGER,
	CUSTOM_NUMBER,
	CUSTOM_OBJECT,
	CUSTOM_STRING
};

struct custom_property {
	const char *name;
	struct custom_schema *schema;
};

struct custom_schema_list {
	struct custom_schema **items;
	size_t len;
};

struct custom_schema {
	const ApiextensionsV1__JSONSchemaProps
	    *props; /* bounds, required, list type; borrowed from the definition */
	enum custom_value type;
	bool is_nullable, is_int_or_string, is_embedded;
	bool preserves_unknown;
	bool never_prunes;                  /* of a root: spec.preserveUnknownFields of the definition */
	struct custom_property *properties; /* sorted by name */
	size_t properties_len;
	struct custom_schema *items;
	bool allows_additional;           /* additionalProperties is there... */
	struct custom_schema *additional; /* ...and describes them, or NULL */
	struct json *default_value;       /* NULL: none */
	struct json **enum_values;
	size_t enum_len;
	struct arena *arena;
	regex_t *pattern; /* made when it is first needed; NULL after: one that cannot be run */
	bool has_pattern;
	struct custom_schema_list all_of, any_of, one_of;
	struct custom_schema *not_;
};

/* Lives in the arena; props must outlive it. NULL gives NULL. */
struct custom_schema *custom_schema_compile(
    struct arena *arena, const ApiextensionsV1__JSONSchemaProps *props);
const struct custom_schema *custom_schema_property(const struct custom_schema *schema, const char *name);

/*
 * Takes from an object's tree what the schema does not know. `unknown`, when not NULL, gets a text for each
 * (unknown field "spec.x"). Returns whether anything was taken. schema NULL: nothing is known but the type
 * and metadata.
 */
bool custom_schema_prune(
    const struct custom_schema *schema, struct json *tree, struct codec_warnings *unknown);
void custom_schema_note_unknown(struct codec_warnings *unknown, const struct field_path *path);
/*
 * Fills in defaults, also for nulls where null is no value; nulls that are no value and have no default are
 * dropped. Returns whether anything changed.
 */
bool custom_schema_default(struct arena *arena, const struct custom_schema *schema, struct json *tree);
/*
 * Checks an object's tree. What is the same in `old` (NULL: none) is not complained about: a stricter schema
 * must not keep clients from changing other fields (KEP 4008, ratcheting).
 */
void custom_schema_validate(const struct custom_schema *schema, const struct json *tree,
    const struct json *old, struct field_errors *errors);

/* lists.c: items of sets and keys of maps are unique. */
void custom_schema_validate_lists(const struct custom_schema *schema, const struct json *v,
    const struct field_path *path, struct field_errors *errors);

/* pattern.c: a regular expression in RE2's syntax, as far as POSIX can run it. NULL when it cannot. */
regex_t *custom_pattern_compile(struct arena *arena, const char *pattern);
/* format.c: NULL when the text has the format, or the format is none that is checked; else what is wrong. */
const char *custom_format_check(const char *format, const char *text);

#endif
