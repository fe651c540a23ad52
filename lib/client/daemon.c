#include "lib/client/daemon.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/flags.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/daemon_private.h"
#include "lib/client/events.h"
#include "lib/client/informer.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/lease.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define VERSION_TEXT "v1.32.0+cube"
#define STOP_GRACE_MS 25000 /* then the end comes whether stop() is through or not */

struct common_flags {
	const char *kubeconfig, *master, *bind_address;
	const char *lease_namespace, *lease_name;
	bool leader_elect, version, help;
	int64_t verbosity, port;
};

struct daemon_private {
	const struct daemon_options *options;
	struct common_flags flags;
	struct arena *arena;
	struct daemon_health_hooks hooks;
	struct daemon_health *health;
	struct lease_election *election;
	struct loop_timer *stop_timer;
	void (*start)(void *arg);
	void (*stop)(void *arg);
	void *arg;
	bool is_started, is_stopping, is_leaving;
	int status;
};

/* ---- flags ---- */

static bool has_flag(const struct flag *flags, const char *name)
{
	for (; flags && flags->name; flags++)
		if (str_eq(flags->name, name))
			return true;
	return false;
}

/* The daemon's own flags, and those common ones that it does not define itself. */
static const struct flag *all_flags(struct daemon_private *p)
{
	struct common_flags *f = &p->flags;
	const struct flag common[] = {
	    {"kubeconfig", 0, FLAG_STRING, &f->kubeconfig,
		"file with the address of the API server and the credentials"},
	    {"master", 0, FLAG_STRING, &f->master, "address of the API server, instead of the kubeconfig's"},
	    {"v", 'v', FLAG_INT, &f->verbosity, "log level: 0 warnings and steps, 4 and above details"},
	    {"bind-address", 0, FLAG_STRING, &f->bind_address, "address of the health and metrics server"},
	    {"secure-port", 0, FLAG_INT, &f->port,
		"port of the health and metrics server (plain HTTP); 0: none"},
	    {"leader-elect", 0, FLAG_BOOL, &f->leader_elect, "work only while holding the lease"},
	    {"leader-elect-resource-namespace", 0, FLAG_STRING, &f->lease_namespace,
		"namespace of the lease"},
	    {"leader-elect-resource-name", 0, FLAG_STRING, &f->lease_name, "name of the lease"},
	    {"version", 0, FLAG_BOOL, &f->version, "print the version and exit"},
	    {"help", 'h', FLAG_BOOL, &f->help, "print this text and exit"},
	};
	size_t common_len = sizeof(common) / sizeof(*common), own_len = 0, len = 0;
	while (p->options->flags && p->options->flags[own_len].name)
		own_len++;
	struct flag *flags = ARENA_ARRAY(p->arena, struct flag, own_len + common_len + 1);
	for (size_t i = 0; i < own_len; i++)
		flags[len++] = p->options->flags[i];
	for (size_t i = 0; i < common_len; i++)
		if (!has_flag(p->options->flags, common[i].name))
			flags[len++] = common[i];
	return flags;
}

static void parse_flags(struct daemon_private *p, int argc, char **argv)
{
	const struct daemon_options *options = p->options;
	struct error err = ERROR_INIT;
	const char **args = NULL;
	size_t args_len = 0;
	p->flags = (struct common_flags){.bind_address = "127.0.0.1",
	    .port = options->default_port,
	    .leader_elect = options->leader_elect,
	    .lease_namespace = "kube-system",
	    .lease_name = options->name};
	const struct flag *flags = all_flags(p);
	int result = flags_parse(flags, argc, argv, &args, &args_len, NULL, &err);
	if (result == 0 && args_len > 0)
		result = error_set(&err, ERR_BAD_REQUEST, "unknown argument \"%s\"", args[0]);
	free(args);
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", options->name, err.message);
		exit(2);
	}
	if (p->flags.help) {
		flags_print_help(flags, arena_printf(p->arena, "%s [flags]", options->name));
		exit(0);
	}
	if (p->flags.version) {
		puts("Kubernetes " VERSION_TEXT);
		exit(0);
	}
}

/* ---- life ---- */

static void fail(const struct error *err)
{
	log_error("%s", err->message);
	exit(1);
}

static void connect_client(struct daemon *daemon)
{
	struct daemon_private *p = daemon->private_;
	struct error err = ERROR_INIT;
	struct rest_config config = {0};
	if (str_empty(p->flags.kubeconfig) && !str_empty(p->flags.master))
		config.server = p->flags.master;
	else if (kubeconfig_load(p->arena, p->flags.kubeconfig, NULL, NULL, NULL, &config, &err) < 0)
		fail(&err);
	if (!str_empty(p->flags.master))
		config.server = p->flags.master;
	config.user_agent = arena_printf(p->arena, "%s/" VERSION_TEXT, p->options->name);
	daemon->client = rest_client_new(daemon->loop, &config, &err);
	if (!daemon->client)
		fail(&err);
}

