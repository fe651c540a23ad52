#include "lib/base/feature_gates.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

enum stage { ALPHA, BETA, GA, DEPRECATED };

static const struct gate {
	const char *name;
	enum stage stage;
	bool on, locked;
} gates_known[] = {
#define GATE(name, stage, on, locked) {#name, stage, on, locked},
#include "lib/base/feature_gates.def"
#undef GATE
};

const struct feature_gates feature_gates_defaults = {{
#define GATE(name, stage, on, locked) on,
#include "lib/base/feature_gates.def"
#undef GATE
}};

/* The gates that switch something. */
static bool is_honoured(enum feature f)
{
	return f == FEATURE_APIResponseCompression || f == FEATURE_WatchList;
}

/* strconv.ParseBool's spellings. */
static int parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False", NULL};
	*ret = str_in(text, yes);
	return *ret || str_in(text, no) ? 0 : -1;
}

static int find(const char *name, size_t size)
{
	for (int i = 0; i < FEATURES_LEN; i++)
		if (strlen(gates_known[i].name) == size && !memcmp(gates_known[i].name, name, size))
			return i;
	return -1;
}

static int set_one(struct feature_gates *gates, int i, bool on, struct error *err)
{
	const struct gate *gate = &gates_known[i];
	if (gate->locked && on != gate->on)
		return error_set(err, ERR_BAD_REQUEST,
		    "--feature-gates: cannot set feature gate %s to %s, feature is locked to %s", gate->name,
		    on ? "true" : "false", gate->on ? "true" : "false");
	if (on != gate->on && !is_honoured((enum feature)i))
		log_warning(
		    "--feature-gates: %s=%s changes nothing in Cube", gate->name, on ? "true" : "false");
	gates->on[i] = on;
	return 0;
}

static void set_stage(struct feature_gates *gates, const bool *is_named, enum stage stage, bool on)
{
	for (int i = 0; i < FEATURES_LEN; i++)
		if (gates_known[i].stage == stage && !gates_known[i].locked && !is_named[i])
			gates->on[i] = on;
}

int feature_gates_parse(
    struct feature_gates *gates, const char *const *items, size_t items_len, struct error *err)
{
	bool is_named[FEATURES_LEN] = {false}, has_stage[2] = {false}, stage_on[2] = {false};
	for (size_t n = 0; n < items_len; n++) {
		const char *equals = strchr(items[n], '=');
		size_t size = equals ? (size_t)(equals - items[n]) : strlen(items[n]);
		bool on;
		if (!size && !equals)
			continue;
		if (!equals)
			return error_set(
			    err, ERR_BAD_REQUEST, "--feature-gates: missing bool value for %s", items[n]);
		if (parse_bool(equals + 1, &on))
			return error_set(err, ERR_BAD_REQUEST,
			    "--feature-gates: invalid value of %.*s: \"%s\" is not a bool", (int)size,
			    items[n], equals + 1);
		int i = find(items[n], size), stage = -1;
		if (size == 8 && !memcmp(items[n], "AllAlpha", size))
			stage = ALPHA;
		else if (size == 7 && !memcmp(items[n], "AllBeta", size))
			stage = BETA;
		else if (i < 0)
			return error_set(err, ERR_BAD_REQUEST,
			    "--feature-gates: unrecognized feature gate: %.*s", (int)size, items[n]);
		if (stage >= 0) {
			has_stage[stage] = true;
			stage_on[stage] = on;
			continue;
		}
		if (set_one(gates, i, on, err))
			return -1;
		is_named[i] = true;
	}
	for (int stage = ALPHA; stage <= BETA; stage++)
		if (has_stage[stage])
			set_stage(gates, is_named, (enum stage)stage, stage_on[stage]);
	return 0;
}

const char *feature_name(enum feature feature)
{
	return gates_known[feature].name;
}

const char *feature_stage(enum feature feature)
{
	static const char *const names[] = {"ALPHA", "BETA", "", "DEPRECATED"};
	return names[gates_known[feature].stage];
}

void feature_gates_print(struct buf *out)
{
	buf_puts(
	    out, "AllAlpha=true|false (ALPHA - default=false)\nAllBeta=true|false (BETA - default=false)\n");
	for (int i = 0; i < FEATURES_LEN; i++)
		if (!gates_known[i].locked && gates_known[i].stage != GA)
			buf_printf(out, "%s=true|false (%s - default=%s)\n", gates_known[i].name,
			    feature_stage((enum feature)i), gates_known[i].on ? "true" : "false");
}
