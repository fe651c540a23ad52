/* kubectl apply: makes the cluster's objects what the manifests say, with a three-way patch or on the
 * server's side. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/last_applied.h"
#include "kubectl/last_applied_verbs.h"
#include "kubectl/manifests.h"
#include "kubectl/mapper.h"
#include "kubectl/patch/three_way.h"
#include "kubectl/printers/printer.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"
#include "lib/api/schema.h"

enum { CONFLICT_TRIES = 5 };
#define MANAGER "kubectl-client-side-apply"

struct apply {
	struct kubectl *k;
	struct write_flags write;
	struct file_flags files;
	const char *selector, *cascade;
	bool server_side, force_conflicts, prune, all, overwrite, force, wait;
	int64_t grace_period, timeout_ms;
	struct flag_list prune_types;
};

static int finish(
    struct apply *a, const struct manifest *m, const struct json *object, const char *done, struct error *err)
{
	return write_done(a->k, &a->write, m->mapping, object, done, err);
}

static int apply_new(struct apply *a, const struct manifest *m, struct error *err)
{
	struct kubectl *k = a->k;
	struct json *created = m->tree;
	last_applied_set(k->arena, m->tree);
	if (!write_is_client(&a->write)) {
		const char *path = session_path(k, m->mapping, m->ns, NULL, NULL);
		path = write_query(k, &a->write, path, MANAGER, true);
		if (write_create(k, m->mapping, m->ns, path, m->tree, &created, err)) {
			report_add_source(k, err, "creating", m->source);
			return -1;
		}
	}
	return finish(a, m, created, "created", err);
}

static struct json *make_patch(struct apply *a, const struct manifest *m, const struct json *current)
{
	struct arena *arena = a->k->arena;
	const struct schema *schema = schema_by_gvk(m->mapping->group, m->mapping->version, m->mapping->kind);
	const struct json *original = last_applied_get(arena, current);
	last_applied_set(arena, m->tree);
	return schema ? three_way_strategic(arena, schema, original, m->tree, current)
		      : three_way_merge(arena, original, m->tree, current);
}

static int replace_by_force(struct apply *a, const struct manifest *m, struct json **ret, struct error *err)
{
	struct kubectl *k = a->k;
	const char *path = session_path(k, m->mapping, m->ns, m->name, NULL);
	error_clear(err);
	if (session_call(
		k, "DELETE", session_param(k, path, "propagationPolicy", "Background"), NULL, NULL, err))
		return -1;
	for (int tries = 0; tries < 300; tries++) {
		struct error gone = ERROR_INIT;
		if (session_get(k, path, NULL, &gone))
			break;
		usleep(100000);
	}
	path = write_query(k, &a->write, session_path(k, m->mapping, m->ns, NULL, NULL), MANAGER, true);
	return session_call(k, "POST", path, m->tree, ret, err);
}

static int apply_changes(struct apply *a, const struct manifest *m, struct json *current, struct error *err)
{
	struct kubectl *k = a->k;
	enum patch_type type = m->mapping->is_built_in ? PATCH_STRATEGIC : PATCH_MERGE;
	const char *path = session_path(k, m->mapping, m->ns, m->name, NULL);
	if (!last_applied_text(current))
		report_warning("resource %s/%s is missing the " LAST_APPLIED_ANNOTATION
			       " annotation which is required by kubectl apply. kubectl apply should only be "
			       "used on resources "
			       "created declaratively by either kubectl create --save-config or kubectl "
			       "apply. The missing "
			       "annotation will be patched automatically.",
		    m->mapping->plural, m->name);
	struct json *patch = make_patch(a, m, current), *patched = current;
	if (!patch->len)
		return finish(a, m, current, "unchanged", err);
	if (write_is_client(&a->write))
		return finish(a, m, a->write.printer ? m->tree : current, "configured", err);
	const char *query = write_query(k, &a->write, path, MANAGER, true);
	for (int tries = 0; session_patch(k, query, type, patch, &patched, err); tries++) {
		if (err->code == ERR_CONFLICT && tries < CONFLICT_TRIES) {
			error_clear(err);
			if (session_get(k, path, &current, err))
				return -1;
			patch = make_patch(a, m, current);
			continue;
		}
		if (a->force && (err->code == ERR_CONFLICT || err->code == ERR_INVALID) &&
		    !replace_by_force(a, m, &patched, err))
			break;
		struct buf text = BUF_INIT;
		json_write(&text, patch, 0);
		report_add_source(k, err,
		    arena_printf(k->arena,
			"applying patch:\n%s\nto:\nResource: \"%s, Resource=%s\", "
			"GroupVersionKind: \"%s, Kind=%s\"\nName: \"%s\", Namespace: \"%s\"\nfor:",
			buf_str(&text), mapping_api_version(k->arena, m->mapping), m->mapping->plural,
			mapping_api_version(k->arena, m->mapping), m->mapping->kind, m->name, m->ns),
		    m->source);
		buf_done(&text);
		return -1;
	}
	/* What the server made of the patch may be what it had: the annotation alone changes nothing either.
	 */
	bool same = str_eq(tree_text(patched, "metadata.resourceVersion", "a"),
	    tree_text(current, "metadata.resourceVersion", "b"));
	return finish(
	    a, m, patched, same && !*str_or(a->write.dry_run, "") ? "unchanged" : "configured", err);
}

