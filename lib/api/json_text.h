/* json_text: JSON that stays text: RawExtension, FieldsV1 and JSON values are kept as the bytes that will be
 * printed. */
#ifndef CUBE_API_JSON_TEXT_H
#define CUBE_API_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* True for bytes that a JSON string holds as they are: printable ASCII without ", \ and what Go escapes for
 * HTML. */
static inline bool json_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* Length of the well-formed UTF-8 sequence that starts at p (no overlong forms, no surrogates), or 0. */
size_t json_utf8_len(const unsigned char *p, size_t size);
/* True when the bytes are one valid JSON value exactly as json_write() would print it: compact, escaped,
 * numbers within the range of doubles. Never recurses. */
bool json_text_is_clean(const void *text, size_t size, size_t depth_max);
/* True when a number beyond every double stands in the text, which need not be valid: *ret is where, its
 * length in *ret_size. */
bool json_text_find_huge_number(const void *text, size_t size, const char **ret, size_t *ret_size);

#endif
