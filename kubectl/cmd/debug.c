/* kubectl debug: not supported; says what to do instead. */
#include "kubectl/kubectl.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return error_set(err, ERR_PARSE,
	    "debug is not supported by this kubectl: use `kubectl exec` or `kubectl run -it --rm`");
}

const struct command command_debug = {"debug", NULL,
    "Troubleshooting and Debugging Commands:", "Not supported: create debugging sessions", run};
