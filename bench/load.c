/* A closed loop: each connection sends its next request when it has the answer to the last. */
#include "bench/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
	struct load load;
	struct load_result result;
	int64_t sent;
	bool is_ending;
	int64_t busy;
};

static void send_next(struct run *run, struct conn *conn)
{
	struct buf out = BUF_INIT;
	run->load.write_request(&run->load, &out, run->sent++);
	conn_send(conn, out.data, out.size);
	buf_done(&out);
	run->busy++;
}

static void on_response(void *arg, struct conn *conn, int status, size_t body_size)
{
	struct run *run = arg;
	if (status != run->load.status) {
		fprintf(stderr, "cube-bench: %s was answered %d\n", run->load.name, status);
		exit(1);
	}
	run->busy--;
	run->result.count++;
	run->result.bytes = body_size;
	if (run->load.count_max && run->sent >= run->load.count_max)
		run->is_ending = true;
	if (!run->is_ending)
		send_next(run, conn);
}

struct load_result load_run(const struct load *load)
{
	static const struct conn_callbacks callbacks = {on_response, NULL};
	const struct bench_options *o = load->options;
	struct run run = {.load = *load};
	if (!run.load.count_max)
		run.load.count_max = o->count;
	struct conn_set *set = conn_set_new(o);
	struct conn **conns = calloc((size_t)load->connections, sizeof(struct conn *));
	if (!conns)
		abort();
	for (int64_t i = 0; i < load->connections; i++)
		conns[i] = conn_open(set, load->to_etcd, &callbacks, &run);
	/* Handshakes are over: only requests are counted. */
	int64_t cpu_ns = process_cpu_ns((pid_t)o->pid), etcd_ns = process_cpu_ns((pid_t)o->etcd_pid),
		start = now_ns();
	int64_t end = start + (run.load.count_max ? INT64_MAX / 2 : load->seconds_x10 * 100000000LL);
	for (int64_t i = 0; i < load->connections; i++)
		send_next(&run, conns[i]);
	while (run.busy > 0) {
		conn_run(set, 1000);
		if (now_ns() >= end)
			run.is_ending = true;
	}
	run.result.elapsed_ns = now_ns() - start;
	run.result.cpu_ns = process_cpu_ns((pid_t)o->pid) - cpu_ns;
	run.result.etcd_cpu_ns = process_cpu_ns((pid_t)o->etcd_pid) - etcd_ns;
	free(conns);
	conn_set_free(set);
	return run.result;
}

double rate_of(const struct load_result *result)
{
	return (double)result->count * 1e9 / (double)result->elapsed_ns;
}

double cpu_us_of(const struct load_result *result)
{
	return (double)result->cpu_ns / 1e3 / (double)result->count;
}

void row(const char *name, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	printf("| %-44s | ", name);
	vprintf(fmt, ap);
	printf(" |\n");
	fflush(stdout);
	va_end(ap);
}
