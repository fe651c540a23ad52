/*
 * seats: how the server's seats are divided among the priority levels: nominally by shares, and every ten
 * seconds anew by what each level wanted lately, within what it may lend and borrow. The rules are those of
 * Kubernetes' enhancement proposal 1040. Pure.
 */
#ifndef CUBE_APISERVER_FLOWCONTROL_SEATS_H
#define CUBE_APISERVER_FLOWCONTROL_SEATS_H

#include <stdbool.h>
#include <stddef.h>

#include "apiserver/flowcontrol/demand.h"

#define SEATS_ADJUST_MS 10000 /* between two divisions */
#define SEATS_UNBOUNDED (-1)  /* borrowing_percent of a level that names none */

struct seat_level {
	/* configuration */
	bool is_exempt;
	int shares, lendable_percent, borrowing_percent;
	/* computed: what the shares give, what is never lent, what borrowing may lead to, what holds now */
	int nominal, min, max, current;
	double peak, average, deviation, smoothed, target; /* of the demand */
};

/* Fills nominal, min and max of all levels; current of those that have none yet (is 0). Returns the sum of
 * the nominal seats: at least server_seats, because each is rounded up. */
int seats_assign(struct seat_level *const *levels, size_t len, int server_seats);
/* Takes a period's demand into the level's averages. */
void seats_observe(struct seat_level *level, const struct seat_demand_result *demand);
/* Fills current of all levels from their demand; returns the common proportion of target that a level gets
 * which no bound holds (0: all levels are at their minimum). */
double seats_divide(struct seat_level *const *levels, size_t len, int nominal_sum);

#endif
