/* Making and copying messages: the promises at the top of schema.h are made true here. */
#include <stdlib.h>
#include <string.h>

#include "lib/api/access.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static void clone_field(struct arena *arena, const struct schema_field *f, const void *from, void *to);
static void *clone_message(struct arena *arena, const struct schema *schema, const ProtobufCMessage *msg);
static void clone_list(struct arena *arena, const struct schema_field *f, const void *from, void *to);
static ProtobufCBinaryData clone_bytes(struct arena *arena, const ProtobufCBinaryData *data);
static size_t entry_position(size_t len, void **entries, const char *key, bool *ret_found);
static int compare_entries(const void *a, const void *b);

void *api_new_schema(struct arena *arena, const struct schema *schema)
{
	ProtobufCMessage *msg = arena_alloc(arena, schema->descriptor->sizeof_message);

	msg->descriptor = schema->descriptor;
	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (f->shape != SCHEMA_SINGLE || field_is_nullable(f))
			continue;
		if (f->kind == SCHEMA_STRING)
			MEMBER(const char *, msg, f) = "";
		else if (f->kind == SCHEMA_MESSAGE)
			MEMBER(void *, msg, f) = api_new_schema(arena, f->message);
	}
	return msg;
}

void *api_new_descriptor(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
	return api_new_schema(arena, schema_of(descriptor));
}

void *api_clone_message(struct arena *arena, const ProtobufCMessage *msg)
{
	return msg ? clone_message(arena, schema_of(msg->descriptor), msg) : NULL;
}

const char *api_map_get_(size_t len, void *entries, const char *key)
{
	bool found;
	size_t at = entry_position(len, entries, key, &found);

	return found ? ((struct api_string_entry **)entries)[at]->value : NULL;
}

bool api_map_equal_(size_t a_len, void *a, size_t b_len, void *b)
{
	struct api_string_entry **x = a, **y = b;

	for (size_t i = 0; a_len == b_len && i < a_len; i++)
		if (!str_eq(x[i]->key, y[i]->key) || !str_eq(x[i]->value, y[i]->value))
			return false;
	return a_len == b_len;
}

void api_map_set_(struct arena *arena, size_t *len, void ***entries, const ProtobufCMessageDescriptor *entry,
    const char *key, const char *value)
{
	bool found;
	size_t at = entry_position(*len, *entries, key, &found);
	struct api_string_entry *e;
	void **grown;

	if (found) {
		((struct api_string_entry *)(*entries)[at])->value = arena_strdup(arena, value);
		return;
	}
	e = ARENA_NEW(arena, struct api_string_entry);
	e->base.descriptor = entry;
	e->key = arena_strdup(arena, key);
	e->value = arena_strdup(arena, value);
	grown = ARENA_ARRAY(arena, void *, *len + 1);
	if (*len > 0) {
		memcpy(grown, *entries, at * sizeof(void *));
		memcpy(grown + at + 1, *entries + at, (*len - at) * sizeof(void *));
	}
	grown[at] = e;
	*entries = grown;
	(*len)++;
}

bool api_map_remove_(size_t *len, void **entries, const char *key)
{
	bool found;
	size_t at = entry_position(*len, entries, key, &found);

	if (!found)
		return false;
	memmove(entries + at, entries + at + 1, (*len - at - 1) * sizeof(void *));
	(*len)--;
	return true;
}

/*
 * In front of an array with room to spare that api_append_() has made. Such an array lies 8 bytes off the
 * arena's alignment, which no array made elsewhere does; the mark names it and its arena. Items are added in
 * place only to the arena's own array, and only where it ends: a shallow copy of a message shares the array,
 * and the place behind the copy's last item may be taken.
 */
struct list_head {
	uint64_t spare_; /* moves the array off the alignment */
	uint32_t len, capacity;
	uint64_t mark;
};

enum { LIST_EXACT_MAX = 4 }; /* shorter ones are made anew each time: most lists stay so, and cost nothing */

static uint64_t mark_of(const struct arena *arena, void *const *items)
{
	return 0x9e3779b97f4a7c15u ^ (uintptr_t)arena ^ (uint64_t)(uintptr_t)items << 16;
}

static struct list_head *head_of(const struct arena *arena, void **items)
{
	if ((uintptr_t)items % 16 != sizeof(uint64_t))
		return NULL;
	struct list_head *head = (struct list_head *)items - 1;
	return head->mark == mark_of(arena, items) ? head : NULL;
}

static void **make_list(struct arena *arena, size_t len)
{
	if (len <= LIST_EXACT_MAX || len > UINT32_MAX / 2)
		return ARENA_ARRAY(arena, void *, len);
	struct list_head *head = arena_alloc(arena, sizeof *head + 2 * len * sizeof(void *));
	void **items = (void **)(head + 1);
	*head = (struct list_head){
	    .len = (uint32_t)len, .capacity = 2 * (uint32_t)len, .mark = mark_of(arena, items)};
	return items;
}

