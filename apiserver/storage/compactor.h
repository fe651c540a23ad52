/*
 * compactor: every interval the history before the revision seen one interval ago is dropped from the store.
 * Servers that share a store take turns: the key compact_rev_key is written by whoever comes first, the
 * others skip that round.
 */
#ifndef CUBE_APISERVER_STORAGE_COMPACTOR_H
#define CUBE_APISERVER_STORAGE_COMPACTOR_H

#include <stdint.h>

struct compactor;
struct loop;
struct storage;

struct compactor *compactor_start(
    struct loop *loop, struct storage *storage, int64_t interval_ms); /* 0: never */
void compactor_free(struct compactor *compactor);

#endif
