#include "lib/resources/resource_names.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/resources/rules.h"

static bool is_quota_resource(const char *name)
{
	static const char *const names[] = {"cpu", "memory", "ephemeral-storage", "requests.cpu",
	    "requests.memory", "requests.storage", "requests.ephemeral-storage", "limits.cpu",
	    "limits.memory", "limits.ephemeral-storage", "pods", "resourcequotas", "services",
	    "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports",
	    "services.loadbalancers", NULL};

	return str_in(name, names) || resource_name_is_hugepages(name) ||
	       str_has_prefix(name, "requests.hugepages-");
}

static bool is_container_resource(const char *name)
{
	return str_eq(name, "cpu") || str_eq(name, "memory") || str_eq(name, "ephemeral-storage") ||
	       resource_name_is_hugepages(name);
}

bool resource_name_validate(const char *name, const struct field_path *p, struct field_errors *e)
{
	if (!rule_format(e, p, name, "qualified-name"))
		return false;
	return rule_invalid_if(e, p,
	    !strchr(name, '/') && !is_quota_resource(name) && strcmp(name, "storage"), name,
	    "must be a standard resource type or fully qualified");
}

bool resource_name_validate_container(const char *name, const struct field_path *p, struct field_errors *e)
{
	if (!resource_name_validate(name, p, e))
		return false;
	if (!strchr(name, '/'))
		return rule_invalid_if(
		    e, p, !is_container_resource(name), name, "must be a standard resource for containers");
	return rule_invalid_if(e, p, !resource_name_is_native(name) && !resource_name_is_extended(name), name,
	    "doesn't follow extended resource name standard");
}

bool resource_name_validate_quota(const char *name, const struct field_path *p, struct field_errors *e)
{
	return resource_name_validate(name, p, e) &&
	       rule_invalid_if(e, p, !strchr(name, '/') && !is_quota_resource(name), name,
		   "must be a standard resource for quota");
}
