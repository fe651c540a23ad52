/*
 * retry: how long a refused client is told to stay away. One second at first; doubled while refusals go on at
 * three or more a second, at most once in that time, up to half a minute; a second less when they fade. Pure.
 */
#ifndef CUBE_APISERVER_FLOWCONTROL_RETRY_H
#define CUBE_APISERVER_FLOWCONTROL_RETRY_H

#include <stdint.h>

#define RETRY_MAX_S 32

struct retry_after { /* zeroed memory is a level that has refused nobody */
	int seconds;
	int64_t now_s, raised_s;
	unsigned refused[RETRY_MAX_S + 1]; /* in second s: [s % (RETRY_MAX_S + 1)] */
};

/* Counts one refusal; returns the seconds for its Retry-After. */
int retry_after_refuse(struct retry_after *retry, int64_t now_s);

#endif
