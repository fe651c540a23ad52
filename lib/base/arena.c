#include "lib/base/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, size) ASAN_POISON_MEMORY_REGION((p), (size))
#define UNPOISON(p, size) ASAN_UNPOISON_MEMORY_REGION((p), (size))
#define RED_ZONE 16 /* the gap in which the address sanitizer notices an overrun */
#else
#define POISON(p, size) ((void)(p))
#define UNPOISON(p, size) ((void)(p))
#define RED_ZONE 0
#endif

/*
 * Caches hold one arena for each object, so a small object must cost little: the first chunk is allocated
 * together with the arena and is small, later chunks grow with what the arena already holds.
 */
enum { ALIGN = 16, FIRST_SIZE = 480, CHUNK_MIN = 1024, CHUNK_MAX = 64 * 1024, TEXT_MAX = 256 };
/* Where the first chunk was made for what is expected, little can be missing: later ones are an eighth. */
enum { SIZED_CHUNK_MIN = 128, SIZED_PARTS = 8 };

struct chunk {
	struct chunk *next; /* the chunk that was current before */
	size_t size, used;  /* free are the bytes from `used` to `size`: texts lie behind them, downwards */
	_Alignas(ALIGN) char data[];
};

struct on_free {
	struct on_free *next;
	void (*fn)(void *arg);
	void *arg;
};

struct arena {
	struct chunk *current;
	struct on_free *on_free;
	size_t size;
	size_t first_size;
	bool is_sized;
	struct chunk first; /* its data follows the struct */
};

static void *must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

static size_t align_up(size_t size)
{
	if (size > SIZE_MAX - 2 * ALIGN)
		must(NULL);
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static struct arena *make(size_t first_size)
{
	struct arena *arena = must(calloc(1, sizeof(*arena) + first_size));
	arena->current = &arena->first;
	arena->first.size = arena->first_size = first_size;
	arena->size = sizeof(*arena) + first_size;
	POISON(arena->first.data, first_size);
	return arena;
}

struct arena *arena_new(void)
{
	return make(FIRST_SIZE);
}

struct arena *arena_new_sized(size_t expected)
{
	struct arena *arena = make(align_up(expected));
	arena->is_sized = true;
	return arena;
}

static void run_on_free(struct arena *arena)
{
	for (struct on_free *hook; (hook = arena->on_free);) {
		arena->on_free = hook->next;
		hook->fn(hook->arg);
	}
}

static void free_chunks(struct arena *arena)
{
	for (struct chunk *chunk = arena->current, *next; chunk; chunk = next) {
		next = chunk->next;
		UNPOISON(chunk->data, chunk->size);
		if (chunk != &arena->first)
			free(chunk);
	}
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	run_on_free(arena);
	free_chunks(arena);
	free(arena);
}

void arena_reset(struct arena *arena)
{
	run_on_free(arena);
	free_chunks(arena);
	memset(arena->first.data, 0, arena->first.used);
	memset(arena->first.data + arena->first.size, 0, arena->first_size - arena->first.size);
	arena->first.used = 0;
	arena->first.size = arena->first_size;
	arena->first.next = NULL; /* large pieces hang behind the first chunk too */
	arena->current = &arena->first;
	arena->size = sizeof(*arena) + arena->first_size;
	POISON(arena->first.data, arena->first_size);
}

static struct chunk *add_chunk(struct arena *arena, size_t size)
{
	struct chunk *chunk = must(calloc(1, sizeof(*chunk) + size));
	chunk->size = size;
	arena->size += sizeof(*chunk) + size;
	POISON(chunk->data, size);
	return chunk;
}

static void *take(struct chunk *chunk, size_t size, size_t room)
{
	void *p = chunk->data + chunk->used;
	chunk->used += room;
	UNPOISON(p, size);
	return p;
}

static size_t next_size(const struct arena *arena)
{
	size_t size = arena->size / (arena->is_sized ? SIZED_PARTS : 2);
	size_t min = arena->is_sized ? SIZED_CHUNK_MIN : CHUNK_MIN;
	return size < min ? min : size > CHUNK_MAX ? CHUNK_MAX : size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t room = align_up(size ? size : 1) + RED_ZONE;
	struct chunk *current = arena->current;
	if (room <= current->size - current->used)
		return take(current, size, room);
	size_t chunk_size = next_size(arena);
	if (room > chunk_size / 2) {
		/* A chunk of its own behind the current one, whose rest stays in use. */
		struct chunk *own = add_chunk(arena, room);
		own->next = current->next;
		current->next = own;
		return take(own, size, room);
	}
	struct chunk *fresh = add_chunk(arena, align_up(chunk_size));
	fresh->next = current;
	arena->current = fresh;
	return take(fresh, size, room);
}

void *arena_calloc(struct arena *arena, size_t len, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(len, size, &total))
		must(NULL);
	return arena_alloc(arena, total);
}

void *arena_grow(struct arena *arena, const void *old, size_t old_size, size_t new_size)
{
	if (old && new_size <= old_size)
		return (void *)old;
	struct chunk *current = arena->current;
	size_t old_room = align_up(old_size ? old_size : 1) + RED_ZONE;
	/* The last allocation of the current chunk grows where it is. */
	if (old && old_room <= current->used &&
	    (const char *)old + old_room == current->data + current->used) {
		size_t more = align_up(new_size) + RED_ZONE - old_room;
		if (more <= current->size - current->used) {
			current->used += more;
			UNPOISON(old, new_size);
			return (void *)old;
		}
	}
	void *p = arena_alloc(arena, new_size);
	if (old)
		memcpy(p, old, old_size);
	return p;
}

/*
 * Objects are mostly short texts, and each would lose half an alignment: they are packed from the chunk's end
 * downwards. Under the address sanitizer they keep their red zones instead.
 */
static char *copy_text(struct arena *arena, const char *s, size_t len)
{
	struct chunk *current = arena->current;
	char *p;
	if (RED_ZONE == 0 && len < TEXT_MAX && len + 1 <= current->size - current->used) {
		current->size -= len + 1;
		p = current->data + current->size;
	} else {
		p = arena_alloc(arena, len + 1);
	}
	memcpy(p, s, len);
	return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
	return s ? copy_text(arena, s, strnlen(s, len)) : NULL;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return s ? copy_text(arena, s, strlen(s)) : NULL;
}

void *arena_memdup(struct arena *arena, const void *p, size_t size)
{
	void *copy = arena_alloc(arena, size);
	if (size)
		memcpy(copy, p, size);
	return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	return s;
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
{
	char text[256];
	va_list again;
	va_copy(again, ap);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	assert(len >= 0);
	char *s = arena_alloc(arena, (size_t)len + 1);
	if ((size_t)len < sizeof(text))
		memcpy(s, text, (size_t)len + 1);
	else
		vsnprintf(s, (size_t)len + 1, fmt, again);
	va_end(again);
	return s;
}

size_t arena_size(const struct arena *arena)
{
	return arena->size;
}

size_t arena_used(const struct arena *arena)
{
	size_t used = arena->size - sizeof(*arena);
	for (const struct chunk *chunk = arena->current; chunk; chunk = chunk->next)
		used -= chunk->size - chunk->used + (chunk == &arena->first ? 0 : sizeof(*chunk));
	return used;
}

void arena_on_free(struct arena *arena, void (*fn)(void *arg), void *arg)
{
	struct on_free *hook = ARENA_NEW(arena, struct on_free);
	*hook = (struct on_free){arena->on_free, fn, arg};
	arena->on_free = hook;
}
