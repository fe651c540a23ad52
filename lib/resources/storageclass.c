/* storage.k8s.io/v1 StorageClass. */
#include "lib/resources/strategy.h"
#include "proto/storage_v1.pb-c.h"

static void check_topology(
    const CoreV1__TopologySelectorTerm *term, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen keys = {0};

	for (size_t j = 0; j < term->n_match_label_expressions; j++) {
		const CoreV1__TopologySelectorLabelRequirement *r = term->match_label_expressions[j];
		const struct field_path *at = AT(p, j);
		struct rule_seen values = {0};

		rule_required_that(e, CHILD(at, "values"), r->n_values, "");
		for (size_t k = 0; k < r->n_values; k++)
			if (rule_seen(&values, e->arena, r->values[k]))
				rule_duplicate(e, AT(CHILD(at, "values"), k), r->values[k]);
		rule_format(e, CHILD(at, "key"), r->key, "qualified-name");
		if (rule_seen(&keys, e->arena, str_or(r->key, "")))
			rule_duplicate(e, CHILD(at, "key"), r->key);
	}
}

/* Terms that say the same, and terms that say nothing, are duplicates. */
static void check_topologies(
    const StorageV1__StorageClass *sc, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < sc->n_allowed_topologies; i++) {
		const CoreV1__TopologySelectorTerm *term = sc->allowed_topologies[i];
		bool duplicate = !term->n_match_label_expressions;

		check_topology(term, CHILD(AT(p, i), "matchLabelExpressions"), e);
		for (size_t j = 0; j < i && !duplicate; j++)
			duplicate = api_equal(term, sc->allowed_topologies[j]);
		if (duplicate)
			rule_duplicate(e, CHILD(AT(p, i), "matchLabelExpressions"), "");
	}
}

enum { PARAMETERS_MAX = 512, PARAMETERS_SIZE_MAX = 256 * 1024 };

static void check_parameters(
    const StorageV1__StorageClass *sc, const struct field_path *p, struct field_errors *e)
{
	size_t size = 0;

	if (sc->n_parameters > PARAMETERS_MAX) {
		field_errors_at(e, FIELD_TOO_LONG, p, NULL, "must have at most %d items", PARAMETERS_MAX);
		return;
	}
	for (size_t i = 0; i < sc->n_parameters; i++) {
		rule_invalid_if(e, p, str_empty(sc->parameters[i]->key), "", "field can not be empty.");
		size += strlen(sc->parameters[i]->key) + strlen(str_or(sc->parameters[i]->value, ""));
	}
	if (size > PARAMETERS_SIZE_MAX)
		field_errors_at(
		    e, FIELD_TOO_LONG, p, NULL, "may not be more than %d bytes", PARAMETERS_SIZE_MAX);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__StorageClass *sc = MSG(StorageV1__StorageClass, obj);

	if (rule_required(e, PATH_ROOT("provisioner"), sc->provisioner))
		rule_format(
		    e, PATH_ROOT("provisioner"), str_lower(e->arena, sc->provisioner), "qualified-name");
	check_parameters(sc, PATH_ROOT("parameters"), e);
	if (!str_empty(sc->reclaim_policy))
		RULE_ENUM(e, PATH_ROOT("reclaimPolicy"), sc->reclaim_policy, "Delete", "Retain");
	if (rule_required_that(e, PATH_ROOT("volumeBindingMode"), sc->volume_binding_mode, ""))
		RULE_ENUM(e, PATH_ROOT("volumeBindingMode"), sc->volume_binding_mode, "Immediate",
		    "WaitForFirstConsumer");
	check_topologies(sc, PATH_ROOT("allowedTopologies"), e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__StorageClass *sc = MSG(StorageV1__StorageClass, obj),
				      *was = MSG(StorageV1__StorageClass, old);

	rule_forbidden_if(e, PATH_ROOT("parameters"), !api_map_equal(sc, was, parameters),
	    "updates to parameters are forbidden.");
	rule_forbidden_if(e, PATH_ROOT("provisioner"), !str_eq(sc->provisioner, was->provisioner),
	    "updates to provisioner are forbidden.");
	rule_forbidden_if(e, PATH_ROOT("reclaimPolicy"), !str_eq(sc->reclaim_policy, was->reclaim_policy),
	    "updates to reclaimPolicy are forbidden.");
	rule_immutable(
	    e, PATH_ROOT("volumeBindingMode"), str_eq(sc->volume_binding_mode, was->volume_binding_mode));
}

static bool is_default(const MetaV1__ObjectMeta *meta)
{
	return str_eq(
		   api_map_get(meta, annotations, "storageclass.kubernetes.io/is-default-class"), "true") ||
	       str_eq(api_map_get(meta, annotations, "storageclass.beta.kubernetes.io/is-default-class"),
		   "true");
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Provisioner"), COLUMN("ReclaimPolicy"),
    COLUMN("VolumeBindingMode"), COLUMN("AllowVolumeExpansion"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const StorageV1__StorageClass *sc = MSG(StorageV1__StorageClass, obj);

	ret[0] = cell_printf(ctx, "%s%s", sc->metadata->name, is_default(sc->metadata) ? " (default)" : "");
	ret[1] = cell_text(ctx, sc->provisioner);
	ret[2] = cell_or(ctx, sc->reclaim_policy, "Delete");
	ret[3] = cell_or(ctx, sc->volume_binding_mode, "Immediate");
	ret[4] = cell_bool(ctx, sc->has_allow_volume_expansion && sc->allow_volume_expansion);
	ret[5] = cell_age(ctx, sc->metadata->creation_timestamp);
}

const struct resource_type storageclass_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
