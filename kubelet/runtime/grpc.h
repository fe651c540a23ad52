/*
 * grpc: a gRPC client over one HTTP/2 connection on a unix socket: unary calls and server streams, by
 * nghttp2. Bytes in, bytes out: messages are packed by the caller. The connection is made on the first call
 * and again after it broke; calls under way then end with ERR_UNAVAILABLE. Callbacks run on the loop, never
 * inside grpc_call().
 */
#ifndef CUBE_KUBELET_GRPC_H
#define CUBE_KUBELET_GRPC_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct grpc_call;
struct grpc_channel;
struct loop;

struct grpc_channel *grpc_channel_new(struct loop *loop, const char *address /* unix:/path */);
void grpc_channel_free(struct grpc_channel *channel); /* no callback fires any more */

/* done fires once: err NULL and the message's bytes, or the error made of grpc-status and grpc-message. */
typedef void grpc_done(void *arg, const void *message, size_t size, const struct error *err);
struct grpc_call *grpc_unary(struct grpc_channel *channel, const char *path, const void *request, size_t size,
    int64_t timeout_ms, grpc_done *done, void *arg);
/* Server stream: on_message for each message; done (message NULL) at the end. */
struct grpc_call *grpc_stream(struct grpc_channel *channel, const char *path, const char *const *metadata,
    const void *request, size_t size, void (*on_message)(void *arg, const void *message, size_t size),
    grpc_done *done, void *arg);
void grpc_cancel(struct grpc_call *call); /* NULL is accepted */

#endif
