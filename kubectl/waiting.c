#include "kubectl/waiting.h"

#include <time.h>

#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"

int64_t wait_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct wait {
	int (*test)(void *arg, struct json *object, struct error *err);
	void *arg;
	struct error *err;
	const char *name;
	int result;
};

static bool on_event(void *arg, struct arena *arena, const char *type, struct json *object)
{
	struct wait *w = arg;
	if (str_eq(type, "BOOKMARK") || !str_eq(tree_name(object), w->name))
		return true;
	w->result = w->test(w->arg, str_eq(type, "DELETED") ? NULL : object, w->err);
	return w->result == 0;
}

int wait_for(struct kubectl *k, const struct target *target, int64_t timeout_ms,
    int (*test)(void *arg, struct json *object, struct error *err), void *arg, struct error *err)
{
	struct wait w = {test, arg, err, target->name, 0};
	int64_t end_ms = wait_now_ms() + timeout_ms;
	for (;;) {
		struct json *now;
		if (session_get(k, target_path(k, target, NULL), &now, err))
			return -1;
		w.result = test(arg, now, err);
		if (w.result)
			return w.result > 0 ? 0 : -1;
		int64_t left_ms = timeout_ms ? end_ms - wait_now_ms() : 0;
		if (timeout_ms && left_ms <= 0)
			return error_set(err, ERR_CANCELLED, "timed out waiting for the condition");
		struct target all = *target;
		all.name = "";
		const char *path = session_param(k, target_path(k, &all, NULL), "fieldSelector",
		    arena_printf(k->arena, "metadata.name=%s", target->name));
		path =
		    session_param(k, path, "resourceVersion", tree_text(now, "metadata.resourceVersion", ""));
		path = session_param(k, path, "watch", "true");
		int ended = session_watch(k, path, NULL, left_ms, on_event, &w, err);
		if (ended < 0 || w.result < 0)
			return -1;
		if (w.result > 0)
			return 0;
		if (ended == WATCH_END_TIMEOUT)
			return error_set(err, ERR_CANCELLED, "timed out waiting for the condition");
	}
}

static int is_gone(void *arg, struct json *object, struct error *err)
{
	return !object || !str_eq(tree_text(object, "metadata.uid", ""), arg);
}

int wait_gone(
    struct kubectl *k, const struct target *target, const char *uid, int64_t timeout_ms, struct error *err)
{
	struct error one = ERROR_INIT;
	int result = wait_for(k, target, timeout_ms, is_gone, (void *)uid, &one);
	if (result && one.code == ERR_NOT_FOUND)
		return 0;
	if (result && err)
		*err = one;
	return result;
}
