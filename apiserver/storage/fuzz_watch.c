/*
 * The stream of etcd's watch: lines of JSON in pieces of any size (the first byte says which). Whatever the
 * pieces, the same events are delivered, every one has a key, and what has been seen never goes backwards.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/storage/etcd.h"
#include "lib/base/log.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The HTTP client is not there: the linker (--wrap) leads its calls to these. */
struct http_call *__wrap_http_client_stream(struct http_client *client, const struct http_request *request,
    void (*on_open)(void *arg, int status), void (*on_data)(void *arg, const char *data, size_t size),
    void (*done)(void *arg, const struct http_response *response), void *arg);
struct http_call *__wrap_http_client_send(struct http_client *client, const struct http_request *request,
    void (*done)(void *arg, const struct http_response *response), void *arg);
void __wrap_http_call_cancel(struct http_call *call);

static struct http_call {
	void (*on_data)(void *arg, const char *data, size_t size);
	void *arg;
	bool is_cancelled;
} stream, question;

struct http_call *__wrap_http_client_stream(struct http_client *client, const struct http_request *request,
    void (*on_open)(void *arg, int status), void (*on_data)(void *arg, const char *data, size_t size),
    void (*done)(void *arg, const struct http_response *response), void *arg)
{
	stream = (struct http_call){.on_data = on_data, .arg = arg};
	return &stream;
}

/* Whether the history is still the same one: it is not answered. */
struct http_call *__wrap_http_client_send(struct http_client *client, const struct http_request *request,
    void (*done)(void *arg, const struct http_response *response), void *arg)
{
	return &question;
}

void __wrap_http_call_cancel(struct http_call *call)
{
	if (call)
		call->is_cancelled = true;
}

struct run {
	struct buf log;
	int64_t seen;
	bool is_ended;
};

static void on_events(void *arg, const struct storage_event *events, size_t len, int64_t revision)
{
	struct run *run = arg;
	assert(revision >= run->seen && !run->is_ended);
	run->seen = revision;
	for (size_t i = 0; i < len; i++) {
		const struct storage_item *item = &events[i].item;
		assert(item->key && (item->value || events[i].type == STORAGE_DELETE));
		buf_printf(&run->log, "%d %s %" PRId64 " %" PRId64 " %zu:", events[i].type, item->key,
		    item->revision, item->create_revision, item->value_size);
		buf_append(&run->log, item->value ? item->value : "", item->value ? item->value_size : 0);
	}
	buf_printf(&run->log, "\n%" PRId64 "\n", revision);
}

static void on_end(void *arg, const struct error *err)
{
	struct run *run = arg;
	assert(!run->is_ended);
	run->is_ended = true;
	buf_printf(&run->log, "end %d\n", err ? (int)err->code : 0);
}

static void read_stream(struct etcd *etcd, struct run *run, size_t piece, const uint8_t *data, size_t size)
{
	static const struct storage_watch_callbacks callbacks = {.on_events = on_events, .on_end = on_end};
	struct storage_op *op = etcd_watch_start(&etcd->storage, 7, &callbacks, run);
	run->seen = 7;
	while (size > 0 && !stream.is_cancelled) {
		size_t part = size < piece ? size : piece;
		char *copy = malloc(part); /* of its own size, so that overruns are seen */
		memcpy(copy, data, part);
		stream.on_data(stream.arg, copy, part);
		free(copy);
		data += part;
		size -= part;
	}
	etcd_op_free(op);
	while (etcd->ops)
		etcd_op_free(etcd->ops);
	loop_poll(etcd->loop); /* handles are freed on its next turn */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop *loop;
	static char *endpoints[] = {"unix:///nowhere"};
	struct run whole = {.log = BUF_INIT}, parts = {.log = BUF_INIT};
	if (!loop) {
		loop = loop_new(NULL);
		log_set_level(LOG_ERROR); /* lines that are no JSON are worth a warning, not thousands */
	}
	struct etcd etcd = {.loop = loop, .endpoints = endpoints, .endpoints_len = 1};
	if (size < 2)
		return 0;
	read_stream(&etcd, &whole, size, data + 1, size - 1);
	read_stream(&etcd, &parts, data[0] % 64 + 1u, data + 1, size - 1);
	assert(whole.log.size == parts.log.size && whole.is_ended == parts.is_ended);
	assert(whole.log.size == 0 || !memcmp(whole.log.data, parts.log.data, whole.log.size));
	buf_done(&whole.log);
	buf_done(&parts.log);
	return 0;
}
