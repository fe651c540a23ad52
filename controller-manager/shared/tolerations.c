#include "controller-manager/shared/tolerations.h"

#include "lib/base/str.h"

static bool covers(const CoreV1__Toleration *t, const CoreV1__Taint *taint)
{
	if (!str_empty(t->effect) && !str_eq(t->effect, taint->effect))
		return false;
	if (!str_empty(t->key) && !str_eq(t->key, taint->key))
		return false;
	return str_eq(t->operator_, "Exists") || str_eq(str_or(t->value, ""), str_or(taint->value, ""));
}

const CoreV1__Toleration *toleration_for(
    const CoreV1__Taint *taint, CoreV1__Toleration *const *tolerations, size_t len)
{
	const CoreV1__Toleration *shortest = NULL;

	for (size_t i = 0; i < len; i++) {
		const CoreV1__Toleration *t = tolerations[i];

		if (covers(t, taint) &&
		    (!shortest || (t->has_toleration_seconds &&
				      (!shortest->has_toleration_seconds ||
					  t->toleration_seconds < shortest->toleration_seconds))))
			shortest = t;
	}
	return shortest;
}
