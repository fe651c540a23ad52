#include "lib/http/server.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"

struct bytes *bytes_new(const void *data, size_t size)
{
	struct bytes *b = malloc(sizeof *b + size + 1);
	if (!b)
		abort();
	b->refs = 1;
	b->size = size;
	if (data && size)
		memcpy(b->data, data, size);
	b->data[size] = '\0';
	return b;
}

struct bytes *bytes_ref(struct bytes *b)
{
	if (b)
		b->refs++;
	return b;
}

void bytes_unref(struct bytes *b)
{
	if (b && --b->refs == 0)
		free(b);
}

void bytes_begin(struct buf *buf)
{
	struct bytes head = {.refs = 1};
	buf_append(buf, &head, sizeof head);
}

struct bytes *bytes_finish(struct buf *buf)
{
	size_t size = 0;
	struct bytes *b = (struct bytes *)buf_take(buf, &size);
	b->size = size - sizeof *b;
	return b;
}
