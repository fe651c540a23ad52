/*
 * pause: the process that holds a pod's namespaces open.
 *
 * It is PID 1 of the sandbox, and of every container of the pod that shares the
 * pod's process namespace, so it inherits orphans and must reap them. It waits
 * with its signals blocked: the kernel drops what an unblocked PID 1 would not
 * handle, and a wait has no race between a handler and going to sleep.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return EXIT_FAILURE;

	for (;;) {
		int sig = sigwaitinfo(&set, NULL);

		if (sig == SIGINT || sig == SIGTERM)
			return EXIT_SUCCESS;
		if (sig < 0 && errno != EINTR)
			return EXIT_FAILURE;
		/* One SIGCHLD may stand for many children. */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
