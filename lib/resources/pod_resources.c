/* Resource requirements, and the references to fields and resources that the downward API takes. */
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"
#include "lib/resources/resource_names.h"

static void check_against_limit(const CoreV1__ResourceRequirements *r, const struct quantity_entry *request,
    const struct field_path *p, struct field_errors *e)
{
	const struct field_path *limits = CHILD(p, "limits"),
				*at = CHILD(p, "requests"); /* without the name, as upstream */
	struct quantity limit, q = quantity_of(request->value);
	const struct quantity_entry *entry = quantity_entry_find(r->n_limits, r->limits, request->key);

	if (!entry) {
		rule_required_that(e, limits, resource_name_is_overcommit_allowed(request->key),
		    "Limit must be set for non overcommitable resources");
		return;
	}
	limit = quantity_of(entry->value);
	if (!resource_name_is_overcommit_allowed(request->key))
		rule_invalid_if(e, at, quantity_compare(&q, &limit) != 0,
		    request->value ? request->value->string : "",
		    arena_printf(e->arena, "must be equal to %s limit", request->key));
	else
		rule_invalid_if(e, at, quantity_compare(&q, &limit) > 0,
		    request->value ? request->value->string : "",
		    arena_printf(e->arena, "must be less than or equal to %s limit", request->key));
}

/* Of huge pages only whole ones can be had. */
static void check_pages(
    const struct quantity_entry *entry, const struct field_path *p, struct field_errors *e)
{
	struct quantity size, q = quantity_of(entry->value);

	if (!resource_name_is_hugepages(entry->key))
		return;
	rule_invalid_if(e, p,
	    quantity_parse(entry->key + strlen("hugepages-"), &size, NULL) < 0 || size.nano <= 0 ||
		size.nano % 1000000000 || q.nano % size.nano,
	    entry->value ? entry->value->string : "", "is not positive integer multiple of the page size");
}

void podspec_validate_resources(
    const CoreV1__ResourceRequirements *r, const struct field_path *p, struct field_errors *e)
{
	struct quantity_entry **limits = (struct quantity_entry **)r->limits,
			      **requests = (struct quantity_entry **)r->requests;
	bool huge = false, plain = false;

	for (size_t i = 0; i < r->n_limits; i++) {
		const struct field_path *at = KEY(CHILD(p, "limits"), limits[i]->key);

		resource_name_validate_container(limits[i]->key, at, e);
		rule_resource_value(e, at, limits[i]->key, limits[i]->value);
		check_pages(limits[i], at, e);
		huge = huge || resource_name_is_hugepages(limits[i]->key);
		plain = plain || str_eq(limits[i]->key, "cpu") || str_eq(limits[i]->key, "memory");
	}
	for (size_t i = 0; i < r->n_requests; i++) {
		const struct field_path *at = KEY(CHILD(p, "requests"), requests[i]->key);

		resource_name_validate_container(requests[i]->key, at, e);
		rule_resource_value(e, at, requests[i]->key, requests[i]->value);
		check_pages(requests[i], at, e);
		check_against_limit(r, requests[i], p, e);
		huge = huge || resource_name_is_hugepages(requests[i]->key);
		plain = plain || str_eq(requests[i]->key, "cpu") || str_eq(requests[i]->key, "memory");
	}
	rule_forbidden_if(e, p, huge && !plain, "HugePages require cpu or memory");
}

