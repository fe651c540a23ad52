/* kubectl taint: KEY=VALUE:EFFECT adds, KEY:EFFECT- and KEY- remove. */
#include <stdio.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/setting.h"
#include "kubectl/tree.h"

struct taint {
	struct kubectl *k;
	const char *const *changes;
	size_t len;
	bool overwrite;
	struct setting *setting;
};

struct parsed {
	const char *key, *value, *effect;
	bool removes;
};

static int parse(struct arena *a, const char *text, struct parsed *ret, struct error *err)
{
	static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute", NULL};
	*ret = (struct parsed){.removes = str_has_suffix(text, "-")};
	const char *whole = arena_strndup(a, text, strlen(text) - ret->removes), *colon = strrchr(whole, ':'),
		   *eq = strchr(whole, '=');
	ret->effect = colon ? colon + 1 : "";
	size_t head = colon ? (size_t)(colon - whole) : strlen(whole);
	ret->key = arena_strndup(a, whole, eq ? (size_t)(eq - whole) : head);
	ret->value = eq ? arena_strndup(a, eq + 1, head - (size_t)(eq - whole) - 1) : "";
	if (!*ret->key || (!ret->removes && !colon))
		return error_set(err, ERR_PARSE, "invalid taint spec: %s", text);
	if (*ret->effect && !str_in(ret->effect, effects))
		return error_set(
		    err, ERR_PARSE, "invalid taint effect: %s, unsupported taint effect", ret->effect);
	return 0;
}

static int change(void *arg, const struct target *target, struct json *object, struct error *err)
{
	struct taint *t = arg;
	struct arena *a = t->k->arena;
	struct json *list = tree_at(object, "spec.taints");
	size_t added = 0, removed = 0;
	if (!list)
		list = json_new_array(a);
	for (size_t i = 0; i < t->len; i++) {
		struct parsed p;
		bool found = false;
		if (parse(a, t->changes[i], &p, err))
			return -1;
		for (size_t j = 0; j < list->len; j++) {
			const struct json *old = list->items[j];
			if (!str_eq(json_get_string(old, "key", ""), p.key) ||
			    (*p.effect && !str_eq(json_get_string(old, "effect", ""), p.effect)))
				continue;
			found = true;
			if (!p.removes && !t->overwrite)
				return error_set(err, ERR_PARSE,
				    "node %s already has %s taint(s) with same effect(s) and --overwrite is "
				    "false",
				    target->name, p.key);
			json_array_remove(list, j--);
		}
		if (p.removes && !found)
			return error_set(err, ERR_PARSE,
			    *p.effect ? "taint \"%s:%s\" not found" : "taint \"%s\" not found", p.key,
			    p.effect);
		removed += p.removes;
		if (p.removes)
			continue;
		struct json *taint = json_new_object(a);
		tree_set_text(a, taint, "effect", p.effect);
		tree_set_text(a, taint, "key", p.key);
		if (*p.value)
			tree_set_text(a, taint, "value", p.value);
		json_push(a, list, taint);
		added++;
	}
	if (list->len)
		tree_set(a, object, "spec.taints", list);
	else
		tree_remove(object, "spec.taints");
	t->setting->done = added && removed ? "modified" : removed ? "untainted" : "tainted";
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct setting s = {.k = k, .manager = "kubectl-taint", .done = "tainted", .change = change};
	struct taint t = {.k = k, .setting = &s};
	const struct flag flags[] = {SETTING_FLAGS(&s), VALIDATE_FLAG(&s.write),
	    {"overwrite", 0, FLAG_BOOL, &t.overwrite, "Replace taints"}, FLAG_END};
	struct args args;
	size_t own = 0;
	if (kubectl_parse(k,
		"kubectl taint NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N", flags,
		argc, argv, &args, err))
		return -1;
	while (own < args.len && !strpbrk(args.items[own], "=:") && !str_has_suffix(args.items[own], "-"))
		own++;
	t.changes = args.items + own;
	t.len = args.len - own;
	s.arg = &t;
	if (!own)
		return error_set(
		    err, ERR_PARSE, "one or more resources must be specified as <resource> <name>");
	if (!t.len)
		return error_set(err, ERR_PARSE, "at least one taint update is required");
	return setting_run(&s, args.items, own, err);
}

const struct command command_taint = {
    "taint", NULL, "Cluster Management Commands:", "Update the taints on one or more nodes", run};
