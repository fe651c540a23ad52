/* kube-system/extension-apiserver-authentication: whom extension servers trust; see bootstrap.h. */
#include "apiserver/bootstrap/bootstrap.h"

#include <stdio.h>
#include <string.h>

#include "apiserver/options.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "proto/core_v1.pb-c.h"

static void put(struct object *obj, const char *key, const char *value)
{
	CoreV1__ConfigMap *cm = (void *)obj->msg;
	api_map_set(obj->arena, cm, data, core_v1__config_map__data_entry, key, value);
}

static void put_file(struct object *obj, const char *key, const char *file)
{
	FILE *f = str_empty(file) ? NULL : fopen(file, "re");
	struct buf text = BUF_INIT;
	size_t n;

	if (!f)
		return;
	while ((n = fread(buf_reserve(&text, 4096), 1, 4096, f)) > 0)
		text.size += n;
	fclose(f);
	buf_append(&text, "", 1); /* a NUL: reserved memory is not terminated */
	put(obj, key, text.data);
	buf_done(&text);
}

static void put_list(struct object *obj, const char *key, const struct flag_list *list)
{
	struct buf text = BUF_INIT;

	buf_putc(&text, '[');
	for (size_t i = 0; i < list->len; i++) {
		if (i > 0)
			buf_putc(&text, ',');
		json_write_string(&text, list->items[i], strlen(list->items[i]));
	}
	buf_putc(&text, ']');
	put(obj, key, buf_str(&text));
	buf_done(&text);
}

struct object *bootstrap_trust(const struct api_options *o)
{
	struct object *obj = object_new(schema_by_gvk("", "v1", "ConfigMap"));

	obj->meta->name = arena_strdup(obj->arena, "extension-apiserver-authentication");
	obj->meta->namespace_ = arena_strdup(obj->arena, "kube-system");
	put_file(obj, "client-ca-file", o->client_ca_file);
	if (!str_empty(o->requestheader_client_ca_file)) {
		put_file(obj, "requestheader-client-ca-file", o->requestheader_client_ca_file);
		put_list(obj, "requestheader-allowed-names", &o->requestheader_allowed_names);
		put_list(obj, "requestheader-extra-headers-prefix", &o->requestheader_extra_headers_prefix);
		put_list(obj, "requestheader-group-headers", &o->requestheader_group_headers);
		put_list(obj, "requestheader-username-headers", &o->requestheader_username_headers);
	}
	return obj;
}
