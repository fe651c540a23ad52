/* kubectl diff: what apply would change, as `diff -u -N` of two folders shows it. Exit code 1: there are
 * differences. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/last_applied.h"
#include "kubectl/manifests.h"
#include "kubectl/mapper.h"
#include "kubectl/patch/three_way.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"

struct differ {
	struct kubectl *k;
	bool server_side, force_conflicts, show_managed;
	const char *manager;
	char live[64], merged[64];
};

/* The live object and what applying would make of it, by a dry run; either may be NULL. */
static int merge(struct differ *d, const struct manifest *m, struct json **ret_live, struct json **ret_merged,
    struct error *err)
{
	struct kubectl *k = d->k;
	struct error missing = ERROR_INIT;
	const char *path = session_path(k, m->mapping, m->ns, m->name, NULL);
	*ret_live = NULL;
	if (session_get(k, path, ret_live, &missing) && missing.code != ERR_NOT_FOUND) {
		*err = missing;
		return -1;
	}
	if (d->server_side) {
		const char *query = session_param(k, session_param(k, path, "dryRun", "All"), "fieldManager",
		    str_or(d->manager, "kubectl"));
		query = session_param(k, query, "force", d->force_conflicts ? "true" : "false");
		return session_patch(k, query, PATCH_APPLY, m->tree, ret_merged, err);
	}
	const char *manager = str_or(d->manager, "kubectl-client-side-apply");
	if (!*ret_live) {
		const char *create =
		    session_param(k, session_path(k, m->mapping, m->ns, NULL, NULL), "dryRun", "All");
		last_applied_set(k->arena, m->tree);
		return session_call(
		    k, "POST", session_param(k, create, "fieldManager", manager), m->tree, ret_merged, err);
	}
	const struct schema *schema = schema_by_gvk(m->mapping->group, m->mapping->version, m->mapping->kind);
	const struct json *original = last_applied_get(k->arena, *ret_live);
	last_applied_set(k->arena, m->tree);
	struct json *patch = schema ? three_way_strategic(k->arena, schema, original, m->tree, *ret_live)
				    : three_way_merge(k->arena, original, m->tree, *ret_live);
	*ret_merged = *ret_live;
	if (!patch->len)
		return 0;
	const char *query =
	    session_param(k, session_param(k, path, "dryRun", "All"), "fieldManager", manager);
	return session_patch(k, query, schema ? PATCH_STRATEGIC : PATCH_MERGE, patch, ret_merged, err);
}

static int write_tree(struct differ *d, const char *folder, const struct manifest *m,
    const struct json *object, bool secret, struct error *err)
{
	struct kubectl *k = d->k;
	struct buf text = BUF_INIT;
	struct json *copy = json_clone(k->arena, object);
	const char *group = *m->mapping->group ? arena_printf(k->arena, "%s.", m->mapping->group) : "";
	const char *path = arena_printf(k->arena, "%s/%s%s.%s.%s.%s", folder, group, m->mapping->version,
	    m->mapping->kind, m->ns, m->name);
	if (!d->show_managed)
		tree_remove(copy, "metadata.managedFields");
	struct json *annotations = tree_at(copy, "metadata.annotations");
	if (annotations) { /* its change is a shadow of the others */
		json_remove(annotations, LAST_APPLIED_ANNOTATION);
		if (!annotations->len)
			tree_remove(copy, "metadata.annotations");
	}
	struct json *data = json_get(copy, "data");
	for (size_t i = 0; secret && i < tree_size(data); i++)
		data->members[i].value = json_new_string(k->arena, "***");
	json_sort(copy);
	yaml_write(&text, copy);
	int result = file_write(path, buf_str(&text), text.size, err);
	buf_done(&text);
	return result;
}

static int run_program(struct differ *d, int *ret_code, struct error *err)
{
	const char *program = str_or(getenv("KUBECTL_EXTERNAL_DIFF"), "diff -u -N");
	const char *command = arena_printf(d->k->arena, "%s %s %s", program, d->live, d->merged);
	fflush(stdout);
	int status = system(command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return error_set(err, ERR_PARSE, "failed to run \"%s\"", program);
	*ret_code = WEXITSTATUS(status);
	return 0;
}

static void remove_folder(struct kubectl *k, const char *folder)
{
	const char *argv[] = {"rm", "-rf", folder, NULL};
	pid_t pid = fork();
	if (pid == 0) {
		execvp("rm", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static int diff_all(struct differ *d, const struct manifest *manifests, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		struct json *live, *merged;
		if (merge(d, &manifests[i], &live, &merged, err))
			return -1;
		bool secret = str_eq(manifests[i].mapping->kind, "Secret") && !*manifests[i].mapping->group;
		if ((live && write_tree(d, d->live, &manifests[i], live, secret, err)) ||
		    (merged && write_tree(d, d->merged, &manifests[i], merged, secret, err)))
			return -1;
	}
	int code = 0;
	if (run_program(d, &code, err))
		return -1;
	d->k->exit_code = code;
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct differ d = {.k = k, .live = "/tmp/LIVE-XXXXXX", .merged = "/tmp/MERGED-XXXXXX"};
	struct file_flags files = {0};
	const char *selector = NULL;
	bool prune = false;
	int64_t concurrency = 1;
	const struct flag flags[] = {FILE_FLAGS(&files),
	    {"server-side", 0, FLAG_BOOL, &d.server_side, "Let the server merge"},
	    {"force-conflicts", 0, FLAG_BOOL, &d.force_conflicts, "Take fields from other managers"},
	    {"field-manager", 0, FLAG_STRING, &d.manager, "Name that owns the fields"},
	    {"show-managed-fields", 0, FLAG_BOOL, &d.show_managed, "Keep managedFields"},
	    {"selector", 'l', FLAG_STRING, &selector, "Accepted and ignored"},
	    {"prune", 0, FLAG_BOOL, &prune, "Not supported"},
	    {"concurrency", 0, FLAG_INT, &concurrency, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct manifest *manifests;
	size_t len;
	k->exit_code = 2; /* until it is known: errors are not differences */
	if (kubectl_parse(k, "kubectl diff -f FILENAME", flags, argc, argv, &args, err))
		return -1;
	if (!files_given(&files))
		return error_set(err, ERR_PARSE, "must specify one of -f and -k");
	if (manifests_read(k, "diff", &files, VALIDATE_STRICT, &manifests, &len, err))
		return -1;
	if (!mkdtemp(d.live) || !mkdtemp(d.merged))
		return error_set_errno(err, errno, "making a temporary folder");
	int result = diff_all(&d, manifests, len, err);
	remove_folder(k, d.live);
	remove_folder(k, d.merged);
	return result;
}

const struct command command_diff = {
    "diff", NULL, "Advanced Commands:", "Diff the live version against a would-be applied version", run};
