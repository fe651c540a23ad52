#include "lib/client/test_objects.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/api/object.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

struct object *test_object(const char *text_fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;
	va_start(ap, text_fmt);
	buf_vprintf(&text, text_fmt, ap);
	va_end(ap);
	struct object *obj = NULL;
	struct error err = ERROR_INIT;
	if (object_decode(buf_str(&text), text.size, &obj, &err) < 0) {
		fprintf(stderr, "%s: %s\n", buf_str(&text), err.message);
		abort();
	}
	buf_done(&text);
	return obj;
}

struct object *test_configmap(const char *ns, const char *name, int revision)
{
	return test_object(
	    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"namespace\":\"%s\",\"name\":"
	    "\"%s\",\"uid\":\"uid-%s-%s\",\"resourceVersion\":\"%d\"}}",
	    ns, name, ns, name, revision);
}
