#include "cube/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/components.h"
#include "cube/files.h"
#include "cube/host.h"
#include "cube/pidfile.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"
#include "lib/loop/process.h"

enum {
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 10000,
	STEADY_MS = 10000,     /* running this long counts as healthy: back-off starts anew */
	STOP_GRACE_MS = 10000, /* then SIGKILL */
	PODS_GRACE_MS = 30000,
	LOG_SIZE_MAX = 16 << 20, /* a larger log is put aside when its process starts again */
};

struct supervisor;

struct child {
	struct supervisor *sup;
	struct component spec;
	struct process *process; /* ours; NULL when adopted or not running */
	struct loop_fd *adopted; /* watches a process that an earlier supervisor started */
	int adopted_fd;
	pid_t pid; /* 0: not running */
	int64_t started_ms;
	int failures;
	struct loop_timer *timer; /* start again, or kill when stopping takes too long */
};

struct supervisor {
	struct cluster *cluster;
	struct loop *loop;
	struct child *children;
	size_t len;
	bool stopping;
	int rank;
	int exit_status;
};

static void child_start(void *arg);
static void child_ended(struct child *child, const char *how);
static bool child_adopt(struct child *child);
static void stop_rank(struct supervisor *sup);

static void on_stop_signal(void *arg, int signum)
{
	struct supervisor *sup = arg;

	if (sup->stopping)
		return;
	log_info("stopping");
	sup->stopping = true;
	/* The guard reads this and ends instead of starting us again. */
	file_write(cluster_path(sup->cluster, "run/stopping"), "", 0, 0644, NULL);
	sup->rank = 0;
	stop_rank(sup);
}

static void children_make(struct supervisor *sup)
{
	struct cluster *c = sup->cluster;
	size_t len;
	const struct component *list = components_make(c, &len);
	const char **guard = arena_calloc(c->arena, 5, sizeof *guard);

	guard[0] = arena_printf(c->arena, "%s/cube", c->bin_dir);
	guard[1] = "guard";
	guard[2] = "--data-dir";
	guard[3] = c->data_dir;
	sup->len = len + 1;
	sup->children = arena_calloc(c->arena, sup->len, sizeof *sup->children);
	for (size_t i = 0; i < sup->len; i++) {
		struct child *child = &sup->children[i];

		child->sup = sup;
		child->spec =
		    i < len ? list[i] : (struct component){"guard", guard, NULL, NULL, STOP_NODE_DAEMONS};
		child->timer = loop_timer_new(sup->loop, child_start, child);
		if (!child_adopt(child))
			child_start(child);
	}
}

int supervisor_main(struct cluster *cluster)
{
	struct supervisor sup = {.cluster = cluster, .loop = loop_new(NULL)};
	struct error err = ERROR_INIT;

	log_init("cube", LOG_INFO);
	if (supervisor_pid_of(cluster, "supervisor") != 0) {
		log_error("a supervisor of %s runs already", cluster->data_dir);
		loop_free(sup.loop);
		return 1;
	}
	if (chdir(cluster->data_dir) < 0 || pidfile_write(cluster, "supervisor", getpid(), &err) < 0) {
		log_error("%s: %s", cluster->data_dir, err.code ? err.message : strerror(errno));
		loop_free(sup.loop);
		return 1;
	}
	unlink(cluster_path(cluster, "run/stopping"));
	loop_on_signal(sup.loop, SIGTERM, on_stop_signal, &sup);
	loop_on_signal(sup.loop, SIGINT, on_stop_signal, &sup);
	children_make(&sup);
	loop_trim_later(sup.loop);
	loop_run(sup.loop);
	for (size_t i = 0; i < sup.len; i++)
		loop_timer_free(sup.children[i].timer);
	loop_free(sup.loop);
	pidfile_remove(cluster, "supervisor");
	return sup.exit_status;
}

