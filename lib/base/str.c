#include "lib/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/arena.h"

static const char *text(const char *s)
{
	return s ? s : "";
}

bool str_eq(const char *a, const char *b)
{
	return strcmp(text(a), text(b)) == 0;
}

bool str_empty(const char *s)
{
	return !s || !*s;
}

const char *str_or(const char *s, const char *fallback)
{
	return str_empty(s) ? fallback : s;
}

bool str_has_prefix(const char *s, const char *prefix)
{
	return strncmp(text(s), text(prefix), strlen(text(prefix))) == 0;
}

bool str_has_suffix(const char *s, const char *suffix)
{
	size_t len = strlen(text(s)), suffix_len = strlen(text(suffix));
	return len >= suffix_len && strcmp(text(s) + len - suffix_len, text(suffix)) == 0;
}

bool str_in(const char *s, const char *const *list)
{
	for (; list && *list; list++)
		if (str_eq(s, *list))
			return true;
	return false;
}

/* strtol and strtoul skip blanks and take a sign; a number here is digits, after at most one minus where that
 * is legal. */
bool str_to_int64(const char *s, int64_t *ret)
{
	const char *digits = text(s);
	if (*digits == '-')
		digits++;
	if (!isdigit((unsigned char)*digits))
		return false;
	char *end;
	errno = 0;
	long long value = strtoll(s, &end, 10);
	if (errno || *end)
		return false;
	*ret = value;
	return true;
}

bool str_to_uint64(const char *s, uint64_t *ret)
{
	if (!isdigit((unsigned char)*text(s)))
		return false;
	char *end;
	errno = 0;
	unsigned long long value = strtoull(s, &end, 10);
	if (errno || *end)
		return false;
	*ret = value;
	return true;
}

char **str_split(struct arena *arena, const char *s, char sep, size_t *ret_len)
{
	s = text(s);
	size_t len = 1;
	for (const char *p = s; *p; p++)
		len += *p == sep;
	char **list = ARENA_ARRAY(arena, char *, len + 1);
	for (size_t i = 0; i < len; i++) {
		const char *end = strchrnul(s, sep);
		list[i] = arena_strndup(arena, s, (size_t)(end - s));
		s = end + 1;
	}
	if (ret_len)
		*ret_len = len;
	return list;
}

char *str_join(struct arena *arena, const char *const *list, size_t len, const char *sep)
{
	size_t size = 1, sep_len = strlen(text(sep));
	for (size_t i = 0; i < len; i++)
		size += strlen(text(list[i])) + sep_len;
	char *out = arena_alloc(arena, size), *p = out;
	for (size_t i = 0; i < len; i++) {
		if (i)
			p = stpcpy(p, text(sep));
		p = stpcpy(p, text(list[i]));
	}
	return out;
}

char *str_lower(struct arena *arena, const char *s)
{
	char *out = arena_strdup(arena, text(s));
	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	return out;
}

static size_t edit_distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	size_t a_len = strlen(a), b_len = strlen(b), row[MAX + 1];
	if (a_len > MAX || b_len > MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *str_nearest(const char *s, const char *const *list)
{
	const char *nearest = NULL;
	size_t limit = strlen(text(s)) / 3 + 1, best = limit + 1;
	for (; list && *list; list++) {
		size_t distance = edit_distance(text(s), *list);
		if (distance < best) {
			best = distance;
			nearest = *list;
		}
	}
	return nearest;
}

uint64_t str_hash64(const char *s)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (s = text(s); *s; s++)
		hash = (hash ^ (unsigned char)*s) * 0x100000001b3;
	return hash;
}

uint32_t str_hash32(const void *data, size_t size)
{
	uint32_t hash = 0x811c9dc5;
	for (const unsigned char *p = data; size--; p++)
		hash = (hash ^ *p) * 0x01000193;
	return hash;
}

static void random_bytes(void *out, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = getrandom((char *)out + done, size - done, 0);
		if (n < 0 && errno != EINTR)
			abort();
		done += n > 0 ? (size_t)n : 0;
	}
}

void str_random(char *out, size_t len)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	enum { LEN = sizeof(alphabet) - 1, FAIR = 256 / LEN * LEN };
	for (size_t i = 0; i < len;) {
		unsigned char bytes[32];
		random_bytes(bytes, sizeof(bytes));
		for (size_t j = 0; j < sizeof(bytes) && i < len; j++)
			if (bytes[j] < FAIR) /* the rest would make some characters likelier */
				out[i++] = alphabet[bytes[j] % LEN];
	}
	out[len] = 0;
}

static void write_uuid(unsigned char b[16], char out[37])
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = hex[b[i] >> 4];
		out[at++] = hex[b[i] & 15];
	}
	out[at] = '\0';
}

void str_uuid(char out[37])
{
	unsigned char b[16];
	random_bytes(b, sizeof(b));
	write_uuid(b, out);
}

void str_uuid_next(struct str_uuids *uuids, char out[37])
{
	if (uuids->left < 16) {
		random_bytes(uuids->bytes, sizeof(uuids->bytes));
		uuids->left = sizeof(uuids->bytes);
	}
	uuids->left -= 16;
	write_uuid(uuids->bytes + uuids->left, out);
}
