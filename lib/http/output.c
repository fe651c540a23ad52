/* The queue of bytes that a connection still has to write, and how it leaves. */
#include "lib/http/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/loop/loop.h"

void http_conn_queue(struct http_conn *conn, struct bytes *take_bytes)
{
	if (take_bytes->size == 0 || conn->is_broken) {
		bytes_unref(take_bytes);
		return;
	}
	if (conn->queue_len == conn->queue_capacity) {
		size_t capacity = conn->queue_capacity ? conn->queue_capacity * 2 : 8;
		struct http_segment *ring = malloc(capacity * sizeof *ring);
		if (!ring)
			abort();
		for (size_t i = 0; i < conn->queue_len; i++)
			ring[i] = conn->queue[(conn->queue_head + i) % conn->queue_capacity];
		free(conn->queue);
		conn->queue = ring;
		conn->queue_head = 0;
		conn->queue_capacity = capacity;
	}
	conn->queue[(conn->queue_head + conn->queue_len) % conn->queue_capacity] =
	    (struct http_segment){take_bytes, 0};
	conn->queue_len++;
	conn->queued += take_bytes->size;
}

static void queue_drop(struct http_conn *conn, size_t size)
{
	conn->queued -= size;
	while (size > 0) {
		struct http_segment *s = &conn->queue[conn->queue_head];
		size_t left = s->bytes->size - s->offset;
		if (size < left) {
			s->offset += size;
			return;
		}
		size -= left;
		bytes_unref(s->bytes);
		conn->queue_head = (conn->queue_head + 1) % conn->queue_capacity;
		conn->queue_len--;
	}
}

void http_conn_queue_done(struct http_conn *conn)
{
	queue_drop(conn, conn->queued);
	free(conn->queue);
	conn->queue = NULL;
	conn->queue_len = conn->queue_capacity = conn->queue_head = 0;
}

/* What to write next: a large segment as it stands, small ones put together in the server's scratch memory.
 */
static const char *next_chunk(struct http_conn *conn, size_t *ret_size)
{
	struct http_segment *s = &conn->queue[conn->queue_head];
	size_t left = s->bytes->size - s->offset;
	if (left >= HTTP_COALESCE_MAX || conn->queue_len == 1) {
		*ret_size = left > HTTP_WRITE_MAX ? HTTP_WRITE_MAX : left;
		return s->bytes->data + s->offset;
	}
	size_t size = 0;
	for (size_t i = 0; i < conn->queue_len && size < HTTP_WRITE_MAX; i++) {
		s = &conn->queue[(conn->queue_head + i) % conn->queue_capacity];
		left = s->bytes->size - s->offset;
		if (left > HTTP_WRITE_MAX - size)
			left = HTTP_WRITE_MAX - size;
		memcpy(conn->server->scratch + size, s->bytes->data + s->offset, left);
		size += left;
	}
	*ret_size = size;
	return conn->server->scratch;
}

static void on_linger_over(void *arg)
{
	http_conn_kill(arg);
}

/* The peer learns at once that nothing more comes; what it still sends is read for a while. */
static void linger(struct http_conn *conn)
{
	if (conn->has_said_all)
		return;
	conn->has_said_all = true;
	http_lws_end_output(conn->wsi);
	loop_timer_free(conn->timer);
	conn->timer = loop_timer_new(conn->server->loop, on_linger_over, conn);
	loop_timer_start(conn->timer, HTTP_LINGER_MS, 0);
	http_server_conn_settled(conn);
}

static void drained(struct http_conn *conn)
{
	if (conn->state == HTTP_CONN_CLOSING && conn->lingers) {
		linger(conn);
	} else if (conn->state == HTTP_CONN_CLOSING) {
		http_conn_kill(conn);
	} else if (conn->state == HTTP_CONN_TUNNEL) {
		if (conn->tunnel->callbacks.on_drain)
			conn->tunnel->callbacks.on_drain(conn->tunnel->arg);
	} else if (conn->exchange && conn->exchange->is_started && conn->exchange->on_drain) {
		conn->exchange->on_drain(conn->exchange->arg);
	} else if (conn->state == HTTP_CONN_IDLE) {
		http_conn_continue(conn);
	}
}

/*
 * The next part of an answer whose size is not known, with its framing: the size in eight digits and a line
 * break before it, a line break behind it.
 */
