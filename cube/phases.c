#include "cube/phases.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

int64_t phases_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void phases_begin(struct phases *phases, int quiet)
{
	phases->begun_ms = phases->step_ms = phases_now_ms();
	phases->quiet = quiet;
}

static void print_line(int64_t ms, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof text, fmt, ap);
	printf("  %-60s %7lld ms\n", text, (long long)ms);
	fflush(stdout);
}

void phases_step(struct phases *phases, const char *fmt, ...)
{
	int64_t now = phases_now_ms();
	va_list ap;

	va_start(ap, fmt);
	if (!phases->quiet)
		print_line(now - phases->step_ms, fmt, ap);
	va_end(ap);
	phases->step_ms = now;
}

void phases_end(struct phases *phases, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!phases->quiet)
		print_line(phases_now_ms() - phases->begun_ms, fmt, ap);
	va_end(ap);
}
