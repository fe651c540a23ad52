/*
 * demand: how many seats a priority level wanted over a period: mean, deviation and peak of a step function
 * of time. Pure; times are nanoseconds of any clock that does not go back.
 */
#ifndef CUBE_APISERVER_FLOWCONTROL_DEMAND_H
#define CUBE_APISERVER_FLOWCONTROL_DEMAND_H

#include <stdint.h>

struct seat_demand { /* zeroed memory is a demand of nothing since time 0 */
	int64_t since_ns, last_ns;
	double value, peak;
	double area, area_of_squares; /* of value over time, seat-seconds */
};

struct seat_demand_result {
	double duration_s, average, deviation, peak;
};

static inline void seat_demand_set(struct seat_demand *d, double value, int64_t now_ns)
{
	double s = (double)(now_ns - d->last_ns) / 1e9;
	d->area += d->value * s;
	d->area_of_squares += d->value * d->value * s;
	d->last_ns = now_ns;
	d->value = value;
	if (value > d->peak)
		d->peak = value;
}

/* What was wanted since the last call; a new period begins with the present value as its peak. */
struct seat_demand_result seat_demand_take(struct seat_demand *d, int64_t now_ns);

#endif
