#include "apiserver/flowcontrol/demand.h"

#include <math.h>

struct seat_demand_result seat_demand_take(struct seat_demand *d, int64_t now_ns)
{
	struct seat_demand_result r = {0};

	seat_demand_set(d, d->value, now_ns);
	r.peak = d->peak;
	r.duration_s = (double)(now_ns - d->since_ns) / 1e9;
	if (r.duration_s > 0) {
		r.average = d->area / r.duration_s;
		double variance = d->area_of_squares / r.duration_s - r.average * r.average;
		r.deviation = variance > 0 ? sqrt(variance) : 0; /* rounding may leave it just below zero */
	}
	*d = (struct seat_demand){.since_ns = now_ns, .last_ns = now_ns, .value = d->value, .peak = d->value};
	return r;
}
