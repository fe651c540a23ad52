/* Which size each ReplicaSet shall have. */
#include <math.h>
#include <stdlib.h>

#include "controller-manager/deployment/deployment.h"
#include "lib/api/schema.h"
#include "lib/base/str.h"

static int32_t min(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

static int32_t max(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

static void scale(struct rs *rs, int32_t replicas)
{
	rs->replicas = replicas;
	rs->is_scaled = true;
}

static bool is_rolling(const struct deployment *dep)
{
	return !str_eq(dep->d->spec->strategy->type, "Recreate");
}

int32_t deployment_new_size(const struct deployment *dep, int32_t current)
{
	if (!is_rolling(dep))
		return dep->replicas;
	int32_t room = dep->replicas + dep->max_surge - deployment_sum(dep, false);
	if (room <= 0)
		return current;
	return current + min(room, dep->replicas - current);
}

bool deployment_scale_new(struct deployment *dep)
{
	struct rs *rs = dep->new_rs;
	int32_t size = rs->replicas > dep->replicas ? dep->replicas : deployment_new_size(dep, rs->replicas);
	if (rs->replicas == dep->replicas || size == rs->replicas)
		return false;
	scale(rs, size);
	return true;
}

/* ---- old ones ---- */

/* Pods that are not available can go first: nobody is served by them. Returns how many go. */
static int32_t drop_unavailable(struct deployment *dep, int32_t allowed)
{
	size_t len;
	struct rs **old = deployment_active(dep, true, RS_OLDEST_FIRST, &len);
	int32_t dropped = 0;
	for (size_t i = 0; i < len && dropped < allowed; i++) {
		int32_t unavailable = old[i]->replicas - old[i]->rs->status->available_replicas;
		if (unavailable <= 0)
			continue;
		int32_t n = min(allowed - dropped, unavailable);
		scale(old[i], old[i]->replicas - n);
		dropped += n;
	}
	return dropped;
}

static int32_t drop_available(struct deployment *dep, int32_t min_available)
{
	int32_t available = 0, dropped = 0;
	for (size_t i = 0; i < dep->len; i++)
		available += dep->sets[i].rs->status->available_replicas;
	int32_t allowed = available - min_available;
	size_t len;
	struct rs **old = deployment_active(dep, true, RS_OLDEST_FIRST, &len);
	for (size_t i = 0; i < len && dropped < allowed; i++) {
		int32_t n = min(old[i]->replicas, allowed - dropped);
		scale(old[i], old[i]->replicas - n);
		dropped += n;
	}
	return dropped;
}

bool deployment_scale_down_old(struct deployment *dep)
{
	if (deployment_sum(dep, true) == 0)
		return false;
	int32_t min_available = dep->replicas - dep->max_unavailable;
	int32_t new_unavailable = dep->new_rs->replicas - dep->new_rs->rs->status->available_replicas;
	int32_t allowed = deployment_sum(dep, false) - min_available - new_unavailable;
	if (allowed <= 0)
		return false;
	int32_t dropped = drop_unavailable(dep, allowed);
	return dropped + drop_available(dep, min_available) > 0;
}

bool deployment_scale_down_all_old(struct deployment *dep)
{
	size_t len;
	struct rs **old = deployment_active(dep, true, RS_OLDEST_FIRST, &len);
	for (size_t i = 0; i < len; i++)
		scale(old[i], 0);
	return len > 0;
}

/* ---- in proportion ---- */

static int64_t annotation(const struct rs *rs, const char *name)
{
	int64_t value = -1;
	str_to_int64(api_map_get(rs->obj->meta, annotations, name), &value);
	return value;
}

/* What one ReplicaSet would get of a change of the whole, by its share of what the whole was allowed before.
 */
static int32_t fraction(const struct deployment *dep, const struct rs *rs)
{
	if (dep->replicas == 0)
		return -rs->replicas;
	int64_t before = annotation(rs, MAX_ANNOTATION);
	if (before <= 0)
		before = dep->d->status->replicas;
	if (before <= 0)
		return 0;
	double size = (double)rs->replicas * (dep->replicas + dep->max_surge) / (double)before;
	return (int32_t)(size < 0 ? size - 0.5 : size + 0.5) - rs->replicas;
}

static void spread(struct deployment *dep)
{
	int32_t allowed = dep->replicas > 0 ? dep->replicas + dep->max_surge : 0;
	int32_t to_add = allowed - deployment_sum(dep, false), added = 0;
	size_t len;
	struct rs **active =
	    deployment_active(dep, false, to_add > 0 ? RS_LARGEST_THEN_NEWEST : RS_LARGEST_THEN_OLDEST, &len);
	for (size_t i = 0; i < len; i++) {
		int32_t left = to_add - added, part = 0;
		if (left != 0)
			part = to_add > 0 ? min(fraction(dep, active[i]), left)
					  : max(fraction(dep, active[i]), left);
		scale(active[i], active[i]->replicas + part);
		added += part;
	}
	if (len > 0) /* what rounding left over */
		active[0]->replicas = max(active[0]->replicas + to_add - added, 0);
}

/* The only one with pods; without any the new one, or else the latest. NULL when several have some. */
static struct rs *only_one(struct deployment *dep)
{
	size_t len;
	struct rs **active = deployment_active(dep, false, RS_OLDEST_FIRST, &len);
	if (len == 1)
		return active[0];
	if (len > 1)
		return NULL;
	return dep->new_rs ? dep->new_rs : dep->len > 0 ? &dep->sets[dep->len - 1] : NULL;
}

void deployment_scale_proportionally(struct deployment *dep)
{
	size_t len;
	deployment_active(dep, false, RS_OLDEST_FIRST, &len);
	struct rs *one = only_one(dep);
	if (one) {
		if (one->replicas != dep->replicas)
			scale(one, dep->replicas);
	} else if (dep->new_rs && dep->new_rs->replicas == dep->replicas &&
		   annotation(dep->new_rs, DESIRED_ANNOTATION) == dep->replicas &&
		   dep->new_rs->rs->status->available_replicas == dep->replicas) {
		deployment_scale_down_all_old(dep); /* it is through */
	} else if (len > 0 && is_rolling(dep)) {
		spread(dep);
	}
}
