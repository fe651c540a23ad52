/*
 * bench: what the files of cube-bench share. The program drives a running API server over raw TLS connections
 * and reads what each operation cost the server's process: CPU time, not wall time, because machines that run
 * benchmarks are rarely idle. It is a client only: scripts/bench.sh starts and ends the processes.
 */
#ifndef CUBE_BENCH_BENCH_H
#define CUBE_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"

struct bench_options {
	int64_t port, pid, etcd_pid; /* of the API server and its etcd */
	const char *etcd_socket;     /* path of etcd's client socket */
	const char *token;
	const char *only;        /* name of one measurement; NULL: all that are quick */
	const char *ready_since; /* nanoseconds since the epoch, as `date +%s%N` prints them */
	int64_t seconds_x10;     /* how long a closed loop runs, in tenths */
	int64_t count;           /* requests of a closed loop in place of a time; 0: by time */
	int64_t connections, pods, watchers, updates;
};

/* process.c */
int64_t process_cpu_ns(pid_t pid);  /* all threads, also those that have ended */
size_t process_rss(pid_t pid);      /* bytes */
size_t process_rss_peak(pid_t pid); /* since the last reset */
void process_rss_peak_reset(pid_t pid);
int64_t now_ns(void);

/* conn.c: one HTTP/1.1 connection with one request under way, on an epoll set. */
struct conn;
struct conn_set;
struct conn_callbacks {
	void (*on_response)(void *arg, struct conn *conn, int status, size_t body_size);
	void (*on_data)(
	    void *arg, struct conn *conn, const char *data, size_t size); /* of bodies; may be NULL */
};
struct conn_set *conn_set_new(const struct bench_options *options);
void conn_set_free(struct conn_set *set); /* with all its connections */
/* To the API server by TLS, or to etcd's gateway in the clear. Exits the program when it cannot. */
struct conn *conn_open(struct conn_set *set, bool to_etcd, const struct conn_callbacks *callbacks, void *arg);
void conn_send(struct conn *conn, const char *data, size_t size);
void conn_run(struct conn_set *set, int timeout_ms); /* one turn: callbacks fire in it */
/* A whole request; body may be NULL. */
void request_write(struct buf *out, const struct bench_options *options, const char *method,
    const char *target, const char *body, size_t body_size);

/* load.c: closed loops. */
struct load {
	const struct bench_options *options;
	int64_t connections, seconds_x10;
	int64_t count_max; /* ends after this many; 0: after the time */
	bool to_etcd;
	void (*write_request)(struct load *load, struct buf *out, int64_t nth); /* appends the nth request */
	int status;                                                             /* expected */
	const char *name;                                                       /* for what goes wrong */
};
struct load_result {
	int64_t count, elapsed_ns, cpu_ns, etcd_cpu_ns;
	size_t bytes; /* of the last body */
};
struct load_result load_run(const struct load *load);
void row(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
double rate_of(const struct load_result *result);
double cpu_us_of(const struct load_result *result);

/* reference.c: CPU to memcpy `pieces` pieces of `piece_size` bytes together and send them by TLS on loopback.
 */
int64_t reference_copy_tls_ns(size_t pieces, size_t piece_size);

/* measure_*.c */
void measure_ready(const struct bench_options *options);
void measure_idle(const struct bench_options *options);
void measure_get(const struct bench_options *options);
void measure_create(const struct bench_options *options);
void measure_watch(const struct bench_options *options);
void measure_list(const struct bench_options *options);
void measure_pods(const struct bench_options *options);
void measure_rss(const struct bench_options *options);
/* Creates pods bench/pod-FROM to bench/pod-TO with about 2 KB of JSON each. */
void create_pods(const struct bench_options *options, int64_t from, int64_t to);
void create_namespace(const struct bench_options *options);
/* A ConfigMap of 2 KB. `labels` is a member of its metadata with a comma, or "". `salt` makes its content
 * differ. */
void write_config_map(struct buf *out, const char *name, const char *labels, int64_t salt);

#endif
