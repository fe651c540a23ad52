/* remote: runs a command in a container, or attaches to one: streams, terminal, exit code. */
#ifndef CUBE_KUBECTL_STREAM_REMOTE_H
#define CUBE_KUBECTL_STREAM_REMOTE_H

#include "kubectl/kubectl.h"

struct remote {
	const char *path; /* of exec or attach, with its query */
	int in_fd;        /* what becomes its standard input; -1: none */
	bool tty;         /* a terminal there; ours is set to raw mode when it is one */
	bool no_stderr;
	/* NULL: standard output and error. channel is 1 or 2. */
	void (*on_output)(void *arg, int channel, const char *data, size_t size);
	void *arg;
};
/* Waits for its end. A command that ended with another code than 0 is a success here: see *ret_exit_code. */
int remote_run(struct kubectl *k, const struct remote *remote, int *ret_exit_code, struct error *err);

/* path + ?container=&command=...&stdin=... ; command may be NULL (attach). */
const char *remote_path(struct kubectl *k, const char *ns, const char *pod, const char *verb,
    const char *container, const char *const *command, size_t command_len, bool in, bool out, bool error,
    bool tty);

/* write(2) until everything is out, whatever the descriptor's mode. */
void remote_write_all(int fd, const char *data, size_t size);

#endif
