/*
 * stream: a byte stream with back-pressure: TCP or unix sockets, optionally TLS as a client (OpenSSL memory
 * BIOs); also accepted connections. Tunnels (exec, attach, port-forward), CRI's HTTP/2 and tcpSocket probes
 * use it.
 */
#ifndef CUBE_LOOP_STREAM_H
#define CUBE_LOOP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct http_tls;
struct loop;
struct stream;
struct stream_listener;
struct udp;

struct stream_callbacks {
	void (*on_connect)(void *arg); /* may be NULL */
	void (*on_data)(void *arg, const char *data, size_t size);
	void (*on_drain)(void *arg); /* what was written has left; may be NULL */
	/*
	 * End: err NULL for an orderly end of the peer's side (after which writing may go on), else the
	 * failure, after which only stream_close() is left to do. A failure may still follow an orderly end
	 * (a write that failed).
	 */
	void (*on_end)(void *arg, const struct error *err);
};

/* timeout_ms covers look-up, connecting and the TLS handshake; 0: none but the kernel's.
 * Addresses: "unix:/path" or "host:port", "[::1]:port" (literal addresses; names are resolved on the thread
 * pool). */
struct stream *stream_connect(struct loop *loop, const char *address,
    const struct http_tls *tls /* NULL: plain */, int64_t timeout_ms,
    const struct stream_callbacks *callbacks, void *arg);
struct stream *stream_adopt(struct loop *loop, int fd, const struct stream_callbacks *callbacks, void *arg);
void stream_write(
    struct stream *stream, const void *data, size_t size); /* copied, queued without limit: mind pending */
size_t stream_pending(const struct stream *stream);        /* bytes not yet taken by the kernel */
void stream_pause(struct stream *stream);                  /* no on_data until resumed */
void stream_resume(struct stream *stream);
void stream_shutdown(struct stream *stream); /* half close after what is pending */
void stream_close(
    struct stream *stream); /* drops what is pending; no callback fires any more; NULL accepted */

struct stream_listener *stream_listen(struct loop *loop, const char *address,
    void (*on_accept)(void *arg, int fd), void *arg,
    struct error *err); /* takes ownership of fd: stream_adopt it */
int stream_listener_port(const struct stream_listener *listener);
void stream_listener_close(struct stream_listener *listener);

/* Datagrams. */
struct udp *udp_bind(struct loop *loop, const char *address,
    void (*on_datagram)(void *arg, const char *from, const void *data, size_t size), void *arg,
    struct error *err);
int udp_port(const struct udp *udp);
void udp_send(struct udp *udp, const char *to, const void *data, size_t size); /* to: as given in `from` */
void udp_close(struct udp *udp);

#endif
