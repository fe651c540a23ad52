/* fake_reader: a list of objects as an object_reader, for the tests of auth/ and admission/. Objects are
 * given as JSON. */
#ifndef CUBE_APISERVER_AUTH_FAKE_READER_H
#define CUBE_APISERVER_AUTH_FAKE_READER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/auth/object_reader.h"
#include "lib/api/object.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

struct fake_reader {
	struct object_reader reader;
	struct object *objects[64];
	size_t len;
};

static const struct object *fake_get(
    void *arg, const struct resource_type *type, const char *ns, const char *name)
{
	const struct fake_reader *f = arg;

	for (size_t i = 0; i < f->len; i++)
		if (f->objects[i]->schema == type->schema &&
		    str_eq(object_namespace(f->objects[i]), str_or(ns, "")) &&
		    str_eq(object_name(f->objects[i]), name))
			return f->objects[i];
	return NULL;
}

static void fake_each(
    void *arg, const struct resource_type *type, const char *ns, object_visit_fn *visit, void *visit_arg)
{
	const struct fake_reader *f = arg;

	for (size_t i = 0; i < f->len; i++)
		if (f->objects[i]->schema == type->schema &&
		    (str_empty(ns) || str_eq(object_namespace(f->objects[i]), ns)) &&
		    !visit(visit_arg, f->objects[i]))
			return;
}

static inline void fake_init(struct fake_reader *f)
{
	*f = (struct fake_reader){.reader = {fake_get, fake_each, f}};
}

static inline struct object *fake_object(const char *json)
{
	struct object *obj = NULL;
	struct error err = ERROR_INIT;

	if (object_decode(json, strlen(json), &obj, &err) < 0)
		fail_msg("%s: %s", err.message, json);
	return obj;
}

/* The object belongs to the reader. */
static inline struct object *fake_add(struct fake_reader *f, const char *json)
{
	assert_true(f->len < sizeof(f->objects) / sizeof(f->objects[0]));
	return f->objects[f->len++] = fake_object(json);
}

static inline void fake_done(struct fake_reader *f)
{
	for (size_t i = 0; i < f->len; i++)
		object_unref(f->objects[i]);
}

#endif
