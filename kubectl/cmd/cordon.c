/* kubectl cordon. */
#include "kubectl/cordon.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return cordon_run(k, true, argc, argv, err);
}

const struct command command_cordon = {
    "cordon", NULL, "Cluster Management Commands:", "Mark node as unschedulable", run};
