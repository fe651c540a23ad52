/*
 * spdy: the client's side of SPDY/3.1 as containers' streaming servers speak it: streams with headers
 * (compressed with the protocol's dictionary), data and half-closing. No flow control: upstream's
 * implementation has none. Bytes in, bytes out; no sockets here.
 */
#ifndef CUBE_KUBECTL_STREAM_SPDY_H
#define CUBE_KUBECTL_STREAM_SPDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct spdy;

struct spdy_callbacks {
	void (*write)(void *arg, const void *data, size_t size); /* bytes for the peer */
	/* fin: the peer sends nothing more on this stream; size may be 0 then. */
	void (*on_data)(void *arg, uint32_t stream, const char *data, size_t size, bool fin);
	void (*on_reset)(void *arg, uint32_t stream, uint32_t status);
	void (*on_goaway)(void *arg);
};

struct spdy *spdy_new(const struct spdy_callbacks *callbacks, void *arg);
void spdy_free(struct spdy *spdy);

struct spdy_header {
	const char *name, *value; /* names in lower case */
};
/* Opens a stream; returns its id. fin: this side sends nothing on it. */
uint32_t spdy_open(struct spdy *spdy, const struct spdy_header *headers, size_t len, bool fin);
void spdy_send(struct spdy *spdy, uint32_t stream, const void *data, size_t size, bool fin);
void spdy_reset(struct spdy *spdy, uint32_t stream);
/* Takes what arrived. ERR_PARSE when it is no SPDY; the connection is of no use then. */
int spdy_feed(struct spdy *spdy, const char *data, size_t size, struct error *err);

/* The dictionary; *ret_size bytes. For tests. */
const unsigned char *spdy_dictionary(size_t *ret_size);

#endif
