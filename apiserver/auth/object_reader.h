/*
 * object_reader: how authentication, authorization and admission look at the cluster: a table of
 * functions over the watch caches. The server fills it once; tests fill it from a list of objects. Results
 * are borrowed: valid until control returns to the loop; object_ref() to keep.
 */
#ifndef CUBE_APISERVER_AUTH_OBJECT_READER_H
#define CUBE_APISERVER_AUTH_OBJECT_READER_H

#include <stdbool.h>

struct error;
struct object;
struct resource_type;

typedef bool object_visit_fn(void *arg, const struct object *obj); /* false stops the walk */

struct object_reader {
	/* ns "" or NULL for cluster-scoped kinds. NULL when there is none. */
	const struct object *(*get)(
	    void *arg, const struct resource_type *type, const char *ns, const char *name);
	/* All objects of the kind, or those of one namespace when ns is neither NULL nor "". Order is not
	 * defined. */
	void (*each)(void *arg, const struct resource_type *type, const char *ns, object_visit_fn *visit,
	    void *visit_arg);
	void *arg;
	/* Makes what get() and each() see as new as the store, then calls fn: other servers write there too.
	 * NULL: it always is. */
	void (*refresh)(void *arg, void (*fn)(void *fn_arg, const struct error *err), void *fn_arg);
};

static inline const struct object *reader_get(
    const struct object_reader *r, const struct resource_type *type, const char *ns, const char *name)
{
	return r->get(r->arg, type, ns, name);
}

static inline void reader_each(const struct object_reader *r, const struct resource_type *type,
    const char *ns, object_visit_fn *visit, void *visit_arg)
{
	r->each(r->arg, type, ns, visit, visit_arg);
}

#endif
