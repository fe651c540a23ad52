/* cordon: a node takes no new pods, or does again. */
#ifndef CUBE_KUBECTL_CORDON_H
#define CUBE_KUBECTL_CORDON_H

#include "kubectl/kubectl.h"

struct target;
struct write_flags;

/* Prints "node/x cordoned", "already cordoned", ... */
int cordon_set(struct kubectl *k, const struct write_flags *w, const struct target *node, bool unschedulable,
    struct error *err);
/* The verbs cordon and uncordon. */
int cordon_run(struct kubectl *k, bool unschedulable, int argc, char **argv, struct error *err);
/* NODE..., or -l. */
int cordon_nodes(struct kubectl *k, const struct args *args, const char *selector, struct target **ret,
    size_t *ret_len, struct failures *failures, struct error *err);

#endif