static int open_log(struct child *child)
{
	const struct cluster *c = child->sup->cluster;
	const char *path = cluster_path(c, "logs/%s.log", child->spec.name);
	struct stat st;

	if (stat(path, &st) == 0 && st.st_size > LOG_SIZE_MAX)
		rename(path, cluster_path(c, "logs/%s.log.1", child->spec.name));
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void on_exit(void *arg, const struct process_result *result)
{
	struct child *child = arg;
	char how[1024];

	child->process = NULL;
	if (result->error)
		snprintf(how, sizeof how, "could not start: %s", result->error->message);
	else if (result->signal)
		snprintf(how, sizeof how, "ended by signal %d", result->signal);
	else
		snprintf(how, sizeof how, "ended with status %d", result->exit_code);
	child_ended(child, how);
}

static void child_start(void *arg)
{
	struct child *child = arg;
	struct supervisor *sup = child->sup;
	struct error err = ERROR_INIT;
	int log_fd;

	if (sup->stopping) { /* the timer of a stop: it took too long */
		if (child->pid) {
			log_warning(
			    "%s: still running after %d s, killed", child->spec.name, STOP_GRACE_MS / 1000);
			kill(child->pid, SIGKILL);
		}
		return;
	}
	for (const char *const *name = child->spec.sockets; name && *name; name++)
		unlink(arena_printf(sup->cluster->arena, "%s/%s", child->spec.cwd, *name));
	log_fd = open_log(child);
	child->started_ms = loop_now_ms(sup->loop);
	child->process = process_spawn(sup->loop,
	    &(struct process_options){.argv = child->spec.argv,
		.cwd = child->spec.cwd ? child->spec.cwd : sup->cluster->data_dir,
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.new_session = true},
	    on_exit, child);
	child->pid = process_pid(child->process);
	if (child->pid && pidfile_write(sup->cluster, child->spec.name, child->pid, &err) < 0)
		log_warning("%s: %s", child->spec.name, err.message);
	if (log_fd >= 0)
		close(log_fd);
}

static void on_adopted_end(void *arg)
{
	struct child *child = arg;

	loop_fd_free(child->adopted);
	close(child->adopted_fd);
	child->adopted = NULL;
	child_ended(child, "ended");
}

static bool child_adopt(struct child *child)
{
	pid_t pid = pidfile_read(child->sup->cluster, child->spec.name);
	int fd = pid ? pidfile_watch(pid) : -1;

	if (fd < 0)
		return false;
	child->pid = pid;
	child->adopted_fd = fd;
	child->started_ms = loop_now_ms(child->sup->loop);
	child->adopted = loop_fd_new(child->sup->loop, fd, on_adopted_end, child);
	log_info("%s: adopted process %d", child->spec.name, (int)pid);
	return true;
}

static void child_ended(struct child *child, const char *how)
{
	struct supervisor *sup = child->sup;
	int64_t delay = 0;

	child->pid = 0;
	pidfile_remove(sup->cluster, child->spec.name);
	if (sup->stopping) {
		loop_timer_stop(child->timer);
		stop_rank(sup);
		return;
	}
	if (loop_now_ms(sup->loop) - child->started_ms > STEADY_MS)
		child->failures = 0;
	if (child->failures > 0)
		delay = (int64_t)BACKOFF_FIRST_MS << (child->failures > 10 ? 10 : child->failures - 1);
	if (delay > BACKOFF_MAX_MS)
		delay = BACKOFF_MAX_MS;
	child->failures++;
	log_warning("%s: %s; starting again in %lld ms", child->spec.name, how, (long long)delay);
	loop_timer_start(child->timer, delay, 0);
}

static void pods_stop_work(void *arg)
{
	struct supervisor *sup = arg;
	struct arena *arena = arena_new(); /* the cluster's own arena belongs to the loop's thread */
	struct cluster copy = *sup->cluster;
	struct error err = ERROR_INIT;

	copy.arena = arena;
	if (host_stop_pods(&copy, PODS_GRACE_MS, &err) < 0)
		log_error("%s", err.message);
	arena_free(arena);
}

static void pods_stop_done(void *arg)
{
	struct supervisor *sup = arg;

	sup->rank++;
	stop_rank(sup);
}

/* Stops what belongs to the current rank; goes to the next once nothing of it runs. Called again at each end.
 */
static void stop_rank(struct supervisor *sup)
{
	for (; sup->rank < STOP_RANKS; sup->rank++) {
		bool waiting = false;

		if (sup->rank == STOP_PODS) {
			static bool under_way;

			if (!under_way) {
				under_way = true;
				loop_work(sup->loop, pods_stop_work, pods_stop_done, sup);
			}
			return;
		}
		for (size_t i = 0; i < sup->len; i++) {
			struct child *child = &sup->children[i];

			if (child->spec.stop_rank != sup->rank || !child->pid)
				continue;
			waiting = true;
			if (!loop_timer_is_active(child->timer)) {
				kill(child->pid, SIGTERM);
				loop_timer_start(child->timer, STOP_GRACE_MS, STOP_GRACE_MS);
			}
		}
		if (waiting)
			return;
	}
	loop_stop(sup->loop);
}

/* ---- the guard ---- */

struct guard {
	struct cluster *cluster;
	struct loop *loop;
	struct loop_fd *watch;
	int fd;
};

static void on_supervisor_end(void *arg)
{
	struct guard *guard = arg;
	struct error err = ERROR_INIT;
	pid_t pid;

	loop_fd_free(guard->watch);
	guard->watch = NULL;
	close(guard->fd);
	if (access(cluster_path(guard->cluster, "run/stopping"), F_OK) == 0 ||
	    !cluster_exists(guard->cluster)) {
		loop_stop(guard->loop);
		return;
	}
	log_warning("the supervisor ended; starting it again");
	if (supervisor_start(guard->cluster, &err) < 0) {
		log_error("%s", err.message);
		loop_stop(guard->loop);
		return;
	}
	pid = supervisor_pid_of(guard->cluster, "supervisor");
	guard->fd = pid ? pidfile_watch(pid) : -1;
	if (guard->fd < 0)
		loop_stop(guard->loop); /* the new supervisor starts a guard of its own */
	else
		guard->watch = loop_fd_new(guard->loop, guard->fd, on_supervisor_end, guard);
}

int supervisor_guard_main(struct cluster *cluster)
{
	struct guard guard = {.cluster = cluster, .loop = loop_new(NULL)};
	pid_t pid = supervisor_pid_of(cluster, "supervisor");

	log_init("cube-guard", LOG_INFO);
	guard.fd = pid ? pidfile_watch(pid) : -1;
	if (guard.fd >= 0) {
		guard.watch = loop_fd_new(guard.loop, guard.fd, on_supervisor_end, &guard);
		loop_trim_later(guard.loop);
		loop_run(guard.loop);
	}
	loop_fd_free(guard.watch);
	loop_free(guard.loop);
	return 0;
}
