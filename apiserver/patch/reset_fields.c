/* Which fields a write does not change, whatever it sends: nobody owns them by it. The strategies of upstream
 * name them (GetResetFields). */
#include <string.h>

#include "apiserver/patch/internal.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* What else than the spec a write to a subresource leaves alone; without a subresource: the object itself. */
static const struct reset {
	const char *group, *plural, *subresource, *fields;
} resets[] = {
    {"", "pods", "status", "{\"f:metadata\":{\"f:deletionTimestamp\":{},\"f:ownerReferences\":{}}}"},
    {"apps", "deployments", "status", "{\"f:metadata\":{\"f:labels\":{}}}"},
    {"admissionregistration.k8s.io", "validatingadmissionpolicies", "status", "{\"f:metadata\":{}}"},
    {"apiextensions.k8s.io", "customresourcedefinitions", "status", "{\"f:metadata\":{}}"},
    {"apiregistration.k8s.io", "apiservices", "status", "{\"f:metadata\":{}}"},
    {"flowcontrol.apiserver.k8s.io", "flowschemas", "status", "{\"f:metadata\":{}}"},
    {"flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", "status", "{\"f:metadata\":{}}"},
    {"resource.k8s.io", "resourceclaims", "status", "{\"f:metadata\":{}}"},
    {"storage.k8s.io", "volumeattachments", "status", "{\"f:metadata\":{}}"},
    {"certificates.k8s.io", "certificatesigningrequests", "", "{\"f:spec\":{}}"},
    {"certificates.k8s.io", "certificatesigningrequests", "status", "{\"f:status\":{\"f:conditions\":{}}}"},
    {"certificates.k8s.io", "certificatesigningrequests", "approval",
	"{\"f:spec\":{},\"f:status\":{\"f:certificate\":{}}}"},
};

static struct fieldset *parse(struct arena *arena, const char *text)
{
	struct fieldset *set = fieldset_new(arena, "");
	fieldset_parse(arena, text, strlen(text), &set, NULL);
	return set;
}

/* All that the tree has but its names, metadata and status. */
static struct fieldset *all_but_status(struct arena *arena, const struct json *tree)
{
	static const char *const kept[] = {"apiVersion", "kind", "metadata", "status", NULL};
	struct fieldset *out = fieldset_new(arena, "");
	for (size_t i = 0; i < tree->len; i++) {
		if (str_in(tree->members[i].key, kept))
			continue;
		struct fieldset *child = fieldset_new(arena, typed_key_element(arena, tree->members[i].key));
		child->is_member = true;
		fieldset_attach(arena, out, child);
	}
	fieldset_seal(arena, out);
	return out;
}

const struct fieldset *patch_reset_fields(
    struct api_request *req, struct arena *arena, const struct json *tree)
{
	const struct resource_type *type = req->type;
	const char *subresource = req->info.subresource;
	struct fieldset *out = NULL;
	if (!(type->flags & RESOURCE_STATUS))
		return NULL;
	if (!strcmp(subresource, "status"))
		out = all_but_status(arena, tree);
	else if (!*subresource)
		out = parse(arena, "{\"f:status\":{}}");
	else
		out = fieldset_new(arena, "");
	if (type->dynamic && !strcmp(subresource, "status"))
		return fieldset_union(arena, out, parse(arena, "{\"f:metadata\":{}}"));
	for (size_t i = 0; i < sizeof resets / sizeof resets[0]; i++)
		if (!strcmp(resets[i].group, type->group) && !strcmp(resets[i].plural, type->plural) &&
		    !strcmp(resets[i].subresource, subresource))
			return fieldset_union(arena, out, parse(arena, resets[i].fields));
	return out;
}
