/* Queues and seats of one level under a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/flowcontrol/fair.h"
#include "apiserver/flowcontrol/retry.h"
#include "apiserver/flowcontrol/shard.h"

#define MS 1000000LL

struct job {
	struct fair_request fair; /* first */
	char who;
	struct job *next;
};

static struct fair_set set;
static int64_t now_ns;
static struct job *dispatched, **dispatched_end = &dispatched; /* in order */

static void on_dispatch(void *arg, struct fair_request *request)
{
	struct job *j = (struct job *)request;

	assert_ptr_equal(arg, &set);
	j->next = NULL;
	*dispatched_end = j;
	dispatched_end = &j->next;
}

static struct job *take_dispatched(void)
{
	struct job *j = dispatched;

	if (j)
		dispatched = j->next;
	if (!dispatched)
		dispatched_end = &dispatched;
	return j;
}

static void begin(int seats, int queues, int hand_size, int length_max)
{
	const struct fair_config config = {queues, hand_size, length_max};

	now_ns = 1000 * MS;
	dispatched = NULL;
	dispatched_end = &dispatched;
	fair_init(&set, now_ns, on_dispatch, &set);
	fair_configure(&set, &config);
	fair_set_seats(&set, seats, now_ns);
}

static enum fair_verdict arrive(struct job *j, char who, int seats)
{
	const char flow[] = {who, '\0'};

	j->who = who;
	return fair_start(&set, &j->fair, seats, shard_hash("schema", flow), now_ns);
}

static void finish(struct job *j)
{
	fair_finish(&set, &j->fair, now_ns);
}

/* Ends what runs until nothing waits; each takes a millisecond. */
static void drain(void)
{
	while (set.running_list.first) {
		now_ns += MS;
		fair_finish(&set, set.running_list.first, now_ns);
	}
	assert_true(fair_is_idle(&set));
	assert_int_equal(set.seats_in_use, 0);
	assert_int_equal(set.seats_waiting, 0);
	assert_int_equal(set.active_queues, 0);
	assert_int_equal(set.backlog, 0);
	fair_done(&set);
}

static void test_runs_while_there_are_seats(void **state)
{
	struct job jobs[4];

	begin(3, 8, 2, 10);
	for (int i = 0; i < 3; i++)
		assert_int_equal(arrive(&jobs[i], 'a', 1), FAIR_RUN);
	assert_int_equal(arrive(&jobs[3], 'a', 1), FAIR_WAIT);
	assert_null(take_dispatched());
	now_ns += 5 * MS;
	finish(&jobs[1]);
	assert_ptr_equal(take_dispatched(), &jobs[3]);
	assert_int_equal(jobs[3].fair.start_ns - jobs[3].fair.arrival_ns, 5 * MS);
	drain();
}

static void test_queue_is_full(void **state)
{
	struct job running, waiting[4], late;

	begin(1, 1, 1, 4);
	assert_int_equal(arrive(&running, 'a', 1), FAIR_RUN);
	for (int i = 0; i < 4; i++)
		assert_int_equal(arrive(&waiting[i], 'a', 1), FAIR_WAIT);
	assert_int_equal(arrive(&late, 'a', 1), FAIR_QUEUE_FULL);
	assert_int_equal(set.waiting, 4);
	fair_cancel(&set, &waiting[2].fair, now_ns); /* a place is free again */
	assert_int_equal(arrive(&late, 'a', 1), FAIR_WAIT);
	drain();
}

static void test_reject_without_queues(void **state)
{
	struct job a, b, wide;

	begin(1, 0, 0, 0);
	assert_int_equal(arrive(&a, 'a', 1), FAIR_RUN);
	assert_int_equal(arrive(&b, 'b', 1), FAIR_NO_SEAT);
	finish(&a);
	assert_int_equal(arrive(&wide, 'b', 5), FAIR_RUN); /* alone, though wider than the level */
	assert_int_equal(arrive(&a, 'a', 1), FAIR_NO_SEAT);
	drain();
}

