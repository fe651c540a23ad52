/*
 * buf: a growable byte buffer, always followed by a NUL that is not counted, so that data can be read as a
 * string. Embedded in its owner: BUF_INIT or zeroed memory is an empty buffer; buf_done() releases.
 */
#ifndef CUBE_BASE_BUF_H
#define CUBE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;  /* NULL while empty and never written: use buf_str() to read it as text */
	size_t size; /* bytes used */
	size_t capacity;
};

#define BUF_INIT ((struct buf){0})

void buf_done(struct buf *buf);
void buf_reset(struct buf *buf); /* empties, keeps the memory */
char *buf_reserve(
    struct buf *buf, size_t more); /* room for `more` bytes behind size; returns where they go */
void buf_append(struct buf *buf, const void *data, size_t size);
void buf_puts(struct buf *buf, const char *s);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *fmt, va_list ap);
void buf_consume(struct buf *buf, size_t size);    /* drops from the front */
const char *buf_str(const struct buf *buf);        /* never NULL */
char *buf_take(struct buf *buf, size_t *ret_size); /* the caller frees; the buffer is empty after */

#endif
