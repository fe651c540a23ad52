/* x-kubernetes-list-type: sets hold each value once, maps each combination of keys. */
#include <string.h>

#include "apiserver/extensions/custom_schema.h"
#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

typedef ApiextensionsV1__JSONSchemaProps Props;

/* What makes an item of the list itself, as text. */
static const char *identity(const Props *props, const struct json *item, bool is_map, struct buf *ret)
{
	buf_reset(ret);
	if (!is_map) {
		json_write(ret, item, 0);
		return buf_str(ret);
	}
	buf_putc(ret, '{');
	for (size_t i = 0; i < props->n_x_kubernetes_list_map_keys; i++) {
		const char *key = props->x_kubernetes_list_map_keys[i];
		const struct json *v = json_get(item, key);
		buf_puts(ret, i ? "," : "");
		json_write_string(ret, key, strlen(key));
		buf_putc(ret, ':');
		if (v)
			json_write(ret, v, 0);
		else
			buf_puts(ret, "null");
	}
	buf_putc(ret, '}');
	return buf_str(ret);
}

static void check_unique(
    const struct custom_schema *s, const struct json *v, const struct field_path *p, struct field_errors *e)
{
	bool is_map = str_eq(s->props->x_kubernetes_list_type, "map");
	if (!is_map && !str_eq(s->props->x_kubernetes_list_type, "set"))
		return;
	struct strmap *seen = strmap_new();
	struct buf text = BUF_INIT;
	for (size_t i = 0; i < v->len; i++) {
		const char *id = identity(s->props, v->items[i], is_map, &text);
		if (strmap_put(seen, id, seen))
			field_errors_at(e, FIELD_DUPLICATE, PATH_INDEX(p, i), id, "%s", "");
	}
	buf_done(&text);
	strmap_free(seen, NULL);
}

void custom_schema_validate_lists(
    const struct custom_schema *s, const struct json *v, const struct field_path *p, struct field_errors *e)
{
	if (!s)
		return;
	if (v->type == JSON_ARRAY) {
		check_unique(s, v, p, e);
		for (size_t i = 0; s->items && i < v->len; i++)
			custom_schema_validate_lists(s->items, v->items[i], PATH_INDEX(p, i), e);
	} else if (v->type == JSON_OBJECT) {
		for (size_t i = 0; i < v->len; i++) {
			const char *key = v->members[i].key;
			const struct custom_schema *member = custom_schema_property(s, key);
			const struct field_path *at = member ? PATH_CHILD(p, key) : PATH_KEY(p, key);
			custom_schema_validate_lists(
			    member ? member : s->additional, v->members[i].value, at, e);
		}
	}
}
