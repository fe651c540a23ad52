/* Memory at rest, and the time until the server is ready. */
#include "bench/bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PODS_FROM = 1000000 /* behind those that the list made */ };

static bool is_listening(int64_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof sa);
	if (fd >= 0)
		close(fd);
	return ok;
}

static void on_readyz(void *arg, struct conn *conn, int status, size_t body_size)
{
	*(int *)arg = status;
}

static bool is_ready(const struct bench_options *o)
{
	static const struct conn_callbacks callbacks = {on_readyz, NULL};
	int status = 0;
	struct conn_set *set = conn_set_new(o);
	struct conn *conn = conn_open(set, false, &callbacks, &status);
	struct buf out = BUF_INIT;
	request_write(&out, o, "GET", "/readyz", NULL, 0);
	conn_send(conn, out.data, out.size);
	buf_done(&out);
	while (!status)
		conn_run(set, 1000);
	conn_set_free(set);
	return status == 200;
}

void measure_ready(const struct bench_options *o)
{
	struct timespec ts;
	struct timespec pause = {.tv_nsec = 1000000};
	for (int i = 0; !is_listening(o->port); i++) {
		if (i > 30000) {
			fprintf(stderr, "cube-bench: the API server does not listen\n");
			exit(1);
		}
		nanosleep(&pause, NULL);
	}
	while (!is_ready(o))
		nanosleep(&pause, NULL);
	clock_gettime(CLOCK_REALTIME, &ts);
	int64_t since = o->ready_since ? strtoll(o->ready_since, NULL, 10) : 0;
	if (since)
		row("start to ready", "%8.1f ms, of which %.1f ms CPU",
		    (double)(ts.tv_sec * 1000000000LL + ts.tv_nsec - since) / 1e6,
		    (double)process_cpu_ns((pid_t)o->pid) / 1e6);
}

void measure_idle(const struct bench_options *o)
{
	sleep(1);
	int64_t cpu_ns = process_cpu_ns((pid_t)o->pid);
	sleep(3);
	row("idle server", "%8.1f MB RSS | %.2f ms CPU in 3 s", (double)process_rss((pid_t)o->pid) / 1e6,
	    (double)(process_cpu_ns((pid_t)o->pid) - cpu_ns) / 1e6);
}

/* On top of those that the list measured. */
void measure_pods(const struct bench_options *o)
{
	char name[64];
	create_pods(o, PODS_FROM, PODS_FROM + o->pods);
	sleep(2);
	snprintf(name, sizeof name, "RSS with %lld more pods, all just created", (long long)o->pods);
	row(name, "%8.1f MB", (double)process_rss((pid_t)o->pid) / 1e6);
}

void measure_rss(const struct bench_options *o)
{
	sleep(5);
	row("RSS", "%8.1f MB", (double)process_rss((pid_t)o->pid) / 1e6);
}
