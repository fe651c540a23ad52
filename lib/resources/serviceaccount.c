/* v1 ServiceAccount. */
#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

/* Of a secret's reference only the name counts. */
static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__ServiceAccount *sa = MSG(CoreV1__ServiceAccount, obj);

	for (size_t i = 0; i < sa->n_secrets; i++) {
		CoreV1__ObjectReference *clean = API_NEW(obj->arena, core_v1__object_reference);

		clean->name = sa->secrets[i]->name;
		sa->secrets[i] = clean;
	}
}

static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	prepare_create(obj, ctx);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Secrets"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__ServiceAccount *sa = MSG(CoreV1__ServiceAccount, obj);

	ret[0] = cell_text(ctx, sa->metadata->name);
	ret[1] = cell_int(ctx, (int64_t)sa->n_secrets);
	ret[2] = cell_age(ctx, sa->metadata->creation_timestamp);
}

const struct resource_type serviceaccount_strategy = {
    .prepare_create = prepare_create, .prepare_update = prepare_update, COLUMNS(columns), .cells = cells};
