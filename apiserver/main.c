/* kube-apiserver: flags, the loop, signals. Everything else is server.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "apiserver/options.h"
#include "apiserver/server.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"

struct program {
	struct loop *loop;
	struct api_server *server;
	struct loop_timer *delay;
	const struct api_options *options;
	int status;
	bool is_stopping;
};

static void on_ready(void *arg, const struct error *err)
{
	struct program *p = arg;
	if (!err) {
		/* Not before: what loading a large store leaves free is to go back too. */
		loop_trim_later(p->loop);
		return;
	}
	log_error("%s", err->message);
	p->status = 1;
	loop_stop(p->loop);
}

static void on_stopped(void *arg)
{
	struct program *p = arg;
	loop_stop(p->loop);
}

static void stop(void *arg)
{
	struct program *p = arg;
	api_server_shutdown(p->server, on_stopped, p);
}

static void on_signal(void *arg, int signum)
{
	struct program *p = arg;
	if (p->is_stopping) {
		log_warning("stopping at once on signal %d", signum); /* asked twice */
		p->status = 1;
		loop_stop(p->loop);
		return;
	}
	p->is_stopping = true;
	api_server_leave(p->server);
	log_info("stopping on signal %d", signum);
	p->delay = loop_timer_new(p->loop, stop, p);
	loop_timer_start(p->delay, p->options->shutdown_delay_ms, 0);
}

/* Each client, watch and tunnel is a descriptor; the soft limit is often 1024. */
static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_warning("cannot raise the limit of open files");
}

int main(int argc, char **argv)
{
	struct api_options options;
	struct error err = ERROR_INIT;
	log_init("kube-apiserver", LOG_INFO);
	if (options_parse(&options, argc, argv, &err)) {
		fprintf(stderr, "kube-apiserver: %s\n", err.message);
		options_done(&options);
		return 2;
	}
	if (options.want_version)
		printf("Kubernetes v1.32.0+cube\n");
	if (options.want_help || options.want_version) {
		options_done(&options);
		return 0;
	}
	if (options.verbosity >= 4)
		log_set_level(LOG_DEBUG);
	srandom((unsigned)time(NULL) ^ (unsigned)getpid());
	raise_file_limit();
	resources_init();
	struct program p = {.loop = loop_new(NULL), .options = &options};
	p.server = api_server_new(p.loop, &options, &err);
	if (!p.server) {
		log_error("%s", err.message);
		loop_free(p.loop);
		options_done(&options);
		return 1;
	}
	loop_on_signal(p.loop, SIGTERM, on_signal, &p);
	loop_on_signal(p.loop, SIGINT, on_signal, &p);
	api_server_start(p.server, on_ready, &p);
	loop_run(p.loop);
	loop_timer_free(p.delay);
	api_server_free(p.server);
	loop_free(p.loop);
	options_done(&options);
	return p.status;
}
