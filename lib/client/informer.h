/*
 * informer: keeps a local, consistent replica of one kind by list and watch (reflector), indexes it, and
 * tells handlers what changed. Handlers only enqueue keys or mark things dirty; they never block. Objects are
 * immutable and shared.
 *
 * The reflector lists (resourceVersion=0), watches with bookmarks from there, resumes after a broken stream
 * from the last revision, lists again on 410, and backs off 0.8 s doubling to 30 s with jitter while the
 * server is away.
 */
#ifndef CUBE_CLIENT_INFORMER_H
#define CUBE_CLIENT_INFORMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct informer;
struct informer_set;
struct object;
struct resource_type;
struct rest_client;
struct selector;

/* All informers of a daemon. One informer for each (type, namespace, selectors); asked for again, it is
 * shared. */
struct informer_set *informer_set_new(struct rest_client *client); /* client NULL: fed by hand, for tests */
void informer_set_free(struct informer_set *set);
void informer_set_start(struct informer_set *set); /* starts those not started yet */
bool informer_set_synced(const struct informer_set *set);
/* fn fires once when every informer asked for so far has its first list. */
void informer_set_on_synced(struct informer_set *set, void (*fn)(void *arg), void *arg);

struct informer *informer_get(struct informer_set *set, const struct resource_type *type);
struct informer *informer_get_filtered(struct informer_set *set, const struct resource_type *type,
    const char *ns, const char *label_selector, const char *field_selector);
const struct resource_type *informer_type(const struct informer *inf);
bool informer_synced(const struct informer *inf);
int64_t informer_revision(const struct informer *inf); /* of the last event or list seen */

/* old NULL: added; new NULL: deleted; both: changed. For existing objects `added` fires right away. */
typedef void informer_handler(void *arg, const struct object *old, const struct object *new_);
void informer_add_handler(struct informer *inf, informer_handler *fn, void *arg);

/* Lister. Results are borrowed: valid until control returns to the loop; object_ref() to keep. */
const struct object *informer_lookup(
    const struct informer *inf, const char *ns, const char *name); /* ns "" or NULL: cluster */
const struct object *informer_lookup_key(const struct informer *inf, const char *key);
const struct object *informer_lookup_uid(const struct informer *inf, const char *uid);
size_t informer_len(const struct informer *inf);
struct informer_iter {
	const struct informer *inf;
	void *next;
	const char *ns;
	const char *index_key;
	void *state;
};
struct informer_iter informer_all(const struct informer *inf);
struct informer_iter informer_in_namespace(const struct informer *inf, const char *ns);
const struct object *informer_next(struct informer_iter *iter); /* NULL at the end. Order is not defined. */
#define informer_for_each(obj, iter_expr)                                                                    \
	for (struct informer_iter obj##_iter = (iter_expr), *obj##_once = &obj##_iter; obj##_once;           \
	     obj##_once = NULL)                                                                              \
		for (const struct object *obj; (obj = informer_next(&obj##_iter));)

/*
 * Indexes: fn calls emit(ctx, value) for each value under which the object is found. Add before start.
 * Built in: "namespace"; "controller" = uid of the controller owner reference.
 */
typedef void informer_index_fn(
    const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx);
void informer_add_index(struct informer *inf, const char *name, informer_index_fn *fn);
struct informer_iter informer_by_index(const struct informer *inf, const char *index, const char *value);

/* Feeding by hand (tests, and the runner's read-your-writes): ignores objects older than what is known. */
void informer_inject(struct informer *inf, const struct object *obj);
void informer_inject_delete(struct informer *inf, const char *ns, const char *name);

#endif
