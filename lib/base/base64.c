/* base64 (RFC 4648): values pass through etcd's gateway in this form, so whole groups are looked up, not
 * computed. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"

#define DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char standard[] = DIGITS "+/", for_urls[] = DIGITS "-_";

/* Two digits for each value of twelve bits. */
/* clang-format off */
#define PAIR(a, b) {a, b}
#define ROW(a) \
	PAIR(a, 'A'), PAIR(a, 'B'), PAIR(a, 'C'), PAIR(a, 'D'), PAIR(a, 'E'), PAIR(a, 'F'), PAIR(a, 'G'), PAIR(a, 'H'), \
	PAIR(a, 'I'), PAIR(a, 'J'), PAIR(a, 'K'), PAIR(a, 'L'), PAIR(a, 'M'), PAIR(a, 'N'), PAIR(a, 'O'), PAIR(a, 'P'), \
	PAIR(a, 'Q'), PAIR(a, 'R'), PAIR(a, 'S'), PAIR(a, 'T'), PAIR(a, 'U'), PAIR(a, 'V'), PAIR(a, 'W'), PAIR(a, 'X'), \
	PAIR(a, 'Y'), PAIR(a, 'Z'), PAIR(a, 'a'), PAIR(a, 'b'), PAIR(a, 'c'), PAIR(a, 'd'), PAIR(a, 'e'), PAIR(a, 'f'), \
	PAIR(a, 'g'), PAIR(a, 'h'), PAIR(a, 'i'), PAIR(a, 'j'), PAIR(a, 'k'), PAIR(a, 'l'), PAIR(a, 'm'), PAIR(a, 'n'), \
	PAIR(a, 'o'), PAIR(a, 'p'), PAIR(a, 'q'), PAIR(a, 'r'), PAIR(a, 's'), PAIR(a, 't'), PAIR(a, 'u'), PAIR(a, 'v'), \
	PAIR(a, 'w'), PAIR(a, 'x'), PAIR(a, 'y'), PAIR(a, 'z'), PAIR(a, '0'), PAIR(a, '1'), PAIR(a, '2'), PAIR(a, '3'), \
	PAIR(a, '4'), PAIR(a, '5'), PAIR(a, '6'), PAIR(a, '7'), PAIR(a, '8'), PAIR(a, '9'), PAIR(a, '+'), PAIR(a, '/')
static const char pairs[4096][2] = {
	ROW('A'), ROW('B'), ROW('C'), ROW('D'), ROW('E'), ROW('F'), ROW('G'), ROW('H'),
	ROW('I'), ROW('J'), ROW('K'), ROW('L'), ROW('M'), ROW('N'), ROW('O'), ROW('P'),
	ROW('Q'), ROW('R'), ROW('S'), ROW('T'), ROW('U'), ROW('V'), ROW('W'), ROW('X'),
	ROW('Y'), ROW('Z'), ROW('a'), ROW('b'), ROW('c'), ROW('d'), ROW('e'), ROW('f'),
	ROW('g'), ROW('h'), ROW('i'), ROW('j'), ROW('k'), ROW('l'), ROW('m'), ROW('n'),
	ROW('o'), ROW('p'), ROW('q'), ROW('r'), ROW('s'), ROW('t'), ROW('u'), ROW('v'),
	ROW('w'), ROW('x'), ROW('y'), ROW('z'), ROW('0'), ROW('1'), ROW('2'), ROW('3'),
	ROW('4'), ROW('5'), ROW('6'), ROW('7'), ROW('8'), ROW('9'), ROW('+'), ROW('/'),
};

/* One more than the digit's value, whichever alphabet it is of; 0: no digit. */
static const unsigned char values[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9,
	['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17,
	['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25,
	['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33,
	['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41,
	['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57,
	['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63, ['/'] = 64,
	['_'] = 64,
};
/* clang-format on */

/* The one or two bytes behind the last whole group; returns the end of what was written. */
static char *encode_rest(char *p, const unsigned char *data, size_t size, const char *alphabet, bool pads)
{
	uint32_t bits = (uint32_t)data[0] << 16 | (size > 1 ? (uint32_t)data[1] << 8 : 0);
	*p++ = alphabet[bits >> 18];
	*p++ = alphabet[bits >> 12 & 63];
	if (size > 1)
		*p++ = alphabet[bits >> 6 & 63];
	for (size_t i = size; pads && i < 3; i++)
		*p++ = '=';
	return p;
}

size_t str_base64_write(char *out, const void *data, size_t size)
{
	const unsigned char *in = data;
	char *p = out;
	for (; size >= 3; size -= 3, in += 3, p += 4) {
		uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		memcpy(p, pairs[bits >> 12], 2);
		memcpy(p + 2, pairs[bits & 4095], 2);
	}
	if (size)
		p = encode_rest(p, in, size, standard, true);
	return (size_t)(p - out);
}

char *str_base64(struct arena *arena, const void *data, size_t size)
{
	char *out = arena_alloc(arena, (size + 2) / 3 * 4 + 1);
	out[str_base64_write(out, data, size)] = '\0';
	return out;
}

char *str_base64url(struct arena *arena, const void *data, size_t size)
{
	char *out = arena_alloc(arena, (size + 2) / 3 * 4 + 1);
	size_t whole = size / 3 * 3;
	char *end = out + str_base64_write(out, data, whole);
	if (whole < size)
		end = encode_rest(end, (const unsigned char *)data + whole, size - whole, for_urls, false);
	*end = '\0';
	for (char *p = out; p < end; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	return out;
}

/* 1 to 4 digits to `size` - 1 bytes; false when one is no digit. */
static bool decode_group(unsigned char *out, const unsigned char *in, size_t size)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < 4; i++) {
		uint32_t value = i < size ? values[in[i]] : 1;
		if (!value)
			return false;
		bits = bits << 6 | (value - 1);
	}
	for (size_t i = 0; i + 1 < size; i++)
		out[i] = (unsigned char)(bits >> (16 - 8 * i));
	return true;
}

static void *decode(struct arena *arena, const char *s, size_t len, const char *foreign, size_t *ret_size)
{
	if (len % 4 == 1 || memchr(s, foreign[0], len) || memchr(s, foreign[1], len))
		return NULL;
	const unsigned char *in = (const unsigned char *)s;
	unsigned char *out = arena_alloc(arena, len / 4 * 3 + 3), *p = out;
	for (; len >= 4; len -= 4, in += 4, p += 3) {
		uint32_t a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];
		uint32_t bits = (a << 18) + (b << 12) + (c << 6) + d - 0x41041;
		if (!a | !b | !c | !d)
			return NULL;
		p[0] = (unsigned char)(bits >> 16);
		p[1] = (unsigned char)(bits >> 8);
		p[2] = (unsigned char)bits;
	}
	if (len && !decode_group(p, in, len))
		return NULL;
	p += len ? len - 1 : 0;
	*p = '\0';
	if (ret_size)
		*ret_size = (size_t)(p - out);
	return out;
}

void *str_unbase64(struct arena *arena, const char *s, size_t len, size_t *ret_size)
{
	if (len % 4)
		return NULL;
	for (int pads = 0; pads < 2 && len && s[len - 1] == '='; pads++)
		len--;
	return decode(arena, s, len, "-_", ret_size);
}

void *str_unbase64url(struct arena *arena, const char *s, size_t len, size_t *ret_size)
{
	return decode(arena, s, len, "+/", ret_size);
}
