/* v1 ComponentStatus. */
#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("Status"), COLUMN("Message"), COLUMN("Error")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__ComponentStatus *status = MSG(CoreV1__ComponentStatus, obj);
	const char *state = "Unknown", *message = "", *error = "";

	for (size_t i = 0; i < status->n_conditions; i++) {
		const CoreV1__ComponentCondition *c = status->conditions[i];

		if (!str_eq(c->type, "Healthy"))
			continue;
		state = str_eq(c->status, "True") ? "Healthy" : "Unhealthy";
		message = c->message;
		error = c->error;
		break;
	}
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, state);
	ret[2] = cell_text(ctx, message);
	ret[3] = cell_text(ctx, error);
}

const struct resource_type componentstatus_strategy = {COLUMNS(columns), .cells = cells};
