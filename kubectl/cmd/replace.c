/* kubectl replace: PUT, or with --force delete and create. */
#include <stdio.h>

#include "kubectl/kubectl.h"
#include "kubectl/last_applied.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"
#include "kubectl/writing.h"

static int recreate(struct kubectl *k, const struct write_flags *w, const struct manifest *m, int64_t grace,
    int64_t timeout_ms, struct json **ret, struct error *err)
{
	struct target target = {m->mapping, m->ns, m->name, m->tree, m->source};
	struct error missing = ERROR_INIT;
	struct json *options = json_new_object(k->arena);
	tree_set_text(k->arena, options, "propagationPolicy", "Background");
	if (grace >= 0)
		json_set(k->arena, options, "gracePeriodSeconds", json_new_int(k->arena, grace));
	if (target_get(k, &target, &missing) == 0) {
		if (session_call(k, "DELETE", target_path(k, &target, NULL), options, NULL, err))
			return -1;
		printf("%s \"%s\" deleted\n", mapping_kind_text(k->arena, m->mapping), m->name);
		if (wait_gone(k, &target, tree_text(target.tree, "metadata.uid", ""), timeout_ms, err))
			return -1;
	}
	const char *path =
	    write_query(k, w, session_path(k, m->mapping, m->ns, NULL, NULL), "kubectl-replace", true);
	if (session_call(k, "POST", path, m->tree, ret, err)) {
		report_add_source(k, err, "replacing", m->source);
		return -1;
	}
	return 0;
}

static int replace_one(struct kubectl *k, const struct write_flags *w, const struct manifest *m,
    const char *subresource, struct json **ret, struct error *err)
{
	const char *path = session_path(k, m->mapping, m->ns, m->name, subresource);
	if (!*m->name)
		return error_set(err, ERR_PARSE, "resource name may not be empty");
	if (last_applied_text(m->tree) ||
	    json_get(tree_at(m->tree, "metadata.annotations"), LAST_APPLIED_ANNOTATION))
		last_applied_set(k->arena, m->tree);
	if (session_call(k, "PUT", write_query(k, w, path, "kubectl-replace", true), m->tree, ret, err)) {
		report_add_source(k, err, "replacing", m->source);
		return -1;
	}
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	struct write_flags w = {0};
	const char *cascade = NULL, *raw = NULL, *subresource = NULL;
	bool force = false, save = false, wait = false;
	int64_t grace = -1, timeout_ms = 0;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&w), VALIDATE_FLAG(&w),
	    {"force", 0, FLAG_BOOL, &force, "Delete and create again"},
	    {"save-config", 0, FLAG_BOOL, &save, "Remember for apply"},
	    {"grace-period", 0, FLAG_INT, &grace, "With --force"},
	    {"timeout", 0, FLAG_DURATION, &timeout_ms, "With --force"},
	    {"cascade", 0, FLAG_STRING, &cascade, "Accepted and ignored", "background"},
	    {"wait", 0, FLAG_BOOL, &wait, "Accepted and ignored"},
	    {"subresource", 0, FLAG_STRING, &subresource, "status or scale"},
	    {"raw", 0, FLAG_STRING, &raw, "Not supported"}, FLAG_END};
	struct args args;
	struct manifest *manifests;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k, "kubectl replace -f FILENAME", flags, argc, argv, &args, err) ||
	    write_flags_check(k, &w, err))
		return -1;
	if (!files_given(&files))
		return error_set(err, ERR_PARSE, "must specify --filename to replace");
	if (manifests_read(k, "replace", &files, w.validation, &manifests, &len, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		struct json *written = manifests[i].tree;
		int result = 0;
		if (save)
			last_applied_set(k->arena, manifests[i].tree);
		if (!write_is_client(&w))
			result = force ? recreate(k, &w, &manifests[i], grace, timeout_ms, &written, &one)
				       : replace_one(k, &w, &manifests[i], subresource, &written, &one);
		if (result || write_done(k, &w, manifests[i].mapping, written, "replaced", &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_replace = {
    "replace", NULL, "Advanced Commands:", "Replace a resource by file name or stdin", run};
