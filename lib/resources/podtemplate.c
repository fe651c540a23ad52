/* v1 PodTemplate. */
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	podtemplate_defaults(obj->arena, MSG(CoreV1__PodTemplate, obj)->template_);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	podtemplate_validate(MSG(CoreV1__PodTemplate, obj)->template_, PATH_ROOT("template"), e);
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("Containers"), COLUMN("Images"), COLUMN("Pod Labels")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__PodTemplateSpec *t = MSG(CoreV1__PodTemplate, obj)->template_;

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_container_names(ctx, t->spec);
	ret[2] = cell_container_images(ctx, t->spec);
	ret[3] = cell_text(ctx, cell_labels(ctx, t->metadata->n_labels, t->metadata->labels));
}

const struct resource_type podtemplate_strategy = {
    .defaults = defaults, .validate = validate, COLUMNS(columns), .cells = cells};
