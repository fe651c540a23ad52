#include "lib/loop/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/internal.h"
#include "lib/loop/loop.h"

enum { OUTPUT_MAX = 1 << 20, SIGNALS = 32, READ_ROUNDS = 32 };

struct capture {
	struct process *process;
	int fd; /* -1: not captured, or at its end */
	struct loop_fd *watch;
	struct buf buf;
};

struct process {
	struct loop_link link; /* in the loop's ring of children while it runs */
	struct loop *loop;
	pid_t pid; /* 0: not started */
	struct capture out, err_out;
	size_t output_max;
	struct loop_timer *timeout;
	struct loop_tick tick; /* tells a start failure */
	struct error error;
	void (*done)(void *arg, const struct process_result *result); /* NULL: cancelled */
	void *arg;
	bool finishing; /* done is running: a cancel from inside it must not free */
};

/* The child's ends of its descriptors. */
struct child_fds {
	int in, out, err_out, report;
};

static void stop_capture(struct capture *capture)
{
	loop_fd_free(capture->watch);
	capture->watch = NULL;
	if (capture->fd >= 0)
		close(capture->fd);
	capture->fd = -1;
}

/* Reads what is there. What goes beyond the limit is read too, so that the child does not block, and dropped.
 */
static void read_capture(void *arg)
{
	struct capture *capture = arg;
	char *data = loop_scratch(capture->process->loop);
	for (int rounds = 0; rounds < READ_ROUNDS; rounds++) {
		ssize_t n = read(capture->fd, data, LOOP_SCRATCH_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			stop_capture(capture);
			return;
		}
		size_t room = capture->process->output_max - capture->buf.size;
		buf_append(&capture->buf, data, (size_t)n < room ? (size_t)n : room);
	}
}

static void free_process(struct process *process)
{
	loop_link_remove(&process->link);
	loop_tick_stop(&process->tick);
	loop_timer_free(process->timeout);
	stop_capture(&process->out);
	stop_capture(&process->err_out);
	buf_done(&process->out.buf);
	buf_done(&process->err_out.buf);
	free(process);
}