static int conflict_advice(struct kubectl *k, struct error *err)
{
	struct buf out = BUF_INIT;
	buf_printf(&out,
	    "%s\nPlease review the fields above--they currently have other managers. Here\n"
	    "are the ways you can resolve this warning:\n"
	    "* If you intend to manage all of these fields, please re-run the apply\n"
	    "  command with the `--force-conflicts` flag.\n"
	    "* If you do not intend to manage all of the fields, please edit your\n"
	    "  manifest to remove references to the fields that should keep their\n"
	    "  current managers.\n"
	    "* You may co-own fields by updating your manifest to match the existing\n"
	    "  value; in this case, you'll become the manager if the other manager(s)\n"
	    "  stop managing the field (remove it from their configuration).\n"
	    "See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts",
	    json_get_string(k->status, "message", err->message));
	fprintf(stderr, "error: %s\n", buf_str(&out));
	buf_done(&out);
	return report_done(err);
}

static int apply_on_server(struct apply *a, const struct manifest *m, struct error *err)
{
	struct kubectl *k = a->k;
	struct json *applied;
	const char *path = session_path(k, m->mapping, m->ns, m->name, NULL);
	tree_remove(m->tree, "metadata.managedFields");
	path = write_query(k, &a->write, path, "kubectl", true);
	path = session_param(k, path, "force", a->force_conflicts ? "true" : "false");
	for (int tries = 0; session_patch(k, path, PATCH_APPLY, m->tree, &applied, err); tries++) {
		if (m->mapping->is_pending && err->code == ERR_NOT_FOUND && tries < 50) {
			error_clear(err);
			usleep(200000);
			continue;
		}
		if (err->code == ERR_CONFLICT)
			return conflict_advice(k, err);
		report_add_source(k, err, "applying patch for", m->source);
		return -1;
	}
	return finish(a, m, applied, "serverside-applied", err);
}

static int apply_one(struct apply *a, const struct manifest *m, struct error *err)
{
	struct kubectl *k = a->k;
	struct json *current;
	if (!*m->name && *tree_text(m->tree, "metadata.generateName", ""))
		return error_set(err, ERR_PARSE, "from %s: cannot use generate name with apply",
		    tree_text(m->tree, "metadata.generateName", ""));
	if (!*m->name)
		return error_set(err, ERR_PARSE,
		    "error when retrieving current configuration of:\nResource: \"%s, Resource=%s\"\nfrom "
		    "server for: \"%s\": resource name may not be empty",
		    mapping_api_version(k->arena, m->mapping), m->mapping->plural, m->source);
	if (a->server_side)
		return apply_on_server(a, m, err);
	struct error missing = ERROR_INIT;
	if (session_get(k, session_path(k, m->mapping, m->ns, m->name, NULL), &current, &missing) == 0)
		return apply_changes(a, m, current, err);
	if (missing.code == ERR_NOT_FOUND)
		return apply_new(a, m, err);
	*err = missing;
	return -1;
}

