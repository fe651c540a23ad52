#include "kubectl/setting.h"

#include "kubectl/mapper.h"
#include "kubectl/tree.h"

struct json *setting_pod_spec(const struct json *object)
{
	if (str_eq(json_get_string(object, "kind", ""), "CronJob"))
		return tree_at(object, "spec.jobTemplate.spec.template.spec");
	struct json *spec = tree_at(object, "spec.template.spec");
	return spec ? spec : tree_at(object, "spec");
}

struct json *setting_containers(const struct json *object, bool init)
{
	return json_get(setting_pod_spec(object), init ? "initContainers" : "containers");
}

static int set_one(struct setting *s, const struct target *target, struct error *err)
{
	struct json *after = json_clone(s->k->arena, target->tree), *patched = NULL;
	if (s->change(s->arg, target, after, err))
		return -1;
	if (json_equal(after, target->tree) && !s->write.printer)
		return 0;
	if (!s->local && !write_is_client(&s->write) &&
	    write_difference(
		s->k, &s->write, target->mapping, target->ns, target->tree, after, s->manager, &patched, err))
		return -1;
	return write_done(s->k, &s->write, target->mapping, patched ? patched : after, s->done, err);
}

int setting_run(struct setting *s, const char *const *args, size_t args_len, struct error *err)
{
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (write_flags_check(s->k, &s->write, err))
		return -1;
	const struct target_query query = {
	    .args = args, .args_len = args_len, .files = &s->files, .selector = s->selector, .all = s->all};
	if (s->local ? targets_parse(s->k, &query, &targets, &len, NULL, err)
		     : targets_find(s->k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (!targets[i].tree) /* --local with arguments */
			return error_set(
			    err, ERR_PARSE, "when --local is given, objects must come from files");
		if (set_one(s, &targets[i], &one))
			failures_add(s->k, &failures, &one);
	}
	return failures_result(s->k, &failures, err);
}
