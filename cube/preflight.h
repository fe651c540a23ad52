/* preflight: says everything that is missing for a start at once, and how to get it. */
#ifndef CUBE_CUBE_PREFLIGHT_H
#define CUBE_CUBE_PREFLIGHT_H

struct cluster;
struct error;

/* Root, programs, CNI plugins, free ports, a usable data directory. The error lists all that is wrong, a line
 * each. */
int preflight(const struct cluster *cluster, struct error *err);

#endif
