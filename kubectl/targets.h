/*
 * targets: the objects that a verb's arguments mean: TYPE NAME..., TYPE/NAME..., TYPE1,TYPE2, -f, -l, --all,
 * a category.
 */
#ifndef CUBE_KUBECTL_TARGETS_H
#define CUBE_KUBECTL_TARGETS_H

#include "kubectl/files.h"
#include "kubectl/kubectl.h"

struct mapping;

struct target {
	const struct mapping *mapping;
	const char *ns;     /* "" for cluster-scoped kinds and for all namespaces */
	const char *name;   /* "" for every object of the kind (targets_parse only) */
	struct json *tree;  /* of targets_find(): as the server has it; of a file: as written */
	const char *source; /* file, or NULL */
};

struct target_query {
	const char *const *args;
	size_t args_len;
	const struct file_flags *files; /* may be NULL */
	const char *selector, *field_selector;
	bool all, all_namespaces;
	bool ignore_not_found;
	bool allow_bare_type;     /* TYPE alone means all of it (get, describe) */
	const char *default_type; /* "pods": a first argument without a slash is a name (logs, exec) */
};

/* What the arguments name, without asking the server for objects. More than one type: *ret_many. */
int targets_parse(struct kubectl *k, const struct target_query *query, struct target **ret, size_t *ret_len,
    bool *ret_many, struct error *err);
/*
 * And fetches the objects, lists expanded. Those that cannot be read go to `failures`; the others are
 * returned.
 */
int targets_find(struct kubectl *k, const struct target_query *query, struct target **ret, size_t *ret_len,
    struct failures *failures, struct error *err);
/* Exactly one object by TYPE/NAME, TYPE NAME, or NAME of default_type. */
int target_find_one(
    struct kubectl *k, const struct target_query *query, struct target *ret, struct error *err);

const char *target_path(struct kubectl *k, const struct target *target, const char *sub);
int target_get(struct kubectl *k, struct target *target, struct error *err); /* fills tree */

#endif
