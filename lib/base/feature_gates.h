/*
 * feature gates: --feature-gates=Name=true,Other=false with upstream's names, stages, defaults and errors.
 * feature_gates.def is the list. Few gates switch anything in Cube (is_honoured() in feature_gates.c names
 * them); setting another away from its default is a warning in the log and no error, so that command lines
 * made for upstream work.
 */
#ifndef CUBE_BASE_FEATURE_GATES_H
#define CUBE_BASE_FEATURE_GATES_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct error;

enum feature {
#define GATE(name, stage, on, locked) FEATURE_##name,
#include "lib/base/feature_gates.def"
#undef GATE
	FEATURES_LEN
};

struct feature_gates {
	bool on[FEATURES_LEN];
};

extern const struct feature_gates feature_gates_defaults;

/*
 * Applies "Name=bool" items to gates, which begin as the defaults. AllAlpha and AllBeta set every gate of
 * that stage that is not set by its own name. Errors (ERR_BAD_REQUEST) name the gate: unknown, no value, not
 * a bool, locked.
 */
int feature_gates_parse(
    struct feature_gates *gates, const char *const *items, size_t items_len, struct error *err);

const char *feature_name(enum feature feature);
const char *feature_stage(enum feature feature); /* "ALPHA", "BETA", "", "DEPRECATED": as metrics show it */

/* One line a gate that can be set, as `--help` shows them. */
void feature_gates_print(struct buf *out);

#endif
