#include "apiserver/flowcontrol/retry.h"

#include <string.h>

#define LEN (RETRY_MAX_S + 1)

static void adjust(struct retry_after *r, int64_t now_s)
{
	unsigned refused = 0; /* in the last `seconds` whole seconds */

	for (int i = 1; i <= r->seconds; i++)
		refused += r->refused[(now_s - i + LEN) % LEN];
	if (now_s - r->raised_s >= r->seconds && refused >= 3 * (unsigned)r->seconds) {
		r->seconds = r->seconds * 2 > RETRY_MAX_S ? RETRY_MAX_S : r->seconds * 2;
		r->raised_s = now_s;
	} else if (refused < (unsigned)r->seconds && r->seconds > 1) {
		r->seconds--;
	}
}

int retry_after_refuse(struct retry_after *r, int64_t now_s)
{
	if (!r->seconds)
		*r = (struct retry_after){.seconds = 1, .now_s = now_s, .raised_s = now_s - RETRY_MAX_S};
	if (now_s - r->now_s >= LEN)
		memset(r->refused, 0, sizeof(r->refused));
	else
		for (int64_t s = r->now_s + 1; s <= now_s; s++)
			r->refused[s % LEN] = 0;
	if (now_s > r->now_s) {
		r->now_s = now_s;
		adjust(r, now_s);
	}
	r->refused[now_s % LEN]++;
	return r->seconds;
}
