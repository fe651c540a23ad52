/* Selectors: what is read prints as text that reads back and prints the same; of field selectors, the terms
 * written anew with their escapes are the same terms. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/api/labels.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\,=", *text))
			buf_putc(out, '\\');
		buf_putc(out, *text);
	}
}

static void check_fields(struct arena *arena, const struct field_selector *fields)
{
	struct buf text = BUF_INIT;
	struct field_selector *again = NULL;

	for (size_t i = 0; i < fields->len; i++) {
		/* A field that ends with an exclamation mark has no way to be written with "=" behind it. */
		if (strchr(fields->terms[i].field, '!')) {
			buf_done(&text);
			return;
		}
		escape(&text, fields->terms[i].field);
		buf_puts(&text, fields->terms[i].equal ? "==" : "!=");
		escape(&text, fields->terms[i].value);
		buf_putc(&text, ',');
	}
	assert(field_selector_parse(arena, buf_str(&text), &again, NULL) == 0);
	assert(fields->len == again->len);
	for (size_t i = 0; i < fields->len; i++) {
		assert(strcmp(fields->terms[i].field, again->terms[i].field) == 0);
		assert(strcmp(fields->terms[i].value, again->terms[i].value) == 0);
		assert(fields->terms[i].equal == again->terms[i].equal);
	}
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size), *out;
	struct field_selector *fields;
	struct error err = ERROR_INIT;
	struct selector *sel;

	if (selector_parse(arena, text, &sel, &err) == 0) {
		out = selector_format(arena, sel);
		selector_matches_map(sel, 0, NULL);
		assert(selector_parse(arena, out, &sel, NULL) == 0);
		assert(strcmp(selector_format(arena, sel), out) == 0);
	}
	if (field_selector_parse(arena, text, &fields, NULL) == 0)
		check_fields(arena, fields);
	arena_free(arena);
	return 0;
}
