/* kube-scheduler: chooses a node for every pod that has none. */
#include "lib/client/daemon.h"
#include "scheduler/scheduler.h"

struct program {
	struct daemon daemon;
	struct scheduler *scheduler;
};

static void start(void *arg)
{
	scheduler_start(((struct program *)arg)->scheduler);
}

static void stop(void *arg)
{
	daemon_exit(&((struct program *)arg)->daemon, 0);
}

static void metrics(void *arg, struct buf *out)
{
	scheduler_metrics(((struct program *)arg)->scheduler, out);
}

int main(int argc, char **argv)
{
	const char *scheduler_name = "default-scheduler";
	const struct flag flags[] = {
	    {"scheduler-name", 0, FLAG_STRING, &scheduler_name, "Pods with this spec.schedulerName are ours",
		NULL, NULL},
	    {NULL, 0, FLAG_STRING, NULL, NULL, NULL, NULL},
	};
	struct program program = {0};
	int status;

	daemon_init(&program.daemon,
	    &(struct daemon_options){.name = "kube-scheduler",
		.event_component = "default-scheduler",
		.flags = flags,
		.default_port = 10259,
		.leader_elect = true},
	    argc, argv);
	program.scheduler = scheduler_new(&program.daemon, scheduler_name);
	daemon_set_metrics(&program.daemon, metrics, &program);
	status = daemon_run(&program.daemon, start, stop, &program);
	scheduler_free(program.scheduler);
	daemon_done(&program.daemon);
	return status;
}
