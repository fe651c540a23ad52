/* setting: the frame of verbs that change existing objects: set image|env|..., taint, cordon, expose's
 * siblings. */
#ifndef CUBE_KUBECTL_SETTING_H
#define CUBE_KUBECTL_SETTING_H

#include "kubectl/targets.h"
#include "kubectl/writing.h"

struct setting {
	struct kubectl *k;
	struct write_flags write;
	struct file_flags files;
	const char *selector;
	bool all, local;
	const char *manager, *done;
	/* Changes the object in place; 0, or -1 with err. */
	int (*change)(void *arg, const struct target *target, struct json *object, struct error *err);
	void *arg;
};
#define SETTING_FLAGS(s)                                                                                     \
	FILE_FLAGS(&(s)->files), WRITE_FLAGS(&(s)->write),                                                   \
	    {"selector", 'l', FLAG_STRING, &(s)->selector, "Label selector"},                                \
	    {"all", 0, FLAG_BOOL, &(s)->all, "All of the kind"},                                             \
	{                                                                                                    \
		"local", 0, FLAG_BOOL, &(s)->local, "Send nothing"                                           \
	}
/* args: TYPE NAME... or TYPE/NAME...; unchanged objects print nothing. */
int setting_run(struct setting *s, const char *const *args, size_t args_len, struct error *err);
/* The containers of an object's pods: spec.containers, or of its template. `init`: the init containers. */
struct json *setting_containers(const struct json *object, bool init);
struct json *setting_pod_spec(const struct json *object);

extern const struct command set_subject;

#endif
