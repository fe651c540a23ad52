#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/podspec.h"
#include "lib/resources/volumes.h"

/* An ephemeral container's common part has a container's fields in a container's order. */
_Static_assert(sizeof(CoreV1__EphemeralContainerCommon) == sizeof(CoreV1__Container), "same layout");

/* "latest" by name or by omission is pulled always; a digest or another tag only when it is not there. */
static const char *pull_policy_of(const char *image)
{
	const char *slash = strrchr(image, '/');
	const char *tag = strchr(slash ? slash : image, ':');

	if (strchr(image, '@'))
		return "IfNotPresent";
	return !tag || !strcmp(tag, ":latest") ? "Always" : "IfNotPresent";
}

static void default_env(struct arena *arena, CoreV1__Container *c)
{
	for (size_t i = 0; i < c->n_env; i++) {
		CoreV1__EnvVarSource *from = c->env[i]->value_from;

		if (from && from->resource_field_ref && !from->resource_field_ref->divisor)
			from->resource_field_ref->divisor = quantity_new_text(arena, "0");
	}
}

static void default_container(struct arena *arena, CoreV1__Container *c)
{
	if (str_empty(c->image_pull_policy)) {
		/* upstream reads a malformed reference, such as one with a bad digest, as one that has a tag
		 */
		c->image_pull_policy = (char *)pull_policy_of(str_or(c->image, ""));
	}
	default_env(arena, c);
}

static void default_downward_files(struct arena *arena, size_t len, CoreV1__DownwardAPIVolumeFile **items)
{
	for (size_t i = 0; i < len; i++)
		if (items[i]->resource_field_ref && !items[i]->resource_field_ref->divisor)
			items[i]->resource_field_ref->divisor = quantity_new_text(arena, "0");
}

static void default_volume(struct arena *arena, CoreV1__Volume *volume)
{
	CoreV1__VolumeSource *source = volume->volume_source;

	if (!volume_count_sources(&source->base))
		source->empty_dir = API_NEW(arena, core_v1__empty_dir_volume_source);
	if (source->downward_api)
		default_downward_files(arena, source->downward_api->n_items, source->downward_api->items);
	for (size_t i = 0; source->projected && i < source->projected->n_sources; i++) {
		CoreV1__DownwardAPIProjection *d = source->projected->sources[i]->downward_api;

		if (d)
			default_downward_files(arena, d->n_items, d->items);
	}
}

void podspec_mirror_service_account(CoreV1__PodSpec *spec)
{
	if (str_empty(spec->service_account_name) && !str_empty(spec->service_account))
		spec->service_account_name = spec->service_account;
	spec->service_account = spec->service_account_name;
}

void podspec_defaults(struct arena *arena, CoreV1__PodSpec *spec)
{
	if (!spec->security_context)
		spec->security_context = API_NEW(arena, core_v1__pod_security_context);
	podspec_mirror_service_account(spec);
	for (size_t i = 0; i < spec->n_volumes; i++)
		default_volume(arena, spec->volumes[i]);
	for (size_t i = 0; i < spec->n_init_containers; i++)
		default_container(arena, spec->init_containers[i]);
	for (size_t i = 0; i < spec->n_containers; i++)
		default_container(arena, spec->containers[i]);
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++)
		default_container(
		    arena, (CoreV1__Container *)spec->ephemeral_containers[i]->ephemeral_container_common);
}

void podtemplate_defaults(struct arena *arena, CoreV1__PodTemplateSpec *template)
{
	podspec_defaults(arena, template->spec);
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp((*(struct quantity_entry *const *)a)->key, (*(struct quantity_entry *const *)b)->key);
}

/* What has a limit and no request asks for its limit. */
static void default_requests(struct arena *arena, CoreV1__ResourceRequirements *r)
{
	struct quantity_entry **limits = (struct quantity_entry **)r->limits;
	size_t old_len = r->n_requests;

	for (size_t i = 0; i < r->n_limits; i++) {
		CoreV1__ResourceRequirements__RequestsEntry *entry;

		if (quantity_entry_find(old_len, r->requests, limits[i]->key))
			continue;
		entry = API_NEW(arena, core_v1__resource_requirements__requests_entry);
		entry->key = arena_strdup(arena, limits[i]->key);
		entry->value = limits[i]->value ? api_clone(arena, limits[i]->value) : NULL;
		api_append(arena, r, requests, entry);
	}
	if (r->n_requests > old_len)
		qsort(r->requests, r->n_requests, sizeof r->requests[0], compare_entries);
}

static void default_host_ports(size_t len, CoreV1__Container **containers)
{
	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < containers[i]->n_ports; j++)
			if (!containers[i]->ports[j]->host_port)
				containers[i]->ports[j]->host_port = containers[i]->ports[j]->container_port;
}

void pod_defaults(struct arena *arena, CoreV1__Pod *pod)
{
	CoreV1__PodSpec *spec = pod->spec;

	podspec_defaults(arena, spec);
	for (size_t i = 0; i < spec->n_containers; i++)
		default_requests(arena, spec->containers[i]->resources);
	for (size_t i = 0; i < spec->n_init_containers; i++)
		default_requests(arena, spec->init_containers[i]->resources);
	if (!spec->has_enable_service_links)
		spec->enable_service_links = true;
	spec->has_enable_service_links = true;
	if (spec->host_network) {
		default_host_ports(spec->n_containers, spec->containers);
		default_host_ports(spec->n_init_containers, spec->init_containers);
	}
}

static bool positive(size_t len, void *entries, const char *name, struct quantity *ret)
{
	return quantity_in_(len, entries, name, ret) && ret->nano > 0;
}

/* Returns whether the container asks for anything; clears *guaranteed when its limits are not its requests.
 */
static bool container_qos(const CoreV1__Container *c, bool *guaranteed)
{
	static const char *const names[] = {"cpu", "memory"};
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		struct quantity limit, request;
		bool has_limit = positive(c->resources->n_limits, c->resources->limits, names[i], &limit);
		bool has_request =
		    positive(c->resources->n_requests, c->resources->requests, names[i], &request);

		any = any || has_limit || has_request;
		if (!has_limit || (has_request && quantity_compare(&limit, &request)))
			*guaranteed = false;
		if (!has_request &&
		    quantity_in_(c->resources->n_requests, c->resources->requests, names[i], &request))
			*guaranteed = false; /* an explicit request of 0 is not the limit */
	}
	return any;
}

const char *pod_qos_class(const CoreV1__PodSpec *spec)
{
	bool any = false, guaranteed = true;

	for (size_t i = 0; i < spec->n_containers; i++)
		any = container_qos(spec->containers[i], &guaranteed) || any;
	for (size_t i = 0; i < spec->n_init_containers; i++)
		any = container_qos(spec->init_containers[i], &guaranteed) || any;
	return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}
