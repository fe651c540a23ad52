/* cube-bench: see README.md. Rows of a table on standard output. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>

#include "lib/base/error.h"
#include "lib/base/flags.h"

static const struct measurement {
	const char *name;
	void (*fn)(const struct bench_options *options);
	bool on_request; /* only when --only names it */
} measurements[] = {
    {"ready", measure_ready, true},
    {"idle", measure_idle, false},
    {"get", measure_get, false},
    {"create", measure_create, false},
    {"watch", measure_watch, false},
    {"list", measure_list, false},
    {"pods", measure_pods, true},
    {"rss", measure_rss, true},
};

int main(int argc, char **argv)
{
	struct bench_options o = {
	    .connections = 32, .pods = 10000, .watchers = 200, .updates = 100, .seconds_x10 = 30};
	const struct flag flags[] = {
	    {"port", 0, FLAG_INT, &o.port, "port of the API server on 127.0.0.1"},
	    {"pid", 0, FLAG_INT, &o.pid, "process of the API server"},
	    {"etcd-pid", 0, FLAG_INT, &o.etcd_pid, "process of etcd"},
	    {"etcd-socket", 0, FLAG_STRING, &o.etcd_socket, "unix socket of etcd's gateway"},
	    {"token", 0, FLAG_STRING, &o.token, "bearer token of an administrator"},
	    {"only", 0, FLAG_STRING, &o.only,
		"one measurement: ready, idle, get, create, watch, list, pods, rss"},
	    {"ready-since", 0, FLAG_STRING, &o.ready_since,
		"when the server was started, in ns since the epoch"},
	    {"tenths", 0, FLAG_INT, &o.seconds_x10, "tenths of a second that each closed loop runs"},
	    {"count", 0, FLAG_INT, &o.count, "requests of each closed loop, in place of a time"},
	    {"connections", 0, FLAG_INT, &o.connections, "connections of the loops with many"},
	    {"pods", 0, FLAG_INT, &o.pods, "pods to list"},
	    {"watchers", 0, FLAG_INT, &o.watchers, "watches that are open at once"},
	    {"updates", 0, FLAG_INT, &o.updates, "updates that all watchers see"},
	    {0},
	};
	struct error err = ERROR_INIT;
	const char **args = NULL;
	size_t len = 0;
	if (flags_parse(flags, argc, argv, &args, &len, NULL, &err) || !o.port) {
		fprintf(stderr, "cube-bench: %s\n",
		    err.code ? err.message : "--port is required; scripts/bench.sh calls this");
		return 2;
	}
	free(args);
	signal(SIGPIPE, SIG_IGN);
	struct rlimit limit;
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (!o.only || (strcmp(o.only, "ready") && strcmp(o.only, "rss")))
		create_namespace(&o);
	for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++)
		if (o.only ? !strcmp(o.only, measurements[i].name) : !measurements[i].on_request)
			measurements[i].fn(&o);
	flags_done(flags);
	return 0;
}