void podspec_validate_field_ref(const CoreV1__ObjectFieldSelector *ref, bool for_volume,
    const struct field_path *p, struct field_errors *e)
{
	static const char *const known[] = {"metadata.annotations", "metadata.labels", "metadata.name",
	    "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.restartPolicy",
	    "spec.serviceAccountName", "spec.schedulerName", "status.phase", "status.hostIP",
	    "status.hostIPs", "status.podIP", "status.podIPs", "spec.host", NULL};
	static const char *const for_env[] = {"metadata.name", "metadata.namespace", "metadata.uid",
	    "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP",
	    "status.podIPs", "spec.host", NULL};
	static const char *const for_files[] = {"metadata.name", "metadata.namespace", "metadata.labels",
	    "metadata.annotations", "metadata.uid", NULL};
	const char *bracket, *path;
	size_t len;

	if (!rule_required(e, CHILD(p, "apiVersion"), ref->api_version) ||
	    !rule_required(e, CHILD(p, "fieldPath"), ref->field_path))
		return;
	path = ref->field_path;
	len = strlen(path);
	bracket = strstr(path, "['");
	if (bracket && bracket != path && len >= 4 && !strcmp(path + len - 2, "']") &&
	    bracket + 2 <= path + len - 2) {
		const char *key =
		    arena_strndup(e->arena, bracket + 2, (size_t)(path + len - 2 - (bracket + 2)));
		const char *base = arena_strndup(e->arena, path, (size_t)(bracket - path));

		if (strcmp(ref->api_version, "v1"))
			rule_invalid_if(e, CHILD(p, "fieldPath"), true, path, "unsupported pod version");
		else if (!strcmp(base, "metadata.annotations"))
			rule_format(e, p, str_lower(e->arena, key), "qualified-name");
		else if (!strcmp(base, "metadata.labels"))
			rule_format(e, p, key, "qualified-name");
		else
			rule_invalid_if(e, CHILD(p, "fieldPath"), true, path, "does not support subscript");
		return;
	}
	if (rule_invalid_if(e, CHILD(p, "fieldPath"), strcmp(ref->api_version, "v1") || !str_in(path, known),
		path, "error converting fieldPath: field label not supported"))
		rule_enum(e, CHILD(p, "fieldPath"), path, for_volume ? for_files : for_env);
}

static bool has_size(const char *resource)
{
	return str_eq(resource, "limits.memory") || str_eq(resource, "requests.memory") ||
	       str_eq(resource, "limits.ephemeral-storage") ||
	       str_eq(resource, "requests.ephemeral-storage") ||
	       str_has_prefix(resource, "limits.hugepages-") ||
	       str_has_prefix(resource, "requests.hugepages-");
}

static void check_divisor(
    const CoreV1__ResourceFieldSelector *ref, const struct field_path *p, struct field_errors *e)
{
	static const char *const cpu[] = {"1m", "1", NULL};
	static const char *const bytes[] = {
	    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL};
	const char *resource = str_or(ref->resource, "");
	struct quantity q = quantity_of(ref->divisor);
	char text[QUANTITY_TEXT_MAX];

	if (!q.nano)
		return;
	quantity_format(&q, text);
	if (!strcmp(resource, "limits.cpu") || !strcmp(resource, "requests.cpu"))
		rule_invalid_if(e, p, !str_in(text, cpu), text,
		    "only divisor's values 1m and 1 are supported with the cpu resource");
	else if (has_size(resource))
		rule_invalid_if(
		    e, p, !str_in(text, bytes), text, "only powers of 1000 and of 1024 are supported");
}

void podspec_validate_resource_field_ref(const CoreV1__ResourceFieldSelector *ref, bool for_volume,
    const struct field_path *p, struct field_errors *e)
{
	static const char *const known[] = {"limits.cpu", "limits.memory", "limits.ephemeral-storage",
	    "requests.cpu", "requests.memory", "requests.ephemeral-storage", NULL};

	if ((!for_volume || rule_required(e, CHILD(p, "containerName"), ref->container_name)) &&
	    rule_required(e, CHILD(p, "resource"), ref->resource) &&
	    !str_has_prefix(ref->resource, "limits.hugepages-") &&
	    !str_has_prefix(ref->resource, "requests.hugepages-"))
		rule_enum(e, CHILD(p, "resource"), ref->resource, known);
	check_divisor(ref, CHILD(p, "divisor"), e);
}
