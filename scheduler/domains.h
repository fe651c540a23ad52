/* domains: counts for topology domains, a domain being one value of one node label. Lives in an arena. */
#ifndef CUBE_SCHEDULER_DOMAINS_H
#define CUBE_SCHEDULER_DOMAINS_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct domains;

struct domains *domains_new(struct arena *arena);
/* Adds to the count of (key, value) and returns the new count. */
int64_t domains_add(struct domains *domains, const char *key, const char *value, int64_t amount);
int64_t domains_get(
    const struct domains *domains, const char *key, const char *value); /* 0 when never added */
size_t domains_len(const struct domains *domains);
int64_t domains_min(const struct domains *domains); /* over all; 0 when there are none */

#endif
