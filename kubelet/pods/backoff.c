#include "kubelet/pods/backoff.h"

#include <stddef.h>

bool backoff_active(
    const struct backoff *b, int64_t since_ms, int64_t now_ms, int64_t max_ms, int64_t *ret_until_ms)
{
	if (!b->delay_ms || since_ms - b->updated_ms > 2 * max_ms)
		return false;
	if (now_ms - since_ms >= b->delay_ms)
		return false;
	if (ret_until_ms)
		*ret_until_ms = since_ms + b->delay_ms;
	return true;
}

void backoff_next(struct backoff *b, int64_t since_ms, int64_t now_ms, int64_t max_ms)
{
	if (!b->delay_ms || since_ms - b->updated_ms > 2 * max_ms)
		b->delay_ms = BACKOFF_INITIAL_MS;
	else
		b->delay_ms = b->delay_ms * 2;
	if (b->delay_ms > max_ms)
		b->delay_ms = max_ms;
	b->updated_ms = now_ms;
}

bool backoff_active_since_update(const struct backoff *b, int64_t now_ms, int64_t *ret_until_ms)
{
	if (!b->delay_ms || now_ms - b->updated_ms >= b->delay_ms)
		return false;
	if (ret_until_ms)
		*ret_until_ms = b->updated_ms + b->delay_ms;
	return true;
}
