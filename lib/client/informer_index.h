/*
 * informer_index: the indexes of one informer. An index is filled when somebody first asks for it and kept up
 * to date from then on, so that the built-in ones (namespace, controller, uid) cost nothing where they are
 * not used.
 */
#ifndef CUBE_CLIENT_INFORMER_INDEX_H
#define CUBE_CLIENT_INFORMER_INDEX_H

#include "lib/client/informer.h"

struct informer_bucket;
struct informer_indexes;
struct strmap;

struct informer_link {                         /* one entry under one value of one index */
	struct informer_link *next, *previous; /* in the bucket */
	struct informer_link *next_of_entry;
	struct informer_bucket *bucket;
	struct informer_entry *entry;
};

struct informer_entry {
	const struct object *obj;
	struct informer_link *links;
	unsigned mark;
};

struct informer_indexes *informer_indexes_new(void);
void informer_indexes_free(struct informer_indexes *indexes); /* before the entries */
void informer_indexes_add(struct informer_indexes *indexes, const char *name, informer_index_fn *fn);
void informer_indexes_insert(struct informer_indexes *indexes, struct informer_entry *entry);
void informer_indexes_remove(struct informer_indexes *indexes, struct informer_entry *entry);
/* First of the entries under value; NULL when there is none. entries: everything, to fill an index that is
 * new. */
struct informer_link *informer_indexes_first(
    struct informer_indexes *indexes, const struct strmap *entries, const char *index, const char *value);

#endif