void api_append_(struct arena *arena, size_t *len, void ***items, void *item)
{
	struct list_head *head = *len > LIST_EXACT_MAX ? head_of(arena, *items) : NULL;

	if (head && head->len == *len && head->len < head->capacity) {
		head->len++;
	} else {
		void **grown = make_list(arena, *len + 1);

		if (*len > 0)
			memcpy(grown, *items, *len * sizeof(void *));
		*items = grown;
	}
	(*items)[(*len)++] = item;
}

size_t message_sort_entries(size_t len, void **entries)
{
	size_t kept = 0;
	bool sorted = true;

	for (size_t i = 1; i < len && sorted; i++)
		sorted = strcmp(ENTRY_KEY(entries[i - 1]), ENTRY_KEY(entries[i])) < 0;
	if (sorted)
		return len;
	/* Entries that are equal keep their order through the stable sort, so the last one given wins. */
	for (size_t width = 1; width < len; width *= 2) {
		void **merged = malloc(len * sizeof(void *));

		if (!merged)
			abort();
		for (size_t start = 0; start < len; start += 2 * width) {
			size_t a = start, a_end = start + width < len ? start + width : len;
			size_t b = a_end, b_end = start + 2 * width < len ? start + 2 * width : len;

			for (size_t out = start; out < b_end; out++) {
				bool take_a = b == b_end ||
					      (a < a_end && compare_entries(entries + a, entries + b) <= 0);

				merged[out] = take_a ? entries[a++] : entries[b++];
			}
		}
		memcpy(entries, merged, len * sizeof(void *));
		free(merged);
	}
	for (size_t i = 0; i < len; i++) {
		if (i + 1 == len || strcmp(ENTRY_KEY(entries[i]), ENTRY_KEY(entries[i + 1])) != 0)
			entries[kept++] = entries[i];
	}
	return kept;
}

static void *clone_message(struct arena *arena, const struct schema *schema, const ProtobufCMessage *msg)
{
	ProtobufCMessage *copy = arena_memdup(arena, msg, schema->descriptor->sizeof_message);

	copy->n_unknown_fields = 0;
	copy->unknown_fields = NULL;
	for (size_t i = 0; i < schema->fields_len; i++)
		clone_field(arena, &schema->fields[i], msg, copy);
	return copy;
}

/* Numbers and bools came along with the struct's memory; what has a pointer is copied behind it. */
static void clone_field(struct arena *arena, const struct schema_field *f, const void *from, void *to)
{
	if (f->shape != SCHEMA_SINGLE) {
		clone_list(arena, f, from, to);
	} else if (f->kind == SCHEMA_STRING) {
		const char *s = MEMBER(const char *, from, f);

		MEMBER(const char *, to, f) = s && *s == '\0' ? "" : arena_strdup(arena, s);
	} else if (f->kind == SCHEMA_BYTES) {
		MEMBER(ProtobufCBinaryData, to, f) =
		    clone_bytes(arena, &MEMBER(ProtobufCBinaryData, from, f));
	} else if (f->kind >= SCHEMA_MESSAGE) {
		const ProtobufCMessage *m = MEMBER(const ProtobufCMessage *, from, f);

		MEMBER(void *, to, f) = m ? clone_message(arena, f->message, m) : NULL;
	}
}

static void clone_list(struct arena *arena, const struct schema_field *f, const void *from, void *to)
{
	size_t len = MEMBER_COUNT(from, f);
	const void *items = MEMBER(const void *, from, f);
	size_t size = f->shape == SCHEMA_MAP ? sizeof(void *) : field_element_size(f);
	const struct schema *message = f->shape == SCHEMA_MAP ? f->entry : f->message;
	void *copy;

	if (!items)
		return;
	copy = arena_calloc(arena, len > 0 ? len : 1, size);
	if (len > 0)
		memcpy(copy, items, len * size);
	MEMBER(void *, to, f) = copy;
	for (size_t i = 0; i < len; i++) {
		if (message)
			((void **)copy)[i] = clone_message(arena, message, ((void *const *)items)[i]);
		else if (f->kind == SCHEMA_STRING)
			((char **)copy)[i] = arena_strdup(arena, ((char *const *)items)[i]);
		else if (f->kind == SCHEMA_BYTES)
			((ProtobufCBinaryData *)copy)[i] =
			    clone_bytes(arena, (const ProtobufCBinaryData *)items + i);
	}
}

static ProtobufCBinaryData clone_bytes(struct arena *arena, const ProtobufCBinaryData *data)
{
	ProtobufCBinaryData copy = {.len = data->len};

	if (data->data)
		copy.data =
		    data->len > 0 ? arena_memdup(arena, data->data, data->len) : arena_alloc(arena, 1);
	return copy;
}

static size_t entry_position(size_t len, void **entries, const char *key, bool *ret_found)
{
	size_t low = 0, high = len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(key, ENTRY_KEY(entries[middle]));

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_found = false;
	return low;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(ENTRY_KEY(*(void *const *)a), ENTRY_KEY(*(void *const *)b));
}
