#include "dns/forward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dns/message.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

enum {
	PENDING_MAX = 512, /* each holds a descriptor */
	ATTEMPTS = 3,
	TIMEOUT_MS = 1500 /* three of them fit in the five seconds that resolvers wait */
};

struct dns_forwarder {
	struct loop *loop;
	char **servers;
	size_t servers_len, preferred; /* the one that answered last */
	struct dns_forward *first;
	size_t pending;
};

struct dns_forward {
	struct dns_forward *prev, *next;
	struct dns_forwarder *owner;
	uint8_t *query; /* with our id */
	size_t size;
	uint16_t asked_id;
	bool over_tcp;
	size_t server;
	int attempts;
	struct udp *udp;
	struct stream *stream;
	struct buf received; /* over TCP */
	struct loop_timer *timer;
	void (*done)(void *arg, const void *response, size_t size);
	void *arg;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct dns_forwarder *dns_forwarder_new(struct loop *loop, const char *const *servers, size_t servers_len)
{
	struct dns_forwarder *forwarder = must(calloc(1, sizeof(*forwarder)));
	forwarder->loop = loop;
	forwarder->servers = must(calloc(servers_len + 1, sizeof(*forwarder->servers)));
	for (size_t i = 0; i < servers_len; i++)
		forwarder->servers[forwarder->servers_len++] = must(strdup(servers[i]));
	return forwarder;
}

void dns_forwarder_free(struct dns_forwarder *forwarder)
{
	if (!forwarder)
		return;
	while (forwarder->first)
		dns_forward_cancel(forwarder->first);
	for (size_t i = 0; i < forwarder->servers_len; i++)
		free(forwarder->servers[i]);
	free(forwarder->servers);
	free(forwarder);
}

size_t dns_forwarder_pending(const struct dns_forwarder *forwarder)
{
	return forwarder->pending;
}

static void close_sockets(struct dns_forward *forward)
{
	udp_close(forward->udp);
	forward->udp = NULL;
	stream_close(forward->stream);
	forward->stream = NULL;
	buf_reset(&forward->received);
}

void dns_forward_cancel(struct dns_forward *forward)
{
	if (!forward)
		return;
	struct dns_forwarder *owner = forward->owner;
	if (forward->next)
		forward->next->prev = forward->prev;
	if (forward->prev)
		forward->prev->next = forward->next;
	else
		owner->first = forward->next;
	owner->pending--;
	close_sockets(forward);
	loop_timer_free(forward->timer);
	buf_done(&forward->received);
	free(forward->query);
	free(forward);
}

/* Ends the forward. The response may lie in its memory, so done runs before that goes. */
static void finish(struct dns_forward *forward, const void *response, size_t size)
{
	loop_timer_stop(forward->timer);
	void (*done)(void *, const void *, size_t) = forward->done;
	done(forward->arg, response, size);
	dns_forward_cancel(forward);
}

/* Is this the answer to what we asked? Then its id becomes the asker's. */
static bool accept_answer(struct dns_forward *forward, uint8_t *data, size_t size)
{
	struct dns_query ours, theirs;
	if (dns_query_parse(data, size, &theirs) < 0 || !theirs.is_response || theirs.opcode != 0)
		return false;
	dns_query_parse(forward->query, forward->size, &ours);
	if (theirs.id != ours.id)
		return false;
	/* Some servers leave the question out of an error; there is nothing to use in those but the code. */
	bool is_bare = !theirs.question_size && size == DNS_HEADER_SIZE && data[3] & 15;
	if (!is_bare &&
	    (theirs.type != ours.type || theirs.class != ours.class || strcmp(theirs.name, ours.name) != 0))
		return false;
	data[0] = (uint8_t)(forward->asked_id >> 8);
	data[1] = (uint8_t)forward->asked_id;
	forward->owner->preferred = forward->server;
	return true;
}

static void try_next(struct dns_forward *forward);

static void on_datagram(void *arg, const char *from, const void *data, size_t size)
{
	struct dns_forward *forward = arg;
	if (!str_eq(from, forward->owner->servers[forward->server]))
		return;
	uint8_t *copy = must(malloc(size + 1));
	memcpy(copy, data, size);
	if (accept_answer(forward, copy, size))
		finish(forward, copy, size);
	free(copy);
}

static void on_stream_data(void *arg, const char *data, size_t size)
{
	struct dns_forward *forward = arg;
	buf_append(&forward->received, data, size);
	const uint8_t *p = (const uint8_t *)forward->received.data;
	size_t have = forward->received.size;
	if (have < 2 || have < 2u + (size_t)(p[0] << 8 | p[1]))
		return;
	size_t len = (size_t)(p[0] << 8 | p[1]);
	if (accept_answer(forward, (uint8_t *)forward->received.data + 2, len))
		finish(forward, forward->received.data + 2, len);
	else
		try_next(forward);
}

static void on_stream_end(void *arg, const struct error *err)
{
	try_next(arg);
}

static void send_stream(struct dns_forward *forward, const char *server)
{
	static const struct stream_callbacks callbacks = {.on_data = on_stream_data, .on_end = on_stream_end};
	const uint8_t length[2] = {(uint8_t)(forward->size >> 8), (uint8_t)forward->size};
	forward->stream = stream_connect(forward->owner->loop, server, NULL, TIMEOUT_MS, &callbacks, forward);
	stream_write(forward->stream, length, 2);
	stream_write(forward->stream, forward->query, forward->size);
}

static void send_query(struct dns_forward *forward)
{
	const char *server = forward->owner->servers[forward->server];
	uint16_t id;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		abort();
	memcpy(forward->query, &id, 2);
	loop_timer_start(forward->timer, TIMEOUT_MS, 0);
	if (forward->over_tcp) {
		send_stream(forward, server);
		return;
	}
	const char *any = *server == '[' ? "[::]:0" : "0.0.0.0:0";
	forward->udp = udp_bind(forward->owner->loop, any, on_datagram, forward, NULL);
	if (forward->udp)
		udp_send(forward->udp, server, forward->query, forward->size);
	/* Without a socket this attempt times out, and the next may find one. */
}

static void try_next(struct dns_forward *forward)
{
	struct dns_forwarder *owner = forward->owner;
	close_sockets(forward);
	if (forward->attempts++ == ATTEMPTS) {
		finish(forward, NULL, 0);
		return;
	}
	if (forward->attempts > 1) {
		forward->server = (forward->server + 1) % owner->servers_len;
		owner->preferred = forward->server;
	}
	send_query(forward);
}

static void on_timeout(void *arg)
{
	try_next(arg);
}

struct dns_forward *dns_forward(struct dns_forwarder *forwarder, const void *query, size_t size,
    bool over_tcp, void (*done)(void *arg, const void *response, size_t size), void *arg)
{
	if (forwarder->pending >= PENDING_MAX || !forwarder->servers_len || size < DNS_HEADER_SIZE ||
	    size > DNS_MESSAGE_MAX)
		return NULL;
	struct dns_forward *forward = must(calloc(1, sizeof(*forward)));
	forward->owner = forwarder;
	forward->query = must(malloc(size));
	memcpy(forward->query, query, size);
	forward->size = size;
	forward->asked_id = (uint16_t)(forward->query[0] << 8 | forward->query[1]);
	forward->over_tcp = over_tcp;
	forward->server = forwarder->preferred;
	forward->done = done;
	forward->arg = arg;
	forward->timer = loop_timer_new(forwarder->loop, on_timeout, forward);
	forward->next = forwarder->first;
	if (forward->next)
		forward->next->prev = forward;
	forwarder->first = forward;
	forwarder->pending++;
	try_next(forward);
	return forward;
}

/* Which servers */

struct server_list {
	struct arena *arena;
	const char **items;
	size_t len;
	const char *const *own;
	size_t own_len;
};

static void add_server(struct server_list *list, const char *text)
{
	struct dns_ip ip;
	const char *server = text;
	if (dns_ip_parse(text, &ip))
		server = arena_printf(list->arena, ip.size == 4 ? "%s:53" : "[%s]:53", text);
	for (size_t i = 0; i < list->own_len; i++)
		if (str_eq(server, list->own[i]))
			return; /* asking ourselves would never end */
	list->items = arena_grow(
	    list->arena, list->items, (list->len + 1) * sizeof(char *), (list->len + 2) * sizeof(char *));
	list->items[list->len++] = server;
	list->items[list->len] = NULL;
}

static void read_resolv_conf(struct server_list *list, const char *path)
{
	char line[512], address[128];
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " nameserver %127s", address) == 1 && !strchr(address, '%'))
			add_server(list, arena_strdup(list->arena, address));
	if (file)
		fclose(file);
}

const char *const *dns_upstreams(struct arena *arena, const char *const *given, size_t given_len,
    const char *resolv_conf, const char *const *own, size_t own_len, size_t *ret_len)
{
	struct server_list list = {arena, ARENA_ARRAY(arena, const char *, 1), 0, own, own_len};
	for (size_t i = 0; i < given_len; i++)
		add_server(&list, given[i]);
	if (!given_len && !str_empty(resolv_conf))
		read_resolv_conf(&list, resolv_conf);
	*ret_len = list.len;
	return list.items;
}