static bool selected(const struct apply *a, const struct manifest *m)
{
	/* Equality terms only, as in -l app=web: the server is not asked about objects that may not exist
	 * yet. */
	if (str_empty(a->selector))
		return true;
	size_t len;
	char **terms = str_split(a->k->arena, a->selector, ',', &len);
	const struct json *labels = tree_at(m->tree, "metadata.labels");
	for (size_t i = 0; i < len; i++) {
		char *eq = strchr(terms[i], '=');
		if (!eq)
			continue;
		const char *value = eq + 1 + (eq[1] == '=');
		bool negated = eq > terms[i] && eq[-1] == '!';
		const char *key = arena_strndup(a->k->arena, terms[i], (size_t)(eq - terms[i]) - negated);
		if (str_eq(json_get_string(labels, key, NULL), value) == negated)
			return false;
	}
	return true;
}

static int check(struct apply *a, const struct args *args, struct error *err)
{
	if (args->len)
		return error_set(err, ERR_PARSE,
		    "Unexpected args: [%s]\nSee 'kubectl apply -h' for help and examples", args->items[0]);
	if (a->prune || a->prune_types.len)
		return error_set(err, ERR_PARSE,
		    "--prune is not supported: delete what is no longer wanted with kubectl delete");
	if (!files_given(&a->files))
		return error_set(err, ERR_PARSE, "must specify one of -f and -k");
	if (a->force_conflicts && !a->server_side)
		return error_set(err, ERR_PARSE, "--force-conflicts only works with --server-side");
	if (a->server_side && write_is_client(&a->write))
		return error_set(err, ERR_PARSE,
		    "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server "
		    "instead?)");
	if (a->force && a->server_side)
		return error_set(err, ERR_PARSE, "--force cannot be used with --server-side");
	return write_flags_check(a->k, &a->write, err);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	if (argc > 1 && str_eq(argv[1], "view-last-applied"))
		return last_applied_view(k, argc - 1, argv + 1, err);
	if (argc > 1 && str_eq(argv[1], "set-last-applied"))
		return last_applied_replace(k, argc - 1, argv + 1, err);
	struct apply a = {.k = k, .overwrite = true, .grace_period = -1};
	const struct flag flags[] = {FILE_FLAGS(&a.files), WRITE_FLAGS(&a.write), VALIDATE_FLAG(&a.write),
	    {"selector", 'l', FLAG_STRING, &a.selector, "Only objects with these labels"},
	    {"server-side", 0, FLAG_BOOL, &a.server_side, "Let the server merge"},
	    {"force-conflicts", 0, FLAG_BOOL, &a.force_conflicts, "Take fields from other managers"},
	    {"force", 0, FLAG_BOOL, &a.force, "Delete and create again what cannot be patched"},
	    {"overwrite", 0, FLAG_BOOL, &a.overwrite, "Accepted and ignored"},
	    {"prune", 0, FLAG_BOOL, &a.prune, "Not supported"},
	    {"all", 0, FLAG_BOOL, &a.all, "Accepted and ignored"},
	    {"prune-allowlist", 0, FLAG_ARRAY, &a.prune_types, "Not supported"},
	    {"cascade", 0, FLAG_STRING, &a.cascade, "Accepted and ignored", "background"},
	    {"wait", 0, FLAG_BOOL, &a.wait, "Accepted and ignored"},
	    {"grace-period", 0, FLAG_INT, &a.grace_period, "Accepted and ignored"},
	    {"timeout", 0, FLAG_DURATION, &a.timeout_ms, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct manifest *manifests;
	size_t len;
	if (kubectl_parse(
		k, "kubectl apply (-f FILENAME | -k DIRECTORY) [flags]", flags, argc, argv, &args, err) ||
	    check(&a, &args, err) ||
	    manifests_read(k, "apply", &a.files, a.write.validation, &manifests, &len, err))
		return -1;
	struct failures failures = {0};
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (selected(&a, &manifests[i]) && apply_one(&a, &manifests[i], &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_apply = {
    "apply", NULL, "Advanced Commands:", "Apply a configuration to a resource by file name or stdin", run};
