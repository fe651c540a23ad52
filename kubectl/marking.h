/* marking: `label` and `annotate`, which differ in a word. */
#ifndef CUBE_KUBECTL_MARKING_H
#define CUBE_KUBECTL_MARKING_H

#include "kubectl/kubectl.h"

struct marking {
	const char *verb, *member, *path, *done; /* "label", "labels", "metadata.labels", "labeled" */
	const char *undone;                      /* "unlabeled" */
	const char *noun;                        /* "label" */
};
int marking_run(struct kubectl *k, const struct marking *what, int argc, char **argv, struct error *err);

#endif
