/* str: the small string helpers that libc lacks. Everything here accepts NULL as the empty string unless it
 * says not. */
#ifndef CUBE_BASE_STR_H
#define CUBE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

bool str_eq(const char *a, const char *b);
bool str_empty(const char *s);
const char *str_or(const char *s, const char *fallback); /* fallback when s is NULL or "" */
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
bool str_in(const char *s, const char *const *list); /* list ends with NULL */
/* Whole string as a number, nothing before or after; false and *ret untouched otherwise. */
bool str_to_int64(const char *s, int64_t *ret);
bool str_to_uint64(const char *s, uint64_t *ret);
/* Splits at every `sep`; empty pieces are kept; the array ends with NULL and lives in the arena. */
char **str_split(struct arena *arena, const char *s, char sep, size_t *ret_len);
char *str_join(struct arena *arena, const char *const *list, size_t len, const char *sep);
char *str_lower(struct arena *arena, const char *s);
/* Nearest of `list` (ends with NULL) to s by edit distance, or NULL when none is close: for "did you mean".
 */
const char *str_nearest(const char *s, const char *const *list);
/* base64.c. Into memory of at least (size + 2) / 3 * 4 bytes; returns how many were written. No NUL. */
size_t str_base64_write(char *out, const void *data, size_t size);
char *str_base64(struct arena *arena, const void *data, size_t size);
char *str_base64url(struct arena *arena, const void *data, size_t size); /* unpadded */
/* NULL on malformed input. Standard alphabet with padding, or url alphabet without. */
void *str_unbase64(struct arena *arena, const char *s, size_t len, size_t *ret_size);
void *str_unbase64url(struct arena *arena, const char *s, size_t len, size_t *ret_size);
uint64_t str_hash64(const char *s);                 /* FNV-1a */
uint32_t str_hash32(const void *data, size_t size); /* FNV-1a, 32 bit */
/* Random characters from upstream's alphabet bcdfghjklmnpqrstvwxz2456789; out has room for len + 1. */
void str_random(char *out, size_t len);
void str_uuid(char out[37]); /* random version 4 UUID */
/* The same for who needs many: 32 of them for one question to the kernel. Empty at first ({0}); a process
 * that forks and goes on in both must not share one. */
struct str_uuids {
	unsigned char bytes[32 * 16];
	size_t left; /* bytes */
};
void str_uuid_next(struct str_uuids *uuids, char out[37]);

#endif
