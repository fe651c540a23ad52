#include "apiserver/registry/bitmap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"

enum { RESERVED_MIN = 16 };

static size_t bytes_of(const struct bitmap *map)
{
	return (map->size + 7) / 8;
}

void bitmap_init(struct bitmap *map, uint32_t size, uint32_t reserved)
{
	*map = (struct bitmap){.size = size, .reserved = reserved};
	map->bits = calloc(bytes_of(map) + 1, 1);
	if (!map->bits)
		abort();
}

void bitmap_done(struct bitmap *map)
{
	free(map->bits);
	map->bits = NULL;
}

void bitmap_copy(struct bitmap *to, const struct bitmap *from)
{
	memcpy(to->bits, from->bits, bytes_of(from));
}

bool bitmap_equal(const struct bitmap *a, const struct bitmap *b)
{
	return a->size == b->size && !memcmp(a->bits, b->bits, bytes_of(a));
}

bool bitmap_has(const struct bitmap *map, uint32_t i)
{
	return map->bits[i / 8] >> (i % 8) & 1;
}

void bitmap_set(struct bitmap *map, uint32_t i, bool is_taken)
{
	uint8_t bit = (uint8_t)(1u << (i % 8));
	map->bits[i / 8] = (uint8_t)(is_taken ? map->bits[i / 8] | bit : map->bits[i / 8] & ~bit);
}

/* From a number by chance on, around; whole bytes that are taken are stepped over. */
static int64_t scan(const struct bitmap *map, uint32_t first, uint32_t end)
{
	uint32_t len = end - first, start = len ? (uint32_t)random() % len : 0;
	for (uint32_t i = 0; i < len; i++) {
		uint32_t at = first + (start + i) % len;
		if (at % 8 == 0 && map->bits[at / 8] == 0xff && at + 8 <= end && start + i + 8 <= len) {
			i += 7;
			continue;
		}
		if (!bitmap_has(map, at))
			return at;
	}
	return BITMAP_FULL;
}

int64_t bitmap_find_free(const struct bitmap *map)
{
	int64_t at = scan(map, map->reserved, map->size);
	return at == BITMAP_FULL ? scan(map, 0, map->reserved) : at;
}

void bitmap_write(const struct bitmap *map, struct buf *out)
{
	size_t n = bytes_of(map);
	while (n > 0 && !map->bits[n - 1])
		n--;
	while (n > 0)
		buf_putc(out, (char)map->bits[--n]);
}

void bitmap_read(struct bitmap *map, const void *data, size_t size)
{
	const uint8_t *in = data;
	size_t n = bytes_of(map);
	memset(map->bits, 0, n);
	for (size_t i = 0; i < n && i < size; i++)
		map->bits[i] = in[size - 1 - i];
	for (uint32_t i = map->size; i < n * 8; i++)
		bitmap_set(map, i, false);
}

uint32_t bitmap_reserved_of(uint32_t size, uint32_t step, uint32_t most)
{
	if (size <= RESERVED_MIN)
		return 0;
	uint32_t n = size / step;
	return n < RESERVED_MIN ? RESERVED_MIN : n > most ? most : n;
}
