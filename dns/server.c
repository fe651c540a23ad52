#include "dns/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/answer.h"
#include "dns/forward.h"
#include "dns/zone.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

enum {
	CONNECTIONS_MAX = 256,
	IDLE_MS = 10000,
	UNSENT_MAX = 1 << 20, /* a client that asks and does not read */
	PROBE_LABEL = 20
};

struct listener {
	struct listener *next;
	struct dns_server *server;
	struct udp *udp;
	struct stream_listener *tcp;
	int port;
};

struct connection {
	struct connection *prev, *next;
	struct dns_server *server;
	struct stream *stream;
	struct loop_timer *idle;
	struct buf in;
	struct request *requests; /* being forwarded */
};

/* A query that waits for upstream. */
struct request {
	struct request *prev, *next; /* in its connection's list, or the server's */
	struct dns_server *server;
	struct connection *connection; /* NULL: it came as a datagram */
	struct udp *udp;
	char from[128];
	struct buf query;
	char chase[DNS_NAME_MAX]; /* "" unless an alias is being followed */
	struct dns_forward *forward;
};

struct dns_server {
	struct loop *loop;
	const struct dns_zone *zone;
	struct dns_forwarder *forwarder;
	struct listener *listeners;
	struct connection *connections;
	size_t connections_len;
	struct request *requests; /* of datagrams */
	struct buf response;      /* of the query at hand */
	bool is_ready;
	uint32_t rotate;
	char probe[2 * PROBE_LABEL + 2];
	struct dns_forward *probing;
	void (*on_loop)(void *arg);
	void *on_loop_arg;
	struct dns_server_counts counts;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static struct dns_answer_options options_of(const struct dns_server *server, bool is_tcp)
{
	return (struct dns_answer_options){.is_tcp = is_tcp,
	    .is_ready = server->is_ready,
	    .has_upstream = server->forwarder != NULL,
	    .rotate = server->rotate};
}

/* Answers on their way */

static void send_response(
    struct udp *udp, const char *from, struct connection *connection, const struct buf *response)
{
	if (!response->size)
		return;
	if (!connection) {
		udp_send(udp, from, response->data, response->size);
		return;
	}
	const uint8_t length[2] = {(uint8_t)(response->size >> 8), (uint8_t)response->size};
	stream_write(connection->stream, length, 2);
	stream_write(connection->stream, response->data, response->size);
}

static void free_request(struct request *request)
{
	struct request **head =
	    request->connection ? &request->connection->requests : &request->server->requests;
	if (request->next)
		request->next->prev = request->prev;
	if (request->prev)
		request->prev->next = request->next;
	else
		*head = request->next;
	buf_done(&request->query);
	free(request);
}

/* An upstream answer larger than the asker takes: header and question alone, marked as truncated. */
static void put_truncated(struct buf *out, const void *query, size_t size)
{
	dns_answer_failure(query, size, true, DNS_NOERROR, out);
	if (out->size > 2)
		out->data[2] |= 2;
}

static void on_upstream(void *arg, const void *data, size_t size)
{
	struct request *request = arg;
	struct dns_server *server = request->server;
	struct dns_answer_options options = options_of(server, request->connection != NULL);
	struct dns_query query;
	struct buf *out = &server->response;
	request->forward = NULL;
	buf_reset(out);
	server->counts.forward_failures += !data;
	dns_query_parse((const uint8_t *)request->query.data, request->query.size, &query);
	if (*request->chase)
		dns_answer_chased(server->zone, request->query.data, request->query.size, &options,
		    request->chase, data, size, out);
	else if (!data)
		dns_answer_failure(request->query.data, request->query.size, true, DNS_SERVFAIL, out);
	else if (!request->connection && size > dns_datagram_limit(&query))
		put_truncated(out, request->query.data, request->query.size);
	else
		buf_append(out, data, size);
	send_response(request->udp, request->from, request->connection, out);
	free_request(request);
}

static void forward_query(struct dns_server *server, struct request *take_request)
{
	struct request **head =
	    take_request->connection ? &take_request->connection->requests : &server->requests;
	struct buf chase = BUF_INIT;
	const struct buf *sent = &take_request->query;
	take_request->next = *head;
	if (*head)
		(*head)->prev = take_request;
	*head = take_request;
	if (*take_request->chase) {
		dns_chase_query(sent->data, sent->size, take_request->chase, 0, &chase);
		sent = &chase;
	}
	server->counts.forwarded++;
	/* An alias is followed over TCP when asked over it: its addresses may not fit a datagram. */
	take_request->forward = dns_forward(server->forwarder, sent->data, sent->size,
	    take_request->connection != NULL, on_upstream, take_request);
	if (!take_request->forward)
		on_upstream(take_request, NULL, 0);
	buf_done(&chase);
}

/* Has the question of our probe come back? */
static bool is_probe(struct dns_server *server, const void *data, size_t size)
{
	struct dns_query query;
	if (!*server->probe || dns_query_parse(data, size, &query) || strcmp(query.name, server->probe) != 0)
		return false;
	*server->probe = 0;
	server->forwarder = NULL;
	if (server->on_loop)
		server->on_loop(server->on_loop_arg);
	return true;
}

static void handle_query(struct dns_server *server, struct udp *udp, const char *from,
    struct connection *connection, const void *data, size_t size)
{
	char chase[DNS_NAME_MAX];
	struct dns_answer_options options = options_of(server, connection != NULL);
	server->counts.queries++;
	server->rotate++;
	if (is_probe(server, data, size))
		return;
	buf_reset(&server->response);
	enum dns_verdict verdict = dns_answer(server->zone, data, size, &options, &server->response, chase);
	if (verdict == DNS_VERDICT_DROP) {
		server->counts.dropped++;
	} else if (verdict == DNS_VERDICT_ANSWER) {
		server->counts.answered++;
		send_response(udp, from, connection, &server->response);
	} else {
		struct request *request = must(calloc(1, sizeof(*request)));
		request->server = server;
		request->connection = connection;
		request->udp = udp;
		snprintf(request->from, sizeof(request->from), "%s", from ? from : "");
		buf_append(&request->query, data, size);
		if (verdict == DNS_VERDICT_CHASE)
			strcpy(request->chase, chase);
		forward_query(server, request);
	}
}

static void on_datagram(void *arg, const char *from, const void *data, size_t size)
{
	struct listener *listener = arg;
	handle_query(listener->server, listener->udp, from, NULL, data, size);
}

/* TCP */

static void close_connection(struct connection *connection)
{
	struct dns_server *server = connection->server;
	while (connection->requests) {
		dns_forward_cancel(connection->requests->forward);
		free_request(connection->requests);
	}
	if (connection->next)
		connection->next->prev = connection->prev;
	if (connection->prev)
		connection->prev->next = connection->next;
	else
		server->connections = connection->next;
	server->connections_len--;
	stream_close(connection->stream);
	loop_timer_free(connection->idle);
	buf_done(&connection->in);
	free(connection);
}

static void on_idle(void *arg)
{
	close_connection(arg);
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct connection *connection = arg;
	size_t used = 0;
	buf_append(&connection->in, data, size);
	loop_timer_start(connection->idle, IDLE_MS, 0);
	while (connection->in.size - used >= 2) {
		const uint8_t *p = (const uint8_t *)connection->in.data + used;
		size_t len = (size_t)(p[0] << 8 | p[1]);
		if (connection->in.size - used < 2 + len)
			break;
		used += 2 + len;
		handle_query(connection->server, NULL, NULL, connection, p + 2, len);
	}
	buf_consume(&connection->in, used);
	if (stream_pending(connection->stream) > UNSENT_MAX)
		close_connection(connection);
}

static void on_end(void *arg, const struct error *err)
{
	struct connection *connection = arg;
	/* A client may close its side once it has asked, and still wait for answers; the idle timer bounds
	 * that. */
	if (err || !connection->requests)
		close_connection(connection);
}

static void on_accept(void *arg, int fd)
{
	static const struct stream_callbacks callbacks = {.on_data = on_data, .on_end = on_end};
	struct dns_server *server = ((struct listener *)arg)->server;
	struct connection *connection = must(calloc(1, sizeof(*connection)));
	connection->server = server;
	connection->next = server->connections;
	if (connection->next)
		connection->next->prev = connection;
	server->connections = connection;
	server->connections_len++;
	connection->idle = loop_timer_new(server->loop, on_idle, connection);
	loop_timer_start(connection->idle, IDLE_MS, 0);
	connection->stream = stream_adopt(server->loop, fd, &callbacks, connection);
	if (server->connections_len > CONNECTIONS_MAX)
		close_connection(connection);
}

/* The server */

struct dns_server *dns_server_new(
    struct loop *loop, const struct dns_zone *zone, struct dns_forwarder *forwarder)
{
	struct dns_server *server = must(calloc(1, sizeof(*server)));
	server->loop = loop;
	server->zone = zone;
	server->forwarder = forwarder;
	return server;
}

void dns_server_free(struct dns_server *server)
{
	if (!server)
		return;
	dns_forward_cancel(server->probing);
	while (server->connections)
		close_connection(server->connections);
	while (server->requests) {
		dns_forward_cancel(server->requests->forward);
		free_request(server->requests);
	}
	for (struct listener *listener = server->listeners, *next; listener; listener = next) {
		next = listener->next;
		udp_close(listener->udp);
		stream_listener_close(listener->tcp);
		free(listener);
	}
	buf_done(&server->response);
	free(server);
}

int dns_server_listen(struct dns_server *server, const char *address, struct error *err)
{
	struct listener *listener = must(calloc(1, sizeof(*listener)));
	char same[160];
	listener->server = server;
	listener->tcp = stream_listen(server->loop, address, on_accept, listener, err);
	if (listener->tcp) {
		const char *colon = strrchr(address, ':');
		listener->port = stream_listener_port(listener->tcp);
		snprintf(same, sizeof(same), "%.*s:%d", (int)(colon - address), address, listener->port);
		listener->udp = udp_bind(server->loop, same, on_datagram, listener, err);
	}
	if (!listener->udp) {
		stream_listener_close(listener->tcp);
		free(listener);
		return -1;
	}
	struct listener **at = &server->listeners;
	while (*at)
		at = &(*at)->next;
	*at = listener;
	return 0;
}

int dns_server_port(const struct dns_server *server)
{
	return server->listeners ? server->listeners->port : 0;
}

void dns_server_set_ready(struct dns_server *server)
{
	server->is_ready = true;
}

static void on_probe_answer(void *arg, const void *response, size_t size)
{
	struct dns_server *server = arg;
	server->probing = NULL;
	*server->probe = 0;
}

void dns_server_probe_loop(struct dns_server *server, void (*on_loop)(void *arg), void *arg)
{
	uint8_t query[DNS_HEADER_SIZE + sizeof(server->probe) + 8] = {0, 0, 1, 0, 0, 1};
	if (!server->forwarder || server->probing)
		return;
	server->on_loop = on_loop;
	server->on_loop_arg = arg;
	str_random(server->probe, PROBE_LABEL);
	server->probe[PROBE_LABEL] = '.';
	str_random(server->probe + PROBE_LABEL + 1, PROBE_LABEL);
	uint8_t *p = query + DNS_HEADER_SIZE;
	for (int i = 0; i < 2; i++) {
		*p++ = PROBE_LABEL;
		memcpy(p, server->probe + i * (PROBE_LABEL + 1), PROBE_LABEL);
		p += PROBE_LABEL;
	}
	const uint8_t tail[] = {0, 0, DNS_HINFO, 0, DNS_CLASS_IN};
	memcpy(p, tail, sizeof(tail));
	p += sizeof(tail);
	server->probing =
	    dns_forward(server->forwarder, query, (size_t)(p - query), false, on_probe_answer, server);
}

const struct dns_server_counts *dns_server_counts(const struct dns_server *server)
{
	return &server->counts;
}
