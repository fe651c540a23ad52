/* thresholds: --eviction-hard: memory.available<100Mi,nodefs.available<10%,... Pure. */
#ifndef CUBE_KUBELET_THRESHOLDS_H
#define CUBE_KUBELET_THRESHOLDS_H

#include <stdint.h>

struct kubelet_config;

/* The amount that must stay free, in bytes (or units): percentages are of `total`. 0: no threshold. */
int64_t threshold_bytes(const struct kubelet_config *config, const char *signal, int64_t total);

#endif
