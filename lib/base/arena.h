/*
 * arena: memory that is released all at once. A request, a decoded object, a reconcile run each own one.
 * Running out of memory aborts the process (state lives in etcd, every daemon restarts cleanly). Not thread
 * safe. All memory is zeroed and aligned to 16 bytes, but for copies of text.
 */
#ifndef CUBE_BASE_ARENA_H
#define CUBE_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* For what is kept long and whose size is known beforehand, as arena_used() told it of its like: one piece of
 * memory without a rest. More than expected may be allocated. */
struct arena *arena_new_sized(size_t expected);
void arena_free(struct arena *arena); /* NULL is accepted */
void arena_reset(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size);
void *arena_calloc(struct arena *arena, size_t len, size_t size); /* aborts on overflow */
/* Grows an array that lives in the arena; the old memory stays until the arena goes. */
void *arena_grow(struct arena *arena, const void *old, size_t old_size, size_t new_size);
char *arena_strdup(struct arena *arena, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *s, size_t len);
void *arena_memdup(struct arena *arena, const void *p, size_t size);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap);
size_t arena_size(const struct arena *arena); /* bytes taken from the system */
size_t arena_used(const struct arena *arena); /* bytes allocated from it */
/* Calls fn(arg) when the arena is freed or reset, last registered first. */
void arena_on_free(struct arena *arena, void (*fn)(void *arg), void *arg);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, len) ((type *)arena_calloc((arena), (len), sizeof(type)))

#endif
