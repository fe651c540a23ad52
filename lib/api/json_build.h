/*
 * json_build: trees from a stream of events, for the JSON and the YAML parser. Open containers wait on a
 * stack of their own, so the depth of the text costs no C stack; limits and duplicate keys are dealt with
 * here.
 */
#ifndef CUBE_API_JSON_BUILD_H
#define CUBE_API_JSON_BUILD_H

#include "lib/api/json.h"

struct error;

struct json_frame {
	bool is_object;
	size_t start; /* where its children begin on the builder's stack */
	size_t weak;  /* the first so many children give way silently to later ones with the same key (YAML's
			 merge) */
	const char *key; /* object: of the child that comes next */
};

struct json_builder {
	struct arena *arena;
	const struct json_limits *limits;
	struct json_frame *frames; /* the open containers, outermost first */
	size_t frames_capacity;
	size_t depth, depth_max;
	struct json_member *children; /* of all open containers; array items have no key */
	size_t len, capacity;
	struct json *root;
	struct error *err;
};

/* limits may be NULL. Fails with ERR_TOO_LARGE when the text is too long. Release with json_build_done()
 * always. */
int json_build_init(struct json_builder *b, struct arena *arena, const struct json_limits *limits,
    size_t size, struct error *err);
void json_build_done(struct json_builder *b);
size_t json_build_size_max(const struct json_builder *b);

int json_build_open(struct json_builder *b, bool is_object);
struct json *json_build_close(struct json_builder *b); /* the container, already added to its parent */
int json_build_key(struct json_builder *b, const char *text, size_t size);
int json_build_scalar(
    struct json_builder *b, enum json_type type, bool boolean, const char *text, size_t size);
void json_build_add(struct json_builder *b, struct json *value);
static inline struct json_frame *json_build_frame(struct json_builder *b)
{
	return b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
}

#endif
