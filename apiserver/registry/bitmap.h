/*
 * bitmap: which numbers 0 .. size-1 of a range are taken. The bytes are those that upstream stores in a
 * RangeAllocation: one big-endian number without leading zero bytes, whose bit i stands for number i.
 */
#ifndef CUBE_APISERVER_REGISTRY_BITMAP_H
#define CUBE_APISERVER_REGISTRY_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum { BITMAP_FULL = -1 };

struct bitmap {
	uint32_t size;
	uint32_t reserved; /* numbers below are given out of themselves only when all others are taken */
	uint8_t *bits;     /* bit i is bits[i / 8] >> (i % 8) & 1 */
};

void bitmap_init(struct bitmap *map, uint32_t size, uint32_t reserved); /* all free */
void bitmap_done(struct bitmap *map);
void bitmap_copy(struct bitmap *to, const struct bitmap *from); /* of the same size */
bool bitmap_equal(const struct bitmap *a, const struct bitmap *b);

bool bitmap_has(const struct bitmap *map, uint32_t i);
void bitmap_set(struct bitmap *map, uint32_t i, bool is_taken);
/* A free number, by chance; BITMAP_FULL when there is none. */
int64_t bitmap_find_free(const struct bitmap *map);

/* Appends the stored form. */
void bitmap_write(const struct bitmap *map, struct buf *out);
/* Bits that lie outside of the range are dropped. */
void bitmap_read(struct bitmap *map, const void *data, size_t size);

/*
 * How many numbers at the low end are for those who ask for one of them by number (KEP-3070): size / step,
 * but at least 16 and at most `most`; none in a range of 16 or less.
 */
uint32_t bitmap_reserved_of(uint32_t size, uint32_t step, uint32_t most);

#endif
