/* One update, many watchers: CPU of each delivered event, memory of an idle watch. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 8 };

enum pace {
	IN_STEP,    /* one writer, who waits until all watchers have seen the update */
	ONE_WRITER, /* who waits for his answer only */
	ALL_WRITERS,
	PACES
};
static const char *const pace_names[] = {"in step", "1 writer", "8 writers"};

struct writer {
	struct fan_out *fan_out;
	struct conn *conn;
	char name[32];
	bool is_busy;
};

struct fan_out {
	const struct bench_options *options;
	int64_t events;
	struct writer writers[WRITERS]; /* each changes one object again and again */
};

struct watcher {
	struct fan_out *fan_out;
	bool is_brace; /* the last byte was '}': a frame's end may be split between two reads */
};

/* Frames end with "}\n"; nothing else in compact JSON does. */
static void on_data(void *arg, struct conn *conn, const char *data, size_t size)
{
	struct watcher *w = arg;
	for (const char *p = data, *end = data + size; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		w->fan_out->events += p > data ? p[-1] == '}' : w->is_brace;
	if (size)
		w->is_brace = data[size - 1] == '}';
}

static void on_watch_end(void *arg, struct conn *conn, int status, size_t body_size)
{
	fprintf(stderr, "cube-bench: a watch was answered %d\n", status);
	exit(1);
}

static void on_update(void *arg, struct conn *conn, int status, size_t body_size)
{
	struct writer *writer = arg;
	if (status != 200 && status != 201) {
		fprintf(stderr, "cube-bench: an update was answered %d\n", status);
		exit(1);
	}
	writer->is_busy = false;
}

static void update(struct writer *writer, const char *method, int64_t salt)
{
	static const char target[] = "/api/v1/namespaces/bench/configmaps";
	char path[96];
	struct buf body = BUF_INIT, out = BUF_INIT;
	snprintf(path, sizeof path, "%s/%s", target, writer->name);
	write_config_map(&body, writer->name, "\"labels\":{\"watched\":\"yes\"},", salt);
	request_write(&out, writer->fan_out->options, method, strcmp(method, "POST") ? path : target,
	    body.data, body.size);
	writer->is_busy = true;
	conn_send(writer->conn, out.data, out.size);
	buf_done(&body);
	buf_done(&out);
}

/* So many updates. Returns the server's CPU for them and their events. */
static int64_t run_updates(struct fan_out *f, struct conn_set *set, enum pace pace, int64_t watchers)
{
	static int64_t salt;
	int64_t cpu_ns = process_cpu_ns((pid_t)f->options->pid), first = f->events, sent = 0;
	int64_t end = first + f->options->updates * watchers;
	bool is_busy = false;
	while (sent < f->options->updates || is_busy || f->events < end) {
		is_busy = false;
		for (size_t i = 0; i < (pace == ALL_WRITERS ? WRITERS : 1); i++) {
			struct writer *writer = &f->writers[i];
			bool may_send = pace != IN_STEP || f->events == first + sent * watchers;
			if (!writer->is_busy && may_send && sent < f->options->updates) {
				update(writer, "PUT", salt++);
				sent++;
			}
			is_busy = is_busy || writer->is_busy;
		}
		if (is_busy || f->events < end)
			conn_run(set, 1000);
	}
	return process_cpu_ns((pid_t)f->options->pid) - cpu_ns;
}

static void settle(struct conn_set *set, int ms)
{
	for (int64_t end = now_ns() + ms * 1000000LL; now_ns() < end;)
		conn_run(set, 20);
}

static void open_writers(struct fan_out *f, struct conn_set *set)
{
	static const struct conn_callbacks callbacks = {on_update, NULL};
	for (int i = 0; i < WRITERS; i++) {
		struct writer *writer = &f->writers[i];
		/* Another run may have been before this one. */
		snprintf(writer->name, sizeof writer->name, "watched-%d-%d", (int)getpid(), i);
		writer->fan_out = f;
		writer->conn = conn_open(set, false, &callbacks, writer);
		update(writer, "POST", 0);
		while (writer->is_busy)
			conn_run(set, 1000);
	}
}

static void open_watches(struct fan_out *f, struct conn_set *set, struct watcher *watchers)
{
	static const struct conn_callbacks callbacks = {on_watch_end, on_data};
	struct buf out = BUF_INIT;
	request_write(&out, f->options, "GET",
	    "/api/v1/namespaces/bench/configmaps?watch=true&labelSelector=watched%3Dyes", NULL, 0);
	for (int64_t i = 0; i < f->options->watchers; i++) {
		watchers[i].fan_out = f;
		conn_send(conn_open(set, false, &callbacks, &watchers[i]), out.data, out.size);
	}
	buf_done(&out);
	/* Each begins with what is there. */
	while (f->events < f->options->watchers * WRITERS)
		conn_run(set, 1000);
	settle(set, 500);
}

static void report(struct fan_out *f, struct conn_set *set, enum pace pace, int64_t alone_ns)
{
	const struct bench_options *o = f->options;
	char name[64];
	int64_t start = now_ns(), cpu_ns = run_updates(f, set, pace, o->watchers) - alone_ns;
	double seconds = (double)(now_ns() - start) / 1e9, events = (double)o->watchers * (double)o->updates;
	snprintf(name, sizeof name, "watch, %lld watchers x %lld updates, %s", (long long)o->watchers,
	    (long long)o->updates, pace_names[pace]);
	row(name, "%8.2f us CPU per event | %.0f events/s", (double)cpu_ns / 1e3 / events, events / seconds);
}

void measure_watch(const struct bench_options *o)
{
	struct fan_out f = {.options = o};
	struct conn_set *set = conn_set_new(o);
	struct watcher *watchers = calloc((size_t)o->watchers, sizeof *watchers);
	if (!watchers)
		abort();
	open_writers(&f, set);
	int64_t alone_ns[PACES];
	for (enum pace pace = 0; pace < PACES; pace++)
		alone_ns[pace] = run_updates(&f, set, pace, 0);
	size_t rss = process_rss((pid_t)o->pid);
	open_watches(&f, set, watchers);
	row("RSS of an idle watch", "%8.1f KB",
	    ((double)process_rss((pid_t)o->pid) - (double)rss) / 1024 / (double)o->watchers);
	for (enum pace pace = 0; pace < PACES; pace++)
		report(&f, set, pace, alone_ns[pace]);
	conn_set_free(set);
	free(watchers);
}
