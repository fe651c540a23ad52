/* keeper: what the two hidden commands that keep things running share. */
#ifndef CUBE_CUBE_KEEPER_H
#define CUBE_CUBE_KEEPER_H

struct cluster;

/* Parses --data-dir, opens the cluster and runs body. */
int keeper_run(int argc, char **argv, const char *name, int (*body)(struct cluster *cluster));

#endif
