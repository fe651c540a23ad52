/* v1 Namespace. */
#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__Namespace *ns = MSG(CoreV1__Namespace, obj);

	if (!str_empty(ns->metadata->name))
		api_map_set(obj->arena, ns->metadata, labels, meta_v1__object_meta__labels_entry,
		    "kubernetes.io/metadata.name", ns->metadata->name);
}

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__Namespace *ns = MSG(CoreV1__Namespace, obj);

	defaults(obj, ctx); /* a generated name is known only now */
	ns->status->phase = (char *)"Active";
	for (size_t i = 0; i < ns->spec->n_finalizers; i++)
		if (str_eq(ns->spec->finalizers[i], "kubernetes"))
			return;
	api_append(obj->arena, ns->spec, finalizers, (char *)"kubernetes");
}

static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	CoreV1__Namespace *ns = MSG(CoreV1__Namespace, obj);

	if (!str_eq(ctx->subresource, "finalize"))
		ns->spec = api_clone_message(obj->arena, &MSG(CoreV1__Namespace, old)->spec->base);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Namespace *ns = MSG(CoreV1__Namespace, obj);
	const struct field_path *list = PATH_CHILD(PATH_ROOT("spec"), "finalizers");
	bool is_finalize = str_eq(ctx->subresource, "finalize"); /* only there the path has the index */

	for (size_t i = 0; i < ns->spec->n_finalizers; i++) {
		const char *f = ns->spec->finalizers[i];
		const struct field_path *p = is_finalize ? PATH_INDEX(list, i) : list;

		if (rule_format(e, p, f, "qualified-name") && !strchr(f, '/'))
			rule_invalid_if(e, p,
			    strcmp(f, "kubernetes") && strcmp(f, "orphan") && strcmp(f, "foregroundDeletion"),
			    f, "name is neither a standard finalizer name nor is it fully qualified");
	}
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Namespace *ns = MSG(CoreV1__Namespace, obj);
	const char *want = ns->metadata->deletion_timestamp ? "Terminating" : "Active";

	rule_invalid_if(e, PATH_CHILD(PATH_ROOT("status"), "Phase"), !str_eq(ns->status->phase, want),
	    ns->status->phase,
	    ns->metadata->deletion_timestamp ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
					     : "may only be 'Active' if `deletionTimestamp` is empty");
}

static const char *const field_names[] = {"status.phase", "name", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	const CoreV1__Namespace *ns = MSG(CoreV1__Namespace, obj);

	return strcmp(name, "name") ? ns->status->phase : ns->metadata->name;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Status"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__Namespace *ns = MSG(CoreV1__Namespace, obj);

	ret[0] = cell_text(ctx, ns->metadata->name);
	ret[1] = cell_text(ctx, ns->status->phase);
	ret[2] = cell_age(ctx, ns->metadata->creation_timestamp);
}

const struct resource_type namespace_strategy = {.name_format = "dns-label",
    .defaults = defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_status_update = validate_status_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
