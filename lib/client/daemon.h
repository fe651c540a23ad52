/*
 * daemon: what every process but the API server does first and last: common flags (--kubeconfig, --master,
 * -v,
 * --bind-address, --secure-port, --leader-elect, --version), REST client, signals, /healthz and /metrics,
 * orderly end. A flag of the daemon's own with the name of a common one takes its place.
 */
#ifndef CUBE_CLIENT_DAEMON_H
#define CUBE_CLIENT_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/flags.h"

struct buf;
struct daemon;
struct error;
struct event_recorder;
struct informer_set;
struct loop;
struct rest_client;

struct daemon_options {
	const char *name;            /* "kube-scheduler": user agent, log component, event source */
	const char *event_component; /* the source of events when it is not the name; may be NULL */
	const struct flag *flags;    /* own flags; the common ones are added */
	int default_port;            /* of the plain-HTTP health server on 127.0.0.1; 0: none */
	bool leader_elect;           /* default of --leader-elect; the lease is kube-system/NAME */
};

struct daemon {
	struct loop *loop;
	struct rest_client *client;
	struct informer_set *informers;
	struct event_recorder *events;
	/* private */
	struct daemon_private *private_;
};

/* Parses flags, connects. Exits the process with a message and status 2 on bad flags, 0 after --help and
 * --version. */
void daemon_init(struct daemon *daemon, const struct daemon_options *options, int argc, char **argv);
void daemon_set_metrics(struct daemon *daemon, void (*fn)(void *arg, struct buf *out), void *arg);
/* healthy: NULL or the reason why not. */
void daemon_set_health(struct daemon *daemon, const char *(*fn)(void *arg), void *arg);
/*
 * Runs start(arg) once leading (or at once without election), then the loop until SIGTERM or SIGINT. Then, if
 * start() had run, stop(arg): it calls daemon_exit() when it is through, at once or later (25 s at most).
 * stop NULL: nothing to do. Losing the lease ends the process with status 1 without stop(). Returns the exit
 * status.
 */
int daemon_run(struct daemon *daemon, void (*start)(void *arg), void (*stop)(void *arg), void *arg);
void daemon_exit(struct daemon *daemon, int status);
/* Releases everything, after daemon_run() and after what the daemon built upon it. */
void daemon_done(struct daemon *daemon);

#endif
