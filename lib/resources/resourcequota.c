/* v1 ResourceQuota. */
#include "lib/resources/resource_names.h"
#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

static const char *const scopes[] = {"Terminating", "NotTerminating", "BestEffort", "NotBestEffort",
    "PriorityClass", "CrossNamespacePodAffinity", NULL};

static bool is_compute(const char *resource)
{
	static const char *const names[] = {
	    "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory", NULL};

	return str_in(resource, names);
}

static bool is_standard(const char *resource)
{
	static const char *const names[] = {"cpu", "memory", "ephemeral-storage", "requests.cpu",
	    "requests.memory", "requests.storage", "requests.ephemeral-storage", "limits.cpu",
	    "limits.memory", "limits.ephemeral-storage", "pods", "resourcequotas", "services",
	    "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports",
	    "services.loadbalancers", NULL};

	return str_in(resource, names) || resource_name_is_hugepages(resource) ||
	       str_has_prefix(resource, "requests.hugepages-");
}

/* Scopes speak of pods: they go with the count of pods and with what pods compute with. */
static bool fits(const char *scope, const char *resource)
{
	return !str_in(scope, scopes) || !strcmp(resource, "pods") ||
	       (strcmp(scope, "BestEffort") && is_compute(resource));
}

static bool all_fit(const CoreV1__ResourceQuotaSpec *spec, const char *scope)
{
	for (size_t i = 0; i < spec->n_hard; i++)
		if (is_standard(spec->hard[i]->key) && !fits(scope, spec->hard[i]->key))
			return false;
	return true;
}

static bool has_scope(const CoreV1__ResourceQuotaSpec *spec, const char *scope)
{
	for (size_t i = 0; i < spec->n_scopes; i++)
		if (str_eq(spec->scopes[i], scope))
			return true;
	return false;
}

static void check_scopes(
    const CoreV1__ResourceQuotaSpec *spec, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < spec->n_scopes; i++) {
		const char *scope = str_or(spec->scopes[i], "");

		rule_invalid_if(e, p, !str_in(scope, scopes), scope, "unsupported scope");
		rule_invalid_if(e, p, !all_fit(spec, scope), scope, "unsupported scope applied to resource");
	}
	rule_invalid_if(e, p,
	    (has_scope(spec, "BestEffort") && has_scope(spec, "NotBestEffort")) ||
		(has_scope(spec, "Terminating") && has_scope(spec, "NotTerminating")),
	    NULL, "conflicting scopes");
}

static bool selects(const CoreV1__ResourceQuotaSpec *spec, const char *scope)
{
	for (size_t i = 0; spec->scope_selector && i < spec->scope_selector->n_match_expressions; i++)
		if (str_eq(spec->scope_selector->match_expressions[i]->scope_name, scope))
			return true;
	return false;
}

static void check_selector(
    const CoreV1__ResourceQuotaSpec *spec, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; spec->scope_selector && i < spec->scope_selector->n_match_expressions; i++) {
		const CoreV1__ScopedResourceSelectorRequirement *r =
		    spec->scope_selector->match_expressions[i];
		const char *scope = str_or(r->scope_name, ""), *op = str_or(r->operator_, "");
		bool takes_values = !strcmp(op, "In") || !strcmp(op, "NotIn");

		rule_invalid_if(e, CHILD(p, "scopeName"), !str_in(scope, scopes), scope, "unsupported scope");
		rule_invalid_if(e, p, !all_fit(spec, scope), scope, "unsupported scope applied to resource");
		if (str_in(scope, scopes) && strcmp(scope, "PriorityClass"))
			rule_invalid_if(e, CHILD(p, "operator"), strcmp(op, "Exists"), op,
			    "must be 'Exist' for this scope");
		if (takes_values)
			rule_required_that(e, CHILD(p, "values"), r->n_values,
			    "must be at least one value when `operator` is 'In' or 'NotIn'");
		else if (!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist"))
			rule_invalid_if(e, CHILD(p, "values"), r->n_values, NULL,
			    "must be no value when `operator` is 'Exist' or 'DoesNotExist'");
		else
			rule_invalid_if(e, CHILD(p, "operator"), true, op, "not a valid selector operator");
	}
	rule_invalid_if(e, p,
	    (selects(spec, "BestEffort") && selects(spec, "NotBestEffort")) ||
		(selects(spec, "Terminating") && selects(spec, "NotTerminating")),
	    NULL, "conflicting scopes");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__ResourceQuotaSpec *spec = MSG(CoreV1__ResourceQuota, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	for (size_t i = 0; i < spec->n_hard; i++) {
		const struct field_path *at = KEY(CHILD(p, "hard"), spec->hard[i]->key);

		resource_name_validate_quota(spec->hard[i]->key, at, e);
		rule_resource_value(e, at, spec->hard[i]->key, spec->hard[i]->value);
	}
	check_scopes(spec, CHILD(p, "scopes"), e);
	check_selector(spec, CHILD(CHILD(p, "scopeSelector"), "matchExpressions"), e);
}

/* Scopes are a set, and fixed. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__ResourceQuotaSpec *spec = MSG(CoreV1__ResourceQuota, obj)->spec,
					*was = MSG(CoreV1__ResourceQuota, old)->spec;
	bool same = spec->n_scopes == was->n_scopes;

	for (size_t i = 0; same && i < spec->n_scopes; i++)
		same = has_scope(was, spec->scopes[i]);
	rule_immutable(e, CHILD(PATH_ROOT("spec"), "scopes"), same);
}

static void check_amounts(size_t len, void *entries, const struct field_path *p, struct field_errors *e)
{
	struct quantity_entry **map = entries;

	for (size_t i = 0; i < len; i++) {
		resource_name_validate_quota(map[i]->key, KEY(p, map[i]->key), e);
		rule_resource_value(e, KEY(p, map[i]->key), map[i]->key, map[i]->value);
	}
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__ResourceQuotaStatus *s = MSG(CoreV1__ResourceQuota, obj)->status;
	const struct field_path *p = PATH_ROOT("status");

	check_amounts(s->n_hard, s->hard, CHILD(p, "hard"), e);
	check_amounts(s->n_used, s->used, CHILD(p, "used"), e);
}

static const char *amount(const Resource__Quantity *value, struct arena *arena)
{
	struct quantity q = quantity_of(value);
	char text[QUANTITY_TEXT_MAX];

	return arena_strdup(arena, quantity_format(&q, text));
}

static const char *usage_text(const CoreV1__ResourceQuota *quota, bool limits, struct arena *arena)
{
	const CoreV1__ResourceQuotaStatus *status = quota->status;
	const char *text = "";

	for (size_t i = 0; i < status->n_hard; i++) {
		const char *key = status->hard[i]->key, *used = "0";

		if (str_has_prefix(key, "limits") != limits)
			continue;
		for (size_t j = 0; j < status->n_used; j++)
			if (!strcmp(status->used[j]->key, key))
				used = amount(status->used[j]->value, arena);
		text = arena_printf(arena, "%s%s%s: %s/%s", text, *text ? ", " : "", key, used,
		    amount(status->hard[i]->value, arena));
	}
	return text;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Request"), COLUMN("Limit"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__ResourceQuota *quota = MSG(CoreV1__ResourceQuota, obj);

	ret[0] = cell_text(ctx, quota->metadata->name);
	ret[1] = cell_text(ctx, usage_text(quota, false, ctx->arena));
	ret[2] = cell_text(ctx, usage_text(quota, true, ctx->arena));
	ret[3] = cell_age(ctx, quota->metadata->creation_timestamp);
}

const struct resource_type resourcequota_strategy = {.validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
