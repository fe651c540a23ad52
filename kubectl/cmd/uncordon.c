/* kubectl uncordon. */
#include "kubectl/cordon.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return cordon_run(k, false, argc, argv, err);
}

const struct command command_uncordon = {
    "uncordon", NULL, "Cluster Management Commands:", "Mark node as schedulable", run};
