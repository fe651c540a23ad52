/* kubectl set subject: adds users, groups and service accounts to role bindings. */
#include "kubectl/create.h"
#include "kubectl/mapper.h"
#include "kubectl/setting.h"
#include "kubectl/tree.h"

struct addition {
	struct kubectl *k;
	struct json *subjects;
};

static bool has(const struct json *list, const struct json *subject)
{
	tree_for_each(list, item) if (json_equal(item, subject)) return true;
	return false;
}

static int change(void *arg, const struct target *target, struct json *object, struct error *err)
{
	const struct addition *a = arg;
	if (!str_eq(target->mapping->kind, "RoleBinding") &&
	    !str_eq(target->mapping->kind, "ClusterRoleBinding"))
		return error_set(err, ERR_PARSE, "%s/%s: subjects can be set of role bindings only",
		    mapping_kind_text(a->k->arena, target->mapping), target->name);
	struct json *list = json_get(object, "subjects");
	if (!list) {
		list = json_new_array(a->k->arena);
		json_set(a->k->arena, object, "subjects", list);
	}
	tree_for_each(a->subjects, subject) if (!has(list, subject)) json_push(a->k->arena, list, subject);
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct setting s = {.k = k, .manager = "kubectl-set", .done = "subjects updated", .change = change};
	struct addition a = {.k = k};
	struct subject_flags who = {0};
	const struct flag flags[] = {SETTING_FLAGS(&s), SUBJECT_FLAGS(&who), FLAG_END};
	struct args args;
	if (kubectl_parse(k,
		"kubectl set subject (-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] "
		"[--serviceaccount=namespace:serviceaccountname]",
		flags, argc, argv, &args, err) ||
	    subjects_make(k, &who, &a.subjects, err))
		return -1;
	if (!a.subjects->len)
		return error_set(
		    err, ERR_PARSE, "you must specify at least one value of user, group or serviceaccount");
	s.arg = &a;
	return setting_run(&s, args.items, args.len, err);
}

const struct command set_subject = {
    "subject", NULL, NULL, "Update the user, group, or service account in a role binding", run};
