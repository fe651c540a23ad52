/* IntOrString: a number, or a string that is mostly a percentage. */
#include <stdlib.h>
#include <string.h>

#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

enum { TYPE_INT = 0, TYPE_STRING = 1 };

static Intstr__IntOrString *make(struct arena *arena, int64_t type, int32_t number, const char *text);

Intstr__IntOrString *intstr_new_int(struct arena *arena, int32_t value)
{
	return make(arena, TYPE_INT, value, "");
}

Intstr__IntOrString *intstr_new_string(struct arena *arena, const char *value)
{
	return make(arena, TYPE_STRING, 0, value);
}

bool intstr_is_string(const Intstr__IntOrString *v)
{
	return v->type == TYPE_STRING;
}

bool intstr_scaled(const Intstr__IntOrString *v, int32_t total, bool round_up, int32_t *ret)
{
	size_t len;
	int64_t percent;
	char number[16];

	if (!v)
		return false;
	if (!intstr_is_string(v)) {
		*ret = v->int_val;
		return true;
	}
	len = strlen(v->str_val);
	if (len < 2 || len > sizeof(number) || v->str_val[len - 1] != '%')
		return false;
	memcpy(number, v->str_val, len - 1);
	number[len - 1] = '\0';
	if (!str_to_int64(number, &percent) || percent < INT32_MIN || percent > INT32_MAX)
		return false;
	percent *= total;
	*ret = (int32_t)(percent / 100 + (round_up ? percent % 100 > 0 : -(percent % 100 < 0)));
	return true;
}

static Intstr__IntOrString *make(struct arena *arena, int64_t type, int32_t number, const char *text)
{
	Intstr__IntOrString *v = ARENA_NEW(arena, Intstr__IntOrString);

	v->base.descriptor = &intstr__int_or_string__descriptor;
	v->has_type = v->has_int_val = 1;
	v->type = type;
	v->int_val = number;
	v->str_val = arena_strdup(arena, text);
	return v;
}
