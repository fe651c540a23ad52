/* kubectl kustomize: not supported; says what to do instead. */
#include "kubectl/kubectl.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return error_set(err, ERR_PARSE,
	    "kustomize is not supported by this kubectl: render the objects with the kustomize program and "
	    "use -f");
}

const struct command command_kustomize = {"kustomize", NULL,
    "Advanced Commands:", "Not supported: build a kustomization target from a directory or URL", run};
