#include "lib/base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t system_wall(const struct clock *clock)
{
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic(const struct clock *clock)
{
	return read_clock(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_wall, system_monotonic};

static int64_t fake_now(const struct clock *clock)
{
	return ((const struct clock_fake *)clock)->now_ns;
}

void clock_fake_init(struct clock_fake *fake, int64_t now_ns)
{
	*fake = (struct clock_fake){{fake_now, fake_now}, now_ns};
}

void clock_fake_advance(struct clock_fake *fake, int64_t ns)
{
	fake->now_ns += ns;
}
