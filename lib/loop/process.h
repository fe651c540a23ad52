/* process: child processes: short ones with their input and output captured, long ones supervised by their
 * owner. */
#ifndef CUBE_LOOP_PROCESS_H
#define CUBE_LOOP_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct loop;
struct process;

struct process_result {
	int exit_code;             /* -1 when it was ended by a signal or did not start */
	int signal;                /* 0, or the signal that ended it */
	const char *out, *err_out; /* captured output, NUL-terminated; "" when not captured */
	size_t out_size, err_size;
	const struct error *error; /* set when the program could not be started or timed out */
};

struct process_options {
	const char *const *argv; /* ends with NULL; argv[0] is looked up in PATH */
	const char *const *env;  /* NULL: inherit */
	const char *cwd;         /* NULL: inherit */
	const void *input;       /* standard input; NULL: /dev/null */
	size_t input_size;
	size_t output_max;        /* captured bytes a stream at most; 0: 1 MiB. More is dropped. */
	int64_t timeout_ms;       /* 0: none; then SIGKILL */
	int stdout_fd, stderr_fd; /* > 0: given to the child instead of capturing */
	bool new_session;         /* setsid: survives the parent's terminal */
	bool inherit_death;       /* PR_SET_PDEATHSIG SIGKILL, so that nothing outlives us */
};

/* done fires once, when the child is reaped. NULL is never returned: a start failure is reported through
 * done. */
struct process *process_spawn(struct loop *loop, const struct process_options *options,
    void (*done)(void *arg, const struct process_result *result), void *arg);
/* The handle is valid until done returned. loop_free() forgets children without killing them. */
int process_pid(const struct process *process); /* 0 when it did not start */
void process_kill(struct process *process, int signum);
void process_cancel(struct process *process); /* kills, and done never fires */

#endif
