/* kubectl label. */
#include "kubectl/marking.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	static const struct marking what = {
	    "label", "labels", "metadata.labels", "labeled", "unlabeled", "label"};
	return marking_run(k, &what, argc, argv, err);
}

const struct command command_label = {
    "label", NULL, "Settings Commands:", "Update the labels on a resource", run};
