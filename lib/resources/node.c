/* v1 Node. */
#include <stdlib.h>

#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__Node *node = MSG(CoreV1__Node, obj);
	CoreV1__NodeSpec *spec = node->spec;
	CoreV1__NodeStatus *status = node->status;

	/* an old client changes podCIDR alone */
	if (spec->n_pod_cidrs && !str_empty(spec->pod_cidr) && strcmp(spec->pod_cidr, spec->pod_cidrs[0])) {
		spec->pod_cidrs = NULL;
		spec->n_pod_cidrs = 0;
	}
	if (!spec->n_pod_cidrs && !str_empty(spec->pod_cidr))
		api_append(obj->arena, spec, pod_cidrs, spec->pod_cidr);
	spec->pod_cidr = spec->n_pod_cidrs ? spec->pod_cidrs[0] : (char *)"";
	if (status->n_allocatable || !status->n_capacity)
		return;
	for (size_t i = 0; i < status->n_capacity; i++) {
		CoreV1__NodeStatus__AllocatableEntry *entry =
		    API_NEW(obj->arena, core_v1__node_status__allocatable_entry);

		entry->key = status->capacity[i]->key;
		entry->value = status->capacity[i]->value;
		api_append(obj->arena, status, allocatable, entry);
	}
}

static void check_taints(const CoreV1__NodeSpec *spec, struct field_errors *e)
{
	const struct field_path *p = PATH_CHILD(PATH_ROOT("metadata"), "taints"); /* upstream's path */
	struct rule_seen seen = {0};

	for (size_t i = 0; i < spec->n_taints; i++) {
		const CoreV1__Taint *t = spec->taints[i];
		const struct field_path *at = AT(p, i);

		rule_format(e, CHILD(at, "key"), t->key, "qualified-name");
		rule_format(e, CHILD(at, "value"), t->value, "label-value");
		if (rule_required(e, CHILD(at, "effect"), t->effect))
			RULE_ENUM(
			    e, CHILD(at, "effect"), t->effect, "NoSchedule", "PreferNoSchedule", "NoExecute");
		if (rule_seen(&seen, e->arena,
			arena_printf(e->arena, "%s %s", str_or(t->effect, ""), str_or(t->key, ""))) &&
		    !str_empty(t->effect))
			rule_duplicate(e, at, t->key);
	}
}

/* At most one range of each family. */
static void check_families(const CoreV1__NodeSpec *spec, const struct field_path *p, struct field_errors *e)
{
	bool v4 = false, v6 = false;
	struct rule_seen seen = {0};

	for (size_t i = 0; i < spec->n_pod_cidrs; i++) {
		v6 = v6 || strchr(spec->pod_cidrs[i], ':');
		v4 = v4 || !strchr(spec->pod_cidrs[i], ':');
		if (rule_seen(&seen, e->arena, spec->pod_cidrs[i]))
			rule_duplicate(e, AT(p, i), spec->pod_cidrs[i]);
	}
	rule_invalid_if(e, p, spec->n_pod_cidrs > 2 || (spec->n_pod_cidrs == 2 && !(v4 && v6)), NULL,
	    "may specify no more than one CIDR for each IP family");
}

static void check_amounts_of(size_t len, void *entries, const struct field_path *p, struct field_errors *e)
{
	struct quantity_entry **map = entries;

	for (size_t i = 0; i < len; i++) /* upstream's path has a dot */
		rule_resource_value(e, CHILD(p, map[i]->key), map[i]->key, map[i]->value);
}

static void check_amounts(const CoreV1__NodeStatus *s, struct field_errors *e)
{
	const struct field_path *p = PATH_ROOT("status");

	check_amounts_of(s->n_capacity, s->capacity, CHILD(p, "capacity"), e);
	check_amounts_of(s->n_allocatable, s->allocatable, CHILD(p, "allocatable"), e);
}

static void check_addresses(const CoreV1__NodeStatus *s, struct field_errors *e)
{
	for (size_t i = 0; i < s->n_addresses; i++)
		for (size_t j = 0; j < i; j++)
			if (api_equal(s->addresses[i], s->addresses[j]))
				rule_duplicate(e, AT(CHILD(PATH_ROOT("status"), "addresses"), i),
				    s->addresses[i]->address);
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__NodeStatus *s = MSG(CoreV1__Node, obj)->status;

	check_amounts(s, e);
	check_addresses(s, e);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Node *node = MSG(CoreV1__Node, obj);
	const struct field_path *p = PATH_CHILD(PATH_ROOT("spec"), "podCIDRs");

	check_taints(node->spec, e);
	for (size_t i = 0; i < node->spec->n_pod_cidrs; i++)
		rule_format(e, AT(p, i), node->spec->pod_cidrs[i], "cidr");
	check_families(node->spec, p, e);
	check_amounts(node->status, e);
}

