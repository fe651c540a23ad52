/* kubectl annotate. */
#include "kubectl/marking.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	static const struct marking what = {
	    "annotate", "annotations", "metadata.annotations", "annotated", "annotated", "annotation"};
	return marking_run(k, &what, argc, argv, err);
}

const struct command command_annotate = {
    "annotate", NULL, "Settings Commands:", "Update the annotations on a resource", run};
