/* What differs between versions that used to be stored and ours, in JSON. */
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/stored.h"

static struct json *object_at(struct json *tree, const char *key)
{
	struct json *found = tree && tree->type == JSON_OBJECT ? json_get(tree, key) : NULL;

	return found && found->type == JSON_OBJECT ? found : NULL;
}

static struct json *array_at(struct json *tree, const char *key)
{
	struct json *found = tree && tree->type == JSON_OBJECT ? json_get(tree, key) : NULL;

	return found && found->type == JSON_ARRAY ? found : NULL;
}

static void rename_member(struct arena *arena, struct json *tree, const char *from, const char *to)
{
	struct json *value = tree ? json_get(tree, from) : NULL;

	if (!value)
		return;
	json_remove(tree, from);
	json_set(arena, tree, to, value);
}

/* --- Ingress: serviceName and servicePort stood in the backend itself --- */

static void upgrade_backend(struct arena *arena, struct json *backend)
{
	struct json *name = backend ? json_get(backend, "serviceName") : NULL,
		    *port = backend ? json_get(backend, "servicePort") : NULL;
	struct json *service, *ref;

	if (!backend)
		return;
	json_remove(backend, "serviceName");
	json_remove(backend, "servicePort");
	if (!name || name->type != JSON_STRING || !*name->text)
		return;
	service = json_new_object(arena);
	json_set(arena, service, "name", name);
	ref = json_new_object(arena);
	if (port)
		json_set(arena, ref, port->type == JSON_STRING ? "name" : "number", port);
	json_set(arena, service, "port", ref);
	json_set(arena, backend, "service", service);
}

void stored_upgrade_ingress(struct arena *arena, struct json *tree)
{
	struct json *spec = object_at(tree, "spec");
	struct json *rules = array_at(spec, "rules");

	upgrade_backend(arena, object_at(spec, "backend"));
	rename_member(arena, spec, "backend", "defaultBackend");
	for (size_t i = 0; rules && i < rules->len; i++) {
		struct json *paths = array_at(object_at(rules->items[i], "http"), "paths");

		for (size_t k = 0; paths && k < paths->len; k++) {
			struct json *path = paths->items[k];

			if (path->type != JSON_OBJECT)
				continue;
			upgrade_backend(arena, object_at(path, "backend"));
			if (!json_get(path, "pathType"))
				json_set(arena, path, "pathType",
				    json_new_string(arena, "ImplementationSpecific"));
		}
	}
}

/* --- CustomResourceDefinition: what all versions share stood in spec, and upstream stores it so to this day
 * --- */

static void upgrade_columns(struct arena *arena, struct json *columns)
{
	for (size_t i = 0; columns && i < columns->len; i++)
		if (columns->items[i]->type == JSON_OBJECT)
			rename_member(arena, columns->items[i], "JSONPath", "jsonPath");
}

/* spec.conversion: what concerns the webhook has a place of its own now. */
static void upgrade_conversion(struct arena *arena, struct json *conversion)
{
	struct json *client = object_at(conversion, "webhookClientConfig"),
		    *versions = array_at(conversion, "conversionReviewVersions");
	struct json *webhook;

	if (!conversion)
		return;
	json_remove(conversion, "webhookClientConfig");
	json_remove(conversion, "conversionReviewVersions");
	if (!str_eq(json_get_string(conversion, "strategy", ""), "Webhook"))
		return;
	webhook = json_new_object(arena);
	if (client)
		json_set(arena, webhook, "clientConfig", client);
	if (!versions) {
		versions = json_new_array(arena);
		json_push(arena, versions, json_new_string(arena, "v1beta1"));
	}
	json_set(arena, webhook, "conversionReviewVersions", versions);
	json_set(arena, conversion, "webhook", webhook);
}

static struct json *only_version(struct arena *arena, struct json *spec)
{
	struct json *versions = json_new_array(arena), *version = json_new_object(arena);

	json_set(arena, version, "name", json_new_string(arena, json_get_string(spec, "version", "")));
	json_set(arena, version, "served", json_new_bool(arena, true));
	json_set(arena, version, "storage", json_new_bool(arena, true));
	json_push(arena, versions, version);
	json_set(arena, spec, "versions", versions);
	return versions;
}

void stored_upgrade_definition(struct arena *arena, struct json *tree)
{
	static const char *const shared[][2] = {{"validation", "schema"}, {"subresources", "subresources"},
	    {"additionalPrinterColumns", "additionalPrinterColumns"}};
	struct json *spec = object_at(tree, "spec");
	struct json *versions = array_at(spec, "versions");

	if (!spec)
		return;
	if (!versions || !versions->len)
		versions = only_version(arena, spec);
	json_remove(spec, "version");
	for (size_t s = 0; s < sizeof shared / sizeof *shared; s++) {
		struct json *value = json_get(spec, shared[s][0]);

		json_remove(spec, shared[s][0]);
		for (size_t i = 0; value && i < versions->len; i++)
			if (versions->items[i]->type == JSON_OBJECT &&
			    !json_get(versions->items[i], shared[s][1]))
				json_set(arena, versions->items[i], shared[s][1], json_clone(arena, value));
	}
	for (size_t i = 0; i < versions->len; i++)
		upgrade_columns(arena, array_at(versions->items[i], "additionalPrinterColumns"));
	upgrade_conversion(arena, object_at(spec, "conversion"));
	if (!json_get(spec, "preserveUnknownFields"))
		json_set(arena, spec, "preserveUnknownFields", json_new_bool(arena, true));
}

/* --- PriorityLevelConfiguration: the shares have got another name, and keep their number --- */

void stored_upgrade_priority_level(struct arena *arena, struct json *tree)
{
	rename_member(arena, object_at(object_at(tree, "spec"), "limited"), "assuredConcurrencyShares",
	    "nominalConcurrencyShares");
}