static bool same_strings(size_t a_len, char **a, size_t b_len, char **b)
{
	for (size_t i = 0; i < a_len && i < b_len; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return a_len == b_len;
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__NodeSpec *spec = MSG(CoreV1__Node, obj)->spec, *was = MSG(CoreV1__Node, old)->spec;
	CoreV1__NodeSpec *munged = api_clone_message(ctx->arena, &spec->base);
	const struct field_path *p = PATH_ROOT("spec");

	if (was->n_pod_cidrs)
		rule_forbidden_if(e, CHILD(p, "podCIDRs"),
		    !same_strings(spec->n_pod_cidrs, spec->pod_cidrs, was->n_pod_cidrs, was->pod_cidrs),
		    "node updates may not change podCIDR except from \"\" to valid");
	if (!str_empty(was->provider_id))
		rule_forbidden_if(e, CHILD(p, "providerID"), !str_eq(spec->provider_id, was->provider_id),
		    "node updates may not change providerID except from \"\" to valid");
	if (!was->n_pod_cidrs) {
		munged->n_pod_cidrs = 0;
		munged->pod_cidr = was->pod_cidr;
	}
	if (str_empty(was->provider_id))
		munged->provider_id = was->provider_id;
	munged->unschedulable = was->unschedulable;
	munged->has_unschedulable = was->has_unschedulable;
	munged->n_taints = was->n_taints;
	munged->taints = was->taints;
	munged->config_source = was->config_source;
	rule_forbidden_if(e, PATH_ROOT("[]"), !api_equal(munged, was),
	    "node updates may only change labels, taints, or capacity (or configSource, if the "
	    "DynamicKubeletConfig feature gate is enabled)");
}

static const char *const field_names[] = {"spec.unschedulable", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	return MSG(CoreV1__Node, obj)->spec->unschedulable ? "true" : "false";
}

static const char *status_text(const CoreV1__Node *node, struct arena *arena)
{
	const char *text = "Unknown";

	for (size_t i = 0; i < node->status->n_conditions; i++)
		if (str_eq(node->status->conditions[i]->type, "Ready"))
			text = str_eq(node->status->conditions[i]->status, "True") ? "Ready" : "NotReady";
	return node->spec->unschedulable ? arena_printf(arena, "%s,SchedulingDisabled", text) : text;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *roles_text(const CoreV1__Node *node, const struct resource_context *ctx)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	char **roles = ARENA_ARRAY(ctx->arena, char *, node->metadata->n_labels + 1);
	size_t len = 0;

	for (size_t i = 0; i < node->metadata->n_labels; i++) {
		char *key = node->metadata->labels[i]->key, *value = node->metadata->labels[i]->value;

		if (str_has_prefix(key, prefix) && key[sizeof prefix - 1])
			roles[len++] = key + sizeof prefix - 1;
		else if (!strcmp(key, "kubernetes.io/role") && !str_empty(value))
			roles[len++] = value;
	}
	qsort(roles, len, sizeof *roles, compare_strings);
	return cell_join(ctx, len, roles, ",");
}

static const char *address(const CoreV1__Node *node, const char *type)
{
	for (size_t i = 0; i < node->status->n_addresses; i++)
		if (str_eq(node->status->addresses[i]->type, type))
			return node->status->addresses[i]->address;
	return NULL;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Status"), COLUMN("Roles"), COLUMN_AGE,
    COLUMN("Version"), COLUMN_WIDE("Internal-IP"), COLUMN_WIDE("External-IP"), COLUMN_WIDE("OS-Image"),
    COLUMN_WIDE("Kernel-Version"), COLUMN_WIDE("Container-Runtime")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__Node *node = MSG(CoreV1__Node, obj);
	const CoreV1__NodeSystemInfo *info = node->status->node_info;

	ret[0] = cell_text(ctx, node->metadata->name);
	ret[1] = cell_text(ctx, status_text(node, ctx->arena));
	ret[2] = cell_text(ctx, roles_text(node, ctx));
	ret[3] = cell_age(ctx, node->metadata->creation_timestamp);
	ret[4] = cell_text(ctx, info->kubelet_version);
	ret[5] = cell_or_none(ctx, address(node, "InternalIP"));
	ret[6] = cell_or_none(ctx, address(node, "ExternalIP"));
	ret[7] = cell_or(ctx, info->os_image, "<unknown>");
	ret[8] = cell_or(ctx, info->kernel_version, "<unknown>");
	ret[9] = cell_or(ctx, info->container_runtime_version, "<unknown>");
}

const struct resource_type node_strategy = {.defaults = defaults,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
