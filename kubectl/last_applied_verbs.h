/* last_applied_verbs: `apply view-last-applied` and `apply set-last-applied`. */
#ifndef CUBE_KUBECTL_LAST_APPLIED_VERBS_H
#define CUBE_KUBECTL_LAST_APPLIED_VERBS_H

#include "kubectl/kubectl.h"

/* argv[0] is the verb. */
int last_applied_view(struct kubectl *k, int argc, char **argv, struct error *err);
int last_applied_replace(struct kubectl *k, int argc, char **argv, struct error *err);

#endif
