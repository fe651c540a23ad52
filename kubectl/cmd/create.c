/* kubectl create: from files, or by a generator for a kind. */
#include <stdio.h>

#include "kubectl/create.h"
#include "kubectl/last_applied.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"

static const struct command *const generators[] = {&create_cluster_role, &create_cluster_role_binding,
    &create_config_map, &create_cron_job, &create_deployment, &create_ingress, &create_job, &create_namespace,
    &create_budget, &create_priority_class, &create_quota, &create_role, &create_role_binding, &create_secret,
    &create_service, &create_service_account, &create_token, NULL};

static int create_one(
    struct kubectl *k, const struct write_flags *w, const struct manifest *m, bool save, struct error *err)
{
	struct json *created = m->tree;
	if (save)
		last_applied_set(k->arena, m->tree);
	if (!write_is_client(w)) {
		const char *path =
		    write_query(k, w, session_path(k, m->mapping, m->ns, NULL, NULL), "kubectl-create", true);
		if (write_create(k, m->mapping, m->ns, path, m->tree, &created, err)) {
			report_add_source(k, err, "creating", m->source);
			return -1;
		}
	}
	return write_done(k, w, m->mapping, created, "created", err);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	/* A word in front of every flag is a generator's name. */
	if (argc > 1 && argv[1][0] != '-')
		return kubectl_dispatch(
		    k, generators, "Create a resource from a file or from stdin.", argc, argv, err);
	struct file_flags files = {0};
	struct write_flags w = {0};
	const char *selector = NULL, *raw = NULL;
	bool save = false, edit = false, windows = false;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&w), VALIDATE_FLAG(&w),
	    {"selector", 'l', FLAG_STRING, &selector, "Accepted and ignored"},
	    {"save-config", 0, FLAG_BOOL, &save, "Remember the objects in their annotation, for apply"},
	    {"edit", 0, FLAG_BOOL, &edit, "Not supported"},
	    {"windows-line-endings", 0, FLAG_BOOL, &windows, "Accepted and ignored"},
	    {"raw", 0, FLAG_STRING, &raw, "Path to POST the file to as it is"}, FLAG_END};
	struct args args;
	struct manifest *manifests;
	size_t len;
	if (kubectl_parse(k, "kubectl create -f FILENAME", flags, argc, argv, &args, err) ||
	    write_flags_check(k, &w, err))
		return -1;
	if (args.len)
		return kubectl_dispatch(
		    k, generators, "Create a resource from a file or from stdin.", argc, argv, err);
	if (!files_given(&files))
		return error_set(err, ERR_PARSE, "must specify one of -f and -k");
	if (raw) {
		struct source *sources;
		struct answer answer;
		if (files_read(k, &files, &sources, &len, err) || !len)
			return -1;
		if (session_exchange(k,
			&(struct exchange){.method = "POST",
			    .path = raw,
			    .content_type = "application/json",
			    .body = sources[0].text,
			    .body_size = sources[0].size},
			&answer, err))
			return -1;
		fwrite(answer.body, 1, answer.size, stdout);
		return 0;
	}
	if (manifests_read(k, "create", &files, w.validation, &manifests, &len, err))
		return -1;
	struct failures failures = {0};
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (create_one(k, &w, &manifests[i], save, &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_create = {
    "create", NULL, "Basic Commands (Beginner):", "Create a resource from a file or from stdin", run};
