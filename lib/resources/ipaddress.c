/* networking.k8s.io/v1 IPAddress: the name is the address. */
#include "lib/resources/strategy.h"
#include "proto/networking_v1.pb-c.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const NetworkingV1__ParentReference *ref = MSG(NetworkingV1__IPAddress, obj)->spec->parent_ref;
	const struct field_path *p = PATH_CHILD(PATH_ROOT("spec"), "parentRef");

	if (!rule_required_that(e, p, ref, ""))
		return;
	rule_required(e, CHILD(p, "resource"), ref->resource);
	rule_required(e, CHILD(p, "name"), ref->name);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_CHILD(PATH_ROOT("spec"), "parentRef"),
	    api_equal(MSG(NetworkingV1__IPAddress, obj)->spec->parent_ref,
		MSG(NetworkingV1__IPAddress, old)->spec->parent_ref));
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("ParentRef")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const NetworkingV1__ParentReference *ref = MSG(NetworkingV1__IPAddress, obj)->spec->parent_ref;
	bool namespaced = ref && !str_empty(ref->namespace_);

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = !ref         ? cell_text(ctx, "<none>")
		 : namespaced ? cell_printf(ctx, "%s/%s/%s", ref->resource, ref->namespace_, ref->name)
			      : cell_printf(ctx, "%s/%s", ref->resource, ref->name);
}

const struct resource_type ipaddress_strategy = {.name_format = "ip",
    .validate = validate,
    .validate_update = validate_update,
    COLUMNS(columns),
    .cells = cells};
