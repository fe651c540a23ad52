/* clock: where time comes from, so that tests can hold it still. Passed in, never global. */
#ifndef CUBE_BASE_CLOCK_H
#define CUBE_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*wall_ns)(const struct clock *clock); /* nanoseconds since 1970 */
	int64_t (*monotonic_ns)(
	    const struct clock *clock); /* nanoseconds since some start, never goes back */
};

extern const struct clock clock_system;

struct clock_fake {
	struct clock clock;
	int64_t now_ns; /* both wall and monotonic */
};
void clock_fake_init(struct clock_fake *fake, int64_t now_ns);
void clock_fake_advance(struct clock_fake *fake, int64_t ns);

static inline int64_t clock_wall_ns(const struct clock *c)
{
	return c->wall_ns(c);
}
static inline int64_t clock_wall_s(const struct clock *c)
{
	return c->wall_ns(c) / 1000000000;
}
static inline int64_t clock_monotonic_ms(const struct clock *c)
{
	return c->monotonic_ns(c) / 1000000;
}

#endif
