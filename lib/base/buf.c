#include "lib/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = BUF_INIT;
}

void buf_reset(struct buf *buf)
{
	buf->size = 0;
	if (buf->data)
		buf->data[0] = 0;
}

char *buf_reserve(struct buf *buf, size_t more)
{
	if (more > SIZE_MAX / 2 - buf->size)
		abort();
	size_t need = buf->size + more + 1;
	if (need > buf->capacity) {
		size_t capacity = buf->capacity ? buf->capacity : 64;
		while (capacity < need)
			capacity *= 2;
		buf->data = realloc(buf->data, capacity);
		if (!buf->data) {
			fputs("out of memory\n", stderr);
			abort();
		}
		buf->capacity = capacity;
		buf->data[buf->size] = 0;
	}
	return buf->data + buf->size;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
	char *to = buf_reserve(buf, size);
	if (size)
		memcpy(to, data, size);
	buf->size += size;
	buf->data[buf->size] = 0;
}

void buf_puts(struct buf *buf, const char *s)
{
	buf_append(buf, s, strlen(s));
}

void buf_putc(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(buf, fmt, ap);
	va_end(ap);
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	char *to = buf_reserve(buf, 64);
	size_t room = buf->capacity - buf->size;
	int len = vsnprintf(to, room, fmt, ap);
	if (len > 0 && (size_t)len >= room) {
		to = buf_reserve(buf, (size_t)len);
		vsnprintf(to, (size_t)len + 1, fmt, again);
	}
	va_end(again);
	if (len > 0)
		buf->size += (size_t)len;
}

void buf_consume(struct buf *buf, size_t size)
{
	if (size >= buf->size) {
		buf_reset(buf);
		return;
	}
	buf->size -= size;
	memmove(buf->data, buf->data + size, buf->size + 1);
}

const char *buf_str(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf, size_t *ret_size)
{
	buf_reserve(buf, 0);
	char *data = buf->data;
	if (ret_size)
		*ret_size = buf->size;
	*buf = BUF_INIT;
	return data;
}
