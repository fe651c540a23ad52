/* LIST of many pods of 2 KB: one at a time, eight at once, and the reference. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS = 5, AT_ONCE = 8, CREATORS = 32 };

static int64_t first_pod;

static void create_pod(struct load *load, struct buf *out, int64_t nth)
{
	struct buf body = BUF_INIT;
	long long i = first_pod + nth;
	buf_printf(&body,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"pod-%lld\",\"namespace\":"
	    "\"bench\","
	    "\"labels\":{\"app\":\"bench\",\"tier\":\"t%lld\"}},"
	    "\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"registry.example.com/app:v1\","
	    "\"command\":[\"/bin/app\",\"--listen\",\"0.0.0.0:8080\"],"
	    "\"ports\":[{\"containerPort\":8080}],\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":"
	    "\"64Mi\"}}}]}}",
	    i, i % 10);
	request_write(out, load->options, "POST", "/api/v1/namespaces/bench/pods", body.data, body.size);
	buf_done(&body);
}

void create_pods(const struct bench_options *o, int64_t from, int64_t to)
{
	struct load load = {.options = o,
	    .connections = CREATORS,
	    .count_max = to - from,
	    .write_request = create_pod,
	    .status = 201,
	    .name = "create pod"};
	first_pod = from;
	if (to - from < CREATORS)
		load.connections = to - from;
	if (to <= from)
		return;
	struct load_result r = load_run(&load);
	char name[64];
	snprintf(name, sizeof name, "create %lld pods, %d connections", (long long)(to - from),
	    (int)load.connections);
	row(name, "%8.1f us CPU each | %8.0f/s | etcd %6.1f us", cpu_us_of(&r), rate_of(&r),
	    (double)r.etcd_cpu_ns / 1e3 / (double)r.count);
}

static void list_pods(struct load *load, struct buf *out, int64_t nth)
{
	request_write(out, load->options, "GET", "/api/v1/pods?resourceVersion=0", NULL, 0);
}

void measure_list(const struct bench_options *o)
{
	struct load load = {.options = o,
	    .connections = 1,
	    .count_max = 1,
	    .write_request = list_pods,
	    .status = 200,
	    .name = "LIST"};
	char name[64];
	create_pods(o, 0, o->pods);
	pid_t pid = (pid_t)o->pid;
	size_t before = process_rss(pid);
	struct load_result r = load_run(&load);
	snprintf(name, sizeof name, "first LIST of %lld pods", (long long)o->pods);
	row(name, "%8.2f ms CPU | %zu bytes | RSS %+.1f MB for the encodings it keeps", cpu_us_of(&r) / 1e3,
	    r.bytes, ((double)process_rss(pid) - (double)before) / 1e6);
	load.count_max = LISTS;
	before = process_rss(pid);
	process_rss_peak_reset(pid);
	r = load_run(&load);
	double reference_ms = (double)reference_copy_tls_ns((size_t)o->pods, r.bytes / (size_t)o->pods) / 1e6;
	snprintf(name, sizeof name, "LIST of %lld pods", (long long)o->pods);
	row(name, "%8.2f ms CPU | %zu bytes | memcpy and TLS alone %.2f ms: %.2f times", cpu_us_of(&r) / 1e3,
	    r.bytes, reference_ms, cpu_us_of(&r) / 1e3 / reference_ms);
	row("peak RSS growth, 1 LIST at a time", "%8.1f MB",
	    ((double)process_rss_peak(pid) - (double)before) / 1e6);
	load.connections = AT_ONCE;
	load.count_max = AT_ONCE * 3;
	before = process_rss(pid);
	process_rss_peak_reset(pid);
	r = load_run(&load);
	row("8 LISTs at once", "%8.2f ms CPU each | %.1f/s", cpu_us_of(&r) / 1e3, rate_of(&r));
	row("peak RSS growth, 8 LISTs at once", "%8.1f MB",
	    ((double)process_rss_peak(pid) - (double)before) / 1e6);
}
