/* One update, many watchers: CPU of each delivered event, memory of an idle watch. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fan_out {
	const struct bench_options *options;
	int64_t events, answers;
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
	struct fan_out *f = arg;
	if (status != 200 && status != 201) {
		fprintf(stderr, "cube-bench: an update was answered %d\n", status);
		exit(1);
	}
	f->answers++;
}

static void update(struct fan_out *f, struct conn *conn, const char *method, int64_t nth)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	write_config_map(&body, "watched", nth);
	request_write(&out, f->options, method,
	    strcmp(method, "POST") ? "/api/v1/namespaces/bench/configmaps/watched"
				   : "/api/v1/namespaces/bench/configmaps",
	    body.data, body.size);
	conn_send(conn, out.data, out.size);
	buf_done(&body);
	buf_done(&out);
}

/* The updates one after the other; returns the server's CPU for all of them and their events. */
static int64_t run_updates(struct fan_out *f, struct conn_set *set, struct conn *writer, int64_t watchers)
{
	int64_t cpu_ns = process_cpu_ns((pid_t)f->options->pid);
	int64_t events = f->events;
	for (int64_t i = 0; i < f->options->updates; i++) {
		int64_t answers = f->answers;
		update(f, writer, "PUT", i + watchers * 1000000);
		while (f->answers == answers || f->events < events + (i + 1) * watchers)
			conn_run(set, 1000);
	}
	return process_cpu_ns((pid_t)f->options->pid) - cpu_ns;
}

static void settle(struct conn_set *set, int ms)
{
	for (int64_t end = now_ns() + ms * 1000000LL; now_ns() < end;)
		conn_run(set, 20);
}

void measure_watch(const struct bench_options *o)
{
	static const struct conn_callbacks watch_callbacks = {on_watch_end, on_data};
	static const struct conn_callbacks update_callbacks = {on_update, NULL};
	struct fan_out f = {.options = o};
	struct conn_set *set = conn_set_new(o);
	struct conn *writer = conn_open(set, false, &update_callbacks, &f);
	struct watcher *watchers = calloc((size_t)o->watchers, sizeof *watchers);
	struct buf out = BUF_INIT;
	if (!watchers)
		abort();
	update(&f, writer, "POST", 0);
	while (!f.answers)
		conn_run(set, 1000);
	int64_t alone_ns = run_updates(&f, set, writer, 0);
	size_t rss = process_rss((pid_t)o->pid);
	request_write(&out, o, "GET",
	    "/api/v1/namespaces/bench/configmaps?watch=true&fieldSelector=metadata.name%3Dwatched", NULL, 0);
	for (int64_t i = 0; i < o->watchers; i++) {
		watchers[i].fan_out = &f;
		conn_send(conn_open(set, false, &watch_callbacks, &watchers[i]), out.data, out.size);
	}
	buf_done(&out);
	/* Each begins with what is there: one event. */
	while (f.events < o->watchers)
		conn_run(set, 1000);
	settle(set, 500);
	size_t idle = process_rss((pid_t)o->pid);
	int64_t start = now_ns();
	int64_t all_ns = run_updates(&f, set, writer, o->watchers);
	double seconds = (double)(now_ns() - start) / 1e9, events = (double)o->watchers * (double)o->updates;
	char name[64];
	snprintf(name, sizeof name, "watch, %lld watchers x %lld updates", (long long)o->watchers,
	    (long long)o->updates);
	row(name, "%8.2f us CPU per event | %.0f events/s", (double)(all_ns - alone_ns) / 1e3 / events,
	    events / seconds);
	row("RSS of an idle watch", "%8.1f KB", ((double)idle - (double)rss) / 1024 / (double)o->watchers);
	row("RSS of a watch after the events", "%8.1f KB",
	    ((double)process_rss((pid_t)o->pid) - (double)rss) / 1024 / (double)o->watchers);
	conn_set_free(set);
	free(watchers);
}