static const char *fill_framed(struct http_conn *conn, size_t *ret_size)
{
	enum { HEAD = 10, TAIL = 2 };
	char *scratch = conn->server->scratch, line[HEAD + 1];
	size_t size = conn->source.fill(conn->source.arg, scratch + HEAD, HTTP_WRITE_MAX - HEAD - TAIL);
	if (size == 0)
		conn->source_left = 0;
	if (!conn->exchange->is_chunked) {
		*ret_size = size;
		return scratch + HEAD;
	}
	if (size == 0) {
		*ret_size = 5;
		return "0\r\n\r\n";
	}
	snprintf(line, sizeof line, "%08zx\r\n", size);
	memcpy(scratch, line, HEAD);
	memcpy(scratch + HEAD + size, "\r\n", TAIL);
	*ret_size = HEAD + size + TAIL;
	return scratch;
}

/* What to write next behind the queue: the part of the answer that is made while it leaves. */
static const char *fill_chunk(struct http_conn *conn, size_t *ret_size)
{
	if (conn->source_left == HTTP_SIZE_UNKNOWN)
		return fill_framed(conn, ret_size);
	size_t room = conn->source_left > HTTP_WRITE_MAX ? HTTP_WRITE_MAX : conn->source_left;
	*ret_size = conn->source.fill(conn->source.arg, conn->server->scratch, room);
	conn->source_left -= *ret_size;
	return conn->server->scratch;
}

void http_conn_source_done(struct http_conn *conn)
{
	struct http_source source = conn->source;
	conn->source = (struct http_source){0};
	conn->source_left = 0;
	if (source.done)
		source.done(source.arg);
}

/* False: the connection is to be closed. */
static bool write_some(struct http_conn *conn)
{
	/* Once lws had to keep a part, more writes would only make it copy: wait until the socket takes
	 * bytes. */
	while (conn->queued + conn->source_left > 0 && !conn->is_broken && !http_lws_is_full(conn->wsi)) {
		size_t size = 0;
		bool is_queue = conn->queued > 0;
		const char *data = is_queue ? next_chunk(conn, &size) : fill_chunk(conn, &size);
		if (size > 0 && http_lws_write(conn->wsi, data, size) < 0)
			return false;
		if (is_queue)
			queue_drop(conn, size);
		else if (conn->source_left == HTTP_SIZE_UNKNOWN)
			break; /* such a part took its time to make: others have their turn */
	}
	return true;
}

void http_conn_flush(struct http_conn *conn)
{
	bool had = conn->queued > 0;
	if (!write_some(conn)) {
		http_conn_kill(conn);
		return;
	}
	if (conn->is_broken)
		return;
	if (conn->source.fill && conn->queued + conn->source_left == 0) {
		http_conn_source_done(conn);
		http_exchange_finish(conn->exchange); /* comes back here */
		return;
	}
	if (conn->queued > 0 || conn->source.fill || http_lws_is_full(conn->wsi)) {
		http_lws_want_write(conn->wsi);
		if (conn->state == HTTP_CONN_CLOSING || conn->state == HTTP_CONN_IDLE || conn->source.fill)
			http_lws_timeout(conn->wsi, HTTP_WRITE_STALL_S * 1000);
	} else if (had || conn->state == HTTP_CONN_CLOSING) {
		drained(conn);
	}
}

void http_flush_list_init(struct http_flush_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

void http_conn_forget(struct http_conn *conn)
{
	if (!conn->flush_list)
		return;
	*conn->flush_prev = conn->flush_next;
	if (conn->flush_next)
		conn->flush_next->flush_prev = conn->flush_prev;
	else
		conn->flush_list->end = conn->flush_prev;
	conn->flush_list = NULL;
}

void http_conn_schedule(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	if (conn->flush_list || conn->is_broken || server->is_freed)
		return;
	bool is_stream = conn->exchange && conn->exchange->is_started;
	conn->flush_list = is_stream ? &server->streams : &server->answers;
	conn->flush_next = NULL;
	conn->flush_prev = conn->flush_list->end;
	*conn->flush_prev = conn;
	conn->flush_list->end = &conn->flush_next;
	loop_tick_start(server->loop, &server->flush_tick);
}

static void flush_first(struct http_flush_list *list)
{
	struct http_conn *conn = list->first;
	http_conn_forget(conn);
	http_conn_flush(conn);
}

/*
 * An event for a thousand watchers takes milliseconds to send. Between two parts of it the loop does what
 * else there is: requests are answered meanwhile, and what happens next joins what still waits here, in the
 * same record and the same write.
 */
void http_flush_scheduled(void *arg)
{
	struct http_server *server = arg;
	while (server->answers.first)
		flush_first(&server->answers);
	size_t size = 0;
	for (size_t i = 0; server->streams.first; i++) {
		size_t queued = server->streams.first->queued;
		if ((i >= HTTP_TURN_STREAMS || size >= HTTP_TURN_BYTES) && queued <= HTTP_STREAM_BEHIND_MAX)
			break;
		size += queued;
		flush_first(&server->streams);
	}
	if (server->answers.first || server->streams.first)
		loop_tick_start(server->loop, &server->flush_tick);
}