static void finish(struct process *process, int exit_code, int signum)
{
	/* Everything the child wrote is in the pipes by now; what its own children may still write is not
	 * waited for. */
	if (process->out.fd >= 0)
		read_capture(&process->out);
	if (process->err_out.fd >= 0)
		read_capture(&process->err_out);
	struct process_result result = {
	    .exit_code = exit_code,
	    .signal = signum,
	    .out = buf_str(&process->out.buf),
	    .err_out = buf_str(&process->err_out.buf),
	    .out_size = process->out.buf.size,
	    .err_size = process->err_out.buf.size,
	    .error = process->error.code ? &process->error : NULL,
	};
	loop_timer_free(process->timeout);
	process->timeout = NULL;
	loop_link_remove(&process->link);
	process->finishing = true;
	process->pid = 0;
	if (process->done)
		process->done(process->arg, &result);
	free_process(process);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void drop_signal(struct loop_children *children)
{
	if (children->signal && loop_link_is_empty(&children->ring)) {
		uv_close((uv_handle_t *)children->signal, free_handle);
		children->signal = NULL;
	}
}

/* One SIGCHLD may stand for several children, and none of ours: each is asked. */
static void on_child_signal(uv_signal_t *uv, int signum)
{
	struct loop *loop = uv->data;
	struct loop_children *children = loop_children(loop);
	bool again = true;
	while (again) { /* from the start after each: callbacks change the ring */
		again = false;
		for (struct loop_link *link = children->ring.next; link != &children->ring;
		     link = link->next) {
			struct process *process = (struct process *)link;
			int status;
			pid_t pid = waitpid(process->pid, &status, WNOHANG);
			if (pid == 0 || (pid < 0 && errno == EINTR))
				continue;
			if (pid < 0) /* somebody else reaped it */
				finish(process, -1, 0);
			else if (WIFEXITED(status))
				finish(process, WEXITSTATUS(status), 0);
			else
				finish(process, -1, WTERMSIG(status));
			again = true;
			break;
		}
	}
	drop_signal(children);
}

static void watch_children(struct loop *loop)
{
	struct loop_children *children = loop_children(loop);
	if (children->signal)
		return;
	children->signal = loop_must(calloc(1, sizeof(*children->signal)));
	uv_signal_init(loop_uv(loop), children->signal);
	children->signal->data = loop;
	uv_signal_start(children->signal, on_child_signal, SIGCHLD);
}

void process_forget_all(struct loop *loop)
{
	struct loop_children *children = loop_children(loop);
	while (!loop_link_is_empty(&children->ring))
		free_process((struct process *)children->ring.next);
	drop_signal(children);
}

static void report_and_exit(int fd)
{
	int errnum = errno;
	if (write(fd, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

/* Between fork and exec: only what is safe there. */
static void run_child(const struct process_options *options, const struct child_fds *fds, pid_t parent)
{
	sigset_t none;
	for (int signum = 1; signum < SIGNALS; signum++)
		signal(signum, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (options->new_session)
		setsid();
	if (options->inherit_death) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127); /* the parent went before the request was in place */
	}
	/* None of these descriptors is below 3 (see child_end), so no dup2 overwrites another. */
	if (dup2(fds->in, 0) < 0 || dup2(fds->out, 1) < 0 || dup2(fds->err_out, 2) < 0)
		report_and_exit(fds->report);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (options->cwd && chdir(options->cwd))
		report_and_exit(fds->report);
	execvpe(options->argv[0], (char *const *)options->argv,
	    options->env ? (char *const *)options->env : environ);
	report_and_exit(fds->report);
}

/* Moves a descriptor above the standard three; -1 stays. */
static int above_standard(int fd)
{
	if (fd < 0 || fd > 2)
		return fd;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return moved;
}

static int open_input(const struct process_options *options)
{
	if (!options->input)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* A file in memory: no writing while the child reads, no deadlock when it does not. */
	int fd = memfd_create("stdin", MFD_CLOEXEC);
	const char *data = options->input;
	for (size_t done = 0; fd >= 0 && done < options->input_size;) {
		ssize_t n = write(fd, data + done, options->input_size - done);
		if (n < 0 && errno != EINTR) {
			close(fd);
			return -1;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* The child's end of an output; ours goes to the capture. */
static int open_output(struct capture *capture, int given)
{
	if (given > 0)
		return fcntl(given, F_DUPFD_CLOEXEC, 3);
	int fds[2];
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	capture->fd = above_standard(fds[0]);
	fcntl(capture->fd, F_SETFL, O_NONBLOCK);
	return fds[1];
}

/* Forks and waits for the exec. Returns the child's errno, or 0 with process->pid set. */
static int start(struct process *process, const struct process_options *options)
{
	int report[2] = {-1, -1}, errnum = 0;
	struct child_fds fds = {.in = above_standard(open_input(options))};
	fds.out = above_standard(open_output(&process->out, options->stdout_fd));
	fds.err_out = above_standard(open_output(&process->err_out, options->stderr_fd));
	if (fds.in < 0 || fds.out < 0 || fds.err_out < 0 || pipe2(report, O_CLOEXEC)) {
		errnum = errno;
	} else {
		fds.report = report[1] = above_standard(report[1]);
		pid_t parent = getpid(), pid = fork();
		if (pid == 0)
			run_child(options, &fds, parent);
		if (pid < 0)
			errnum = errno;
		close(report[1]);
		report[1] = -1;
		ssize_t n = -1;
		while (pid > 0 && (n = read(report[0], &errnum, sizeof(errnum))) < 0 && errno == EINTR)
			;
		if (pid > 0 && n == sizeof(errnum))
			waitpid(pid, NULL, 0);
		else if (pid > 0)
			process->pid = pid;
	}
	const int ours[] = {fds.in, fds.out, fds.err_out, report[0], report[1]};
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (ours[i] >= 0)
			close(ours[i]);
	return process->pid ? 0 : errnum ? errnum : ECHILD;
}

static void tell_start_failure(void *arg)
{
	finish(arg, -1, 0);
}

static void on_timeout(void *arg)
{
	struct process *process = arg;
	error_set(&process->error, ERR_TIMEOUT, "timed out");
	kill(process->pid, SIGKILL);
}

static void watch_capture(struct process *process, struct capture *capture)
{
	if (capture->fd >= 0)
		capture->watch = loop_fd_new(process->loop, capture->fd, read_capture, capture);
}

struct process *process_spawn(struct loop *loop, const struct process_options *options,
    void (*done)(void *arg, const struct process_result *result), void *arg)
{
	struct process *process = loop_must(calloc(1, sizeof(*process)));
	process->loop = loop;
	process->out = (struct capture){process, -1, NULL, BUF_INIT};
	process->err_out = (struct capture){process, -1, NULL, BUF_INIT};
	process->output_max = options->output_max ? options->output_max : OUTPUT_MAX;
	process->done = done;
	process->arg = arg;
	process->tick.fn = tell_start_failure;
	process->tick.arg = process;
	watch_children(loop); /* before the fork: no exit may be missed */
	int errnum = start(process, options);
	loop_link_append(&loop_children(loop)->ring, &process->link);
	if (errnum) {
		stop_capture(&process->out);
		stop_capture(&process->err_out);
		error_set_errno(&process->error, errnum, "can't start %s", options->argv[0]);
		/* Not among the children that are asked: pid 0 would ask for the whole group. */
		loop_link_remove(&process->link);
		drop_signal(loop_children(loop));
		loop_tick_start(loop, &process->tick);
		return process;
	}
	watch_capture(process, &process->out);
	watch_capture(process, &process->err_out);
	if (options->timeout_ms > 0) {
		process->timeout = loop_timer_new_real(loop, on_timeout, process);
		loop_timer_start(process->timeout, options->timeout_ms, 0);
	}
	return process;
}

int process_pid(const struct process *process)
{
	return process->pid;
}

void process_kill(struct process *process, int signum)
{
	if (process->pid > 0)
		kill(process->pid, signum);
}

void process_cancel(struct process *process)
{
	if (!process || process->finishing)
		return;
	process->done = NULL;
	if (process->pid > 0) {
		kill(process->pid, SIGKILL); /* freed when it is reaped */
		return;
	}
	free_process(process);
}
