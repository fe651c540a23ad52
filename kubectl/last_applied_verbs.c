#include "kubectl/last_applied_verbs.h"

#include <stdio.h>

#include "kubectl/last_applied.h"
#include "kubectl/manifests.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"
#include "lib/api/yaml.h"

int last_applied_view(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	const char *output = "yaml";
	const struct flag flags[] = {
	    {"output", 'o', FLAG_STRING, &output, "yaml or json"}, FILE_FLAGS(&files), FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k, "kubectl apply view-last-applied (TYPE NAME | TYPE/NAME | -f FILE) [flags]",
		flags, argc, argv, &args, err))
		return -1;
	const struct target_query query = {.args = args.items, .args_len = args.len, .files = &files};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct buf out = BUF_INIT;
		struct json *applied = last_applied_get(k->arena, targets[i].tree);
		if (!applied)
			return error_set(err, ERR_PARSE,
			    "no last-applied-configuration annotation found on resource: %s",
			    targets[i].name);
		if (str_eq(output, "json"))
			json_write(&out, applied, 2);
		else
			yaml_write(&out, applied);
		fputs(buf_str(&out), stdout);
		if (str_eq(output, "json"))
			putchar('\n');
		buf_done(&out);
	}
	return failures_result(k, &failures, err);
}

struct replacement {
	struct write_flags write;
	bool creates; /* the annotation, where there is none */
};

static int replace_one(
    struct kubectl *k, const struct replacement *r, const struct manifest *m, struct error *err)
{
	struct json *current, *patched, *patch = json_new_object(k->arena);
	const char *path = session_path(k, m->mapping, m->ns, m->name, NULL);
	if (session_get(k, path, &current, err))
		return -1;
	if (!last_applied_text(current) && !r->creates)
		return error_set(err, ERR_PARSE,
		    "no last-applied-configuration annotation found on resource: %s, to create the "
		    "annotation, "
		    "run the command with --create-annotation",
		    m->name);
	last_applied_set(k->arena, m->tree);
	struct json *annotations = json_new_object(k->arena);
	json_set(k->arena, annotations, LAST_APPLIED_ANNOTATION,
	    json_new_string(k->arena, last_applied_text(m->tree)));
	tree_set(k->arena, patch, "metadata.annotations", annotations);
	if (!write_is_client(&r->write) &&
	    session_patch(k, write_query(k, &r->write, path, "kubectl-last-applied", false), PATCH_MERGE,
		patch, &patched, err))
		return -1;
	return write_done(
	    k, &r->write, m->mapping, write_is_client(&r->write) ? current : patched, "configured", err);
}

int last_applied_replace(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct replacement r = {0};
	struct file_flags files = {0};
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&r.write),
	    {"create-annotation", 0, FLAG_BOOL, &r.creates, "Also where there is no annotation"}, FLAG_END};
	struct args args;
	struct manifest *manifests;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(
		k, "kubectl apply set-last-applied -f FILENAME [flags]", flags, argc, argv, &args, err) ||
	    write_flags_check(k, &r.write, err))
		return -1;
	if (!files_given(&files))
		return error_set(err, ERR_PARSE, "must specify -f");
	if (manifests_read(k, "apply", &files, r.write.validation, &manifests, &len, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (replace_one(k, &r, &manifests[i], &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}