static void test_exempt_never_waits(void **state)
{
	struct job jobs[50];

	begin(0, FAIR_EXEMPT, 0, 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(arrive(&jobs[i], 'a', 1), FAIR_RUN);
	drain();
}

/* One floods, one asks now and then: the modest one is served at once, however much the other has queued. */
static void test_greedy_and_modest(void **state)
{
	struct job greedy[400], modest[20], *running[4];
	size_t queued = 0, asked = 0, served = 0, refused = 0, longest = 0;
	size_t asked_at = 0;

	begin(4, 64, 6, 50);
	for (size_t i = 0; i < 400; i++) {
		enum fair_verdict v = arrive(&greedy[i], 'g', 1);
		refused += v == FAIR_QUEUE_FULL;
		queued += v == FAIR_WAIT;
		if (v == FAIR_RUN)
			running[i] = &greedy[i];
	}
	assert_int_equal(queued, 6 * 50); /* a whole hand of queues, and no more */
	assert_int_equal(refused, 400 - 4 - queued);
	for (size_t turn = 0; turn < 200; turn++) { /* each turn ends the oldest of those that run */
		if (turn % 10 == 0) {
			assert_int_equal(arrive(&modest[asked++], 'm', 1), FAIR_WAIT);
			asked_at = turn;
		}
		now_ns += 3 * MS;
		finish(running[turn % 4]);
		running[turn % 4] = take_dispatched();
		assert_non_null(running[turn % 4]);
		if (running[turn % 4]->who == 'm') {
			served++;
			if (turn - asked_at > longest)
				longest = turn - asked_at;
		}
	}
	assert_int_equal(served, asked);
	assert_true(
	    longest <= 7); /* the greedy flow has six queues: at most one round of them comes before */
	drain();
}

/* Two flows that both have more to do than there are seats get the same share of seats, also when the
 * requests of one are wider. */
static void test_equal_shares_in_seats(void **state)
{
	static struct job jobs[2][120];
	size_t narrow = 0, wide = 0;

	begin(4, 2, 1, 200);
	/* one queue each */
	char other = 'b';
	int mine, theirs;
	shard_deal(shard_hash("schema", "a"), 2, 1, &mine);
	for (;; other++) {
		const char flow[] = {other, '\0'};
		shard_deal(shard_hash("schema", flow), 2, 1, &theirs);
		if (theirs != mine)
			break;
	}
	for (size_t i = 0; i < 120; i++) {
		arrive(&jobs[0][i], 'a', 1);
		arrive(&jobs[1][i], other, 2);
	}
	for (size_t turn = 0; turn < 120; turn++) {
		struct job *j = (struct job *)set.running_list.first;
		now_ns += MS;
		finish(j);
		if (j->who == 'a')
			narrow += 1;
		else
			wide += 2;
	}
	assert_in_range(narrow * 100 / (narrow + wide), 40, 60);
	drain();
}

static void test_wide_request_waits_for_its_seats(void **state)
{
	struct job a, b, wide, late;

	begin(2, 1, 1, 10);
	arrive(&a, 'a', 1);
	arrive(&b, 'a', 1);
	assert_int_equal(arrive(&wide, 'w', 2), FAIR_WAIT);
	assert_int_equal(arrive(&late, 'a', 1), FAIR_WAIT);
	finish(&a);
	assert_null(take_dispatched()); /* one seat is free, and is kept for the one in front */
	fair_cancel(&set, &wide.fair, now_ns);
	assert_ptr_equal(take_dispatched(), &late);
	drain();
}

static void test_more_and_fewer_seats(void **state)
{
	struct job jobs[6];

	begin(1, 4, 2, 10);
	for (int i = 0; i < 6; i++)
		arrive(&jobs[i], 'a', 1);
	fair_set_seats(&set, 4, now_ns);
	assert_int_equal(set.running, 4);
	fair_set_seats(&set, 1, now_ns);
	finish(&jobs[0]);
	assert_int_equal(set.running, 3); /* nobody follows until fewer run than may */
	drain();
}

/* Queues that a new configuration does not have any more run empty; new ones are used. */
static void test_configuration_changes(void **state)
{
	struct job jobs[40], more[40];
	const struct fair_config fewer = {2, 1, 50}, many = {256, 4, 50}, none = {0, 0, 0};

	begin(1, 32, 4, 10);
	for (int i = 0; i < 20; i++)
		assert_int_not_equal(arrive(&jobs[i], (char)('a' + i), 1), FAIR_QUEUE_FULL);
	fair_configure(&set, &fewer);
	for (int i = 20; i < 40; i++) {
		assert_int_equal(arrive(&jobs[i], (char)('a' + i), 1), FAIR_WAIT);
		assert_in_range(jobs[i].fair.queue, 0, 1);
	}
	fair_configure(&set, &many);
	for (int i = 0; i < 39; i++)
		assert_int_equal(arrive(&more[i], (char)('a' + i), 1), FAIR_WAIT);
	assert_int_equal(set.queues_len, 256);
	fair_configure(&set, &none);
	assert_int_equal(arrive(&more[39], 'z', 1), FAIR_NO_SEAT);
	drain();
}

static void test_hands(void **state)
{
	int hand[SHARD_HAND_MAX];
	size_t uses[64] = {0}, shared = 0;
	int first[6];

	shard_deal(shard_hash("schema", "greedy"), 64, 6, first);
	for (int flow = 0; flow < 2000; flow++) {
		char name[16];
		snprintf(name, sizeof(name), "user-%d", flow);
		shard_deal(shard_hash("schema", name), 64, 6, hand);
		size_t same = 0;
		for (int i = 0; i < 6; i++) {
			assert_in_range(hand[i], 0, 63);
			uses[hand[i]]++;
			for (int j = 0; j < i; j++)
				assert_int_not_equal(hand[i], hand[j]);
			for (int j = 0; j < 6; j++)
				same += hand[i] == first[j];
		}
		shared += same == 6;
	}
	assert_int_equal(shared, 0);
	for (int i = 0; i < 64; i++)
		assert_in_range(uses[i], 120, 260); /* 187.5 on average */
	shard_deal(12345, 6, 6, hand);              /* the whole deck */
	int sum = 0;
	for (int i = 0; i < 6; i++)
		sum += hand[i];
	assert_int_equal(sum, 15);
	assert_true(shard_hash("a", "bc") != shard_hash("ab", "c"));
}

static void test_demand(void **state)
{
	struct job a, b;

	begin(1, 1, 1, 10);
	arrive(&a, 'a', 1);
	now_ns += 1000 * MS;
	arrive(&b, 'a', 1);
	now_ns += 1000 * MS;
	struct seat_demand_result r = seat_demand_take(&set.demand, now_ns);
	assert_true(r.average > 1.49 && r.average < 1.51); /* what waits counts too */
	assert_true(r.deviation > 0.49 && r.deviation < 0.51);
	assert_true(r.peak == 2);
	finish(&a);
	finish(&b);
	now_ns += 1000 * MS;
	r = seat_demand_take(&set.demand, now_ns);
	assert_true(r.peak == 2 && r.average < 0.01);
	fair_done(&set);
}

static void test_retry_after(void **state)
{
	struct retry_after r = {0};
	int seconds = 0;

	assert_int_equal(retry_after_refuse(&r, 100), 1);
	for (int64_t s = 101; s < 180; s++)
		for (int i = 0; i < 5; i++)
			seconds = retry_after_refuse(&r, s);
	assert_int_equal(seconds, RETRY_MAX_S);
	for (int64_t s = 200; s < 2000; s += 50)
		seconds = retry_after_refuse(&r, s);
	assert_int_equal(seconds, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_runs_while_there_are_seats),
	    cmocka_unit_test(test_queue_is_full),
	    cmocka_unit_test(test_reject_without_queues),
	    cmocka_unit_test(test_exempt_never_waits),
	    cmocka_unit_test(test_greedy_and_modest),
	    cmocka_unit_test(test_equal_shares_in_seats),
	    cmocka_unit_test(test_wide_request_waits_for_its_seats),
	    cmocka_unit_test(test_more_and_fewer_seats),
	    cmocka_unit_test(test_configuration_changes),
	    cmocka_unit_test(test_hands),
	    cmocka_unit_test(test_demand),
	    cmocka_unit_test(test_retry_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
