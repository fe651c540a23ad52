/* phases: prints each step of a command with the time it took. */
#ifndef CUBE_CUBE_PHASES_H
#define CUBE_CUBE_PHASES_H

#include <stdint.h>

struct phases {
	int64_t begun_ms, step_ms;
	int quiet;
};

int64_t phases_now_ms(void);
void phases_begin(struct phases *phases, int quiet);
void phases_step(struct phases *phases, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* the step just done */
void phases_end(struct phases *phases, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
