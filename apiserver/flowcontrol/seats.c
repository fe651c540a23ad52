#include "apiserver/flowcontrol/seats.h"

#include <math.h>

#define SMOOTHING 0.977    /* half of an old demand is forgotten after five minutes of periods */
#define TARGET_LEAST 0.001 /* so that every level takes part in the proportion */

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static int min_int(int a, int b)
{
	return a < b ? a : b;
}

int seats_assign(struct seat_level *const *levels, size_t len, int server_seats)
{
	double shares = 0;
	int sum = 0;

	for (size_t i = 0; i < len; i++)
		shares += levels[i]->shares;
	for (size_t i = 0; i < len; i++) {
		struct seat_level *l = levels[i];
		bool is_new = l->max == 0;
		l->nominal = shares > 0 ? (int)ceil((double)server_seats * l->shares / shares) : 0;
		l->min = l->nominal - (int)round(l->nominal * l->lendable_percent / 100.0);
		l->max = l->nominal + (l->borrowing_percent == SEATS_UNBOUNDED
					      ? server_seats
					      : (int)round(l->nominal * l->borrowing_percent / 100.0));
		if (is_new)
			l->current = l->nominal;
		sum += l->nominal;
	}
	return sum;
}

void seats_observe(struct seat_level *l, const struct seat_demand_result *demand)
{
	l->peak = demand->peak;
	if (demand->duration_s <= 0)
		return;
	l->average = demand->average;
	l->deviation = demand->deviation;
	double envelope = demand->average + demand->deviation;
	l->smoothed = fmax(envelope, SMOOTHING * l->smoothed + (1 - SMOOTHING) * envelope);
}

/* What a level is to have at least: what it wanted, between what it never lends and what is its own. An
 * exempt level is not held back, so what it wanted counts in full. */
static int wanted(const struct seat_level *l)
{
	int peak = (int)ceil(l->peak);
	return max_int(l->min, l->is_exempt ? peak : min_int(l->nominal, peak));
}

static double allotment(const struct seat_level *l, double proportion)
{
	return fmax(wanted(l), fmin(l->max, proportion * fmax(l->target, TARGET_LEAST)));
}

/*
 * The proportion at which the allotments add up to `seats`. The sum grows with the proportion, piece by piece
 * linearly: halving the interval ends at the last bit of a double.
 */
static double find_proportion(struct seat_level *const *levels, size_t len, double seats)
{
	double low = 0, high = 0;

	for (size_t i = 0; i < len; i++)
		if (!levels[i]->is_exempt)
			high = fmax(high, levels[i]->max / fmax(levels[i]->target, TARGET_LEAST));
	for (int turn = 0; turn < 100; turn++) {
		double middle = (low + high) / 2, sum = 0;
		for (size_t i = 0; i < len; i++)
			if (!levels[i]->is_exempt)
				sum += allotment(levels[i], middle);
		if (sum < seats)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double seats_divide(struct seat_level *const *levels, size_t len, int nominal_sum)
{
	int left = nominal_sum, min_sum = 0, wanted_sum = 0;
	double proportion = 0;

	for (size_t i = 0; i < len; i++) {
		struct seat_level *l = levels[i];
		if (l->is_exempt) {
			l->target = l->current = wanted(l);
			left -= l->current;
			continue;
		}
		l->target = fmax(wanted(l), l->smoothed);
		min_sum += l->min;
		wanted_sum += wanted(l);
	}
	if (left > wanted_sum)
		proportion = find_proportion(levels, len, left);
	for (size_t i = 0; i < len; i++) {
		struct seat_level *l = levels[i];
		if (l->is_exempt)
			continue;
		if (left <= min_sum)
			l->current = l->min;
		else if (left <= wanted_sum)
			l->current = (int)round(l->min + (double)(wanted(l) - l->min) * (left - min_sum) /
							     (wanted_sum - min_sum));
		else
			l->current = (int)round(allotment(l, proportion));
	}
	return proportion;
}
