#include "kubectl/patch/json_overrides.h"

#include <string.h>

#include "kubectl/tree.h"
#include "lib/base/error.h"

static void merge(struct arena *arena, struct json *into, const struct json *patch)
{
	for (size_t i = 0; i < tree_size(patch); i++) {
		struct json *value = patch->members[i].value, *before = json_get(into, patch->members[i].key);
		if (value->type == JSON_NULL)
			json_remove(into, patch->members[i].key);
		else if (value->type == JSON_OBJECT && before && before->type == JSON_OBJECT)
			merge(arena, before, value);
		else
			json_set(arena, into, patch->members[i].key, value);
	}
}

int json_overrides_apply(struct arena *arena, struct json *object, const char *text, struct error *err)
{
	struct json *patch;
	struct error why = ERROR_INIT;
	if (json_parse(arena, text, strlen(text), NULL, &patch, &why))
		return error_set(err, ERR_PARSE, "invalid --overrides: %s", why.message);
	merge(arena, object, patch);
	return 0;
}