static void host_name(char out[256])
{
	if (gethostname(out, 256) < 0)
		strcpy(out, "localhost");
	out[255] = '\0';
}

void daemon_init(struct daemon *daemon, const struct daemon_options *options, int argc, char **argv)
{
	/* One thread does the work; more malloc arenas would only spread the heap. */
	mallopt(M_ARENA_MAX, 1);
	resources_init();
	struct arena *arena = arena_new();
	struct daemon_private *p = ARENA_NEW(arena, struct daemon_private);
	p->arena = arena;
	p->options = options;
	*daemon = (struct daemon){.private_ = p};
	parse_flags(p, argc, argv);
	log_init(options->name, p->flags.verbosity >= 4 ? LOG_DEBUG : LOG_INFO);
	daemon->loop = loop_new(NULL);
	connect_client(daemon);
	daemon->informers = informer_set_new(daemon->client);
	daemon->events = event_recorder_new(
	    daemon->client, options->event_component ? options->event_component : options->name, NULL);
}

void daemon_set_metrics(struct daemon *daemon, void (*fn)(void *arg, struct buf *out), void *arg)
{
	daemon->private_->hooks.metrics = fn;
	daemon->private_->hooks.metrics_arg = arg;
}

void daemon_set_health(struct daemon *daemon, const char *(*fn)(void *arg), void *arg)
{
	daemon->private_->hooks.healthy = fn;
	daemon->private_->hooks.healthy_arg = arg;
}

static void give_memory_back(void *arg)
{
	malloc_trim(0); /* the first lists needed more than what stays */
}

static void on_lead(void *arg)
{
	struct daemon *daemon = arg;
	struct daemon_private *p = daemon->private_;
	if (p->is_stopping)
		return;
	p->is_started = true;
	informer_set_on_synced(daemon->informers, give_memory_back, NULL);
	p->start(p->arg);
}

static void on_lost(void *arg)
{
	struct daemon *daemon = arg;
	/* Another one may lead from now on: nothing may be written any more, not even in an orderly end. */
	daemon->private_->status = 1;
	loop_stop(daemon->loop);
}

static void on_released(void *arg)
{
	struct daemon *daemon = arg;
	loop_stop(daemon->loop);
}

void daemon_exit(struct daemon *daemon, int status)
{
	struct daemon_private *p = daemon->private_;
	if (p->is_leaving)
		return;
	p->is_leaving = true;
	p->status = status;
	if (p->election)
		lease_election_release(p->election, on_released, daemon);
	else
		loop_stop(daemon->loop);
}

static void on_stop_timeout(void *arg)
{
	struct daemon *daemon = arg;
	log_warning("the end takes too long, leaving now");
	loop_stop(daemon->loop);
}

static void on_signal(void *arg, int signum)
{
	struct daemon *daemon = arg;
	struct daemon_private *p = daemon->private_;
	log_info("%s", p->is_stopping ? "told to stop again, leaving now" : "told to stop");
	if (p->is_stopping) {
		loop_stop(daemon->loop);
		return;
	}
	p->is_stopping = true;
	p->stop_timer = loop_timer_new(daemon->loop, on_stop_timeout, daemon);
	loop_timer_start(p->stop_timer, STOP_GRACE_MS, 0);
	if (p->stop && p->is_started)
		p->stop(p->arg);
	else
		daemon_exit(daemon, 0);
}

int daemon_run(struct daemon *daemon, void (*start)(void *arg), void (*stop)(void *arg), void *arg)
{
	struct daemon_private *p = daemon->private_;
	struct error err = ERROR_INIT;
	p->start = start;
	p->stop = stop;
	p->arg = arg;
	loop_on_signal(daemon->loop, SIGTERM, on_signal, daemon);
	loop_on_signal(daemon->loop, SIGINT, on_signal, daemon);
	if (p->flags.port > 0) {
		p->health = daemon_health_new(
		    daemon->loop, p->flags.bind_address, (int)p->flags.port, &p->hooks, &err);
		if (!p->health) {
			log_error("health server: %s", err.message);
			return 1;
		}
	}
	if (p->flags.leader_elect) {
		char host[256], uuid[37];
		host_name(host);
		str_uuid(uuid);
		p->election =
		    lease_election_new(daemon->client, p->flags.lease_namespace, p->flags.lease_name,
			arena_printf(p->arena, "%s_%s", host, uuid), on_lead, on_lost, daemon);
	} else {
		loop_defer(daemon->loop, on_lead, daemon);
	}
	loop_trim_later(daemon->loop);
	loop_run(daemon->loop);
	return p->status;
}

void daemon_done(struct daemon *daemon)
{
	struct daemon_private *p = daemon->private_;
	lease_election_free(p->election);
	daemon_health_free(p->health);
	event_recorder_free(daemon->events);
	informer_set_free(daemon->informers);
	rest_client_free(daemon->client);
	loop_timer_free(p->stop_timer);
	loop_free(daemon->loop);
	arena_free(p->arena);
}
