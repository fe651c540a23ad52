/*
 * bench: a bench for one controller: hand-fed informers, a clock that stands still, plans as text. Only tests
 * include this. One bench at a time.
 */
#ifndef CUBE_CONTROLLER_MANAGER_BENCH_H
#define CUBE_CONTROLLER_MANAGER_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/test.h"
#include "controller-manager/options.h"

/* Every controller by its name, for bench_start(). */
#define CONTROLLER(name) extern const struct controller controller_##name;
#include "controller-manager/controllers.def"
#undef CONTROLLER

struct object;
struct plan;
struct resource_type;

#define BENCH_NOW_S 1700000000 /* 2023-11-14T22:13:20Z */

void bench_start(
    const struct controller *controller, const struct controller_manager_options *options /* or NULL */);
void bench_stop(void);
struct controller_context *bench_context(void);
/* Adds or replaces an object; uid and resourceVersion are made up when the text has none. Returns it,
 * borrowed. */
const struct object *bench_put(const char *yaml_fmt, ...) __attribute__((format(printf, 1, 2)));
const struct object *bench_store(
    struct object *take_obj); /* the same for an object that was made or cloned */
void bench_remove(const struct resource_type *type, const char *ns, const char *name);
void bench_pass(int64_t seconds);
void bench_set_last_error(const char *message); /* NULL: none */

/* The plan belongs to the bench, until the next call. */
const struct plan *bench_reconcile(const char *key);
/* Reconciles and compares plan_describe(); "" for nothing to do. */
#define bench_expect(key, text) assert_string_equal(bench_describe(key), text)
const char *bench_describe(const char *key);
/* JSON of the object of the i-th operation of the last plan. */
const char *bench_json(size_t i);
/* Events of the last plan, one line each: "Normal Reason kind/name: message"; those of operations behind "?"
 * or "!". */
const char *bench_events(void);
/* Fails unless the JSON of operation i contains the text. */
void bench_json_has_(size_t i, const char *text, const char *file, int line);
#define bench_json_has(i, text) bench_json_has_((i), (text), __FILE__, __LINE__)
/*
 * Carries the last plan out on the informers as an API server would: creates (with generated names), updates
 * with a new revision, status updates that change the status only, deletes, patches (as merge patches).
 */
void bench_apply(void);
/* Keys that a change enqueues, in order, "a b "; the object given as with bench_put. */
const char *bench_enqueued(void);

#endif
