#include "kubectl/writing.h"

#include <unistd.h>

#include "kubectl/mapper.h"
#include "kubectl/patch/three_way.h"
#include "kubectl/printers/printer.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"
#include "lib/api/schema.h"

enum { PENDING_TRIES = 50, PENDING_WAIT_US = 200000 };

int write_flags_check(struct kubectl *k, struct write_flags *w, struct error *err)
{
	static const char *const modes[] = {"", "none", "client", "server", NULL};
	if (w->dry_run && str_eq(w->dry_run, "unchanged")) {
		report_warning("--dry-run is deprecated and can be replaced with --dry-run=client.");
		w->dry_run = "client";
	}
	if (!str_in(str_or(w->dry_run, ""), modes))
		return error_set(err, ERR_PARSE,
		    "Invalid dry-run value (%s). Must be \"none\", \"server\", or \"client\".", w->dry_run);
	if (manifest_validation_parse(w->validate, &w->validation, err))
		return -1;
	if (printer_parse(k, w->output, w->template_text, &w->printer, err))
		return -1;
	printer_show_managed_fields(w->printer, w->show_managed_fields);
	return 0;
}

bool write_is_client(const struct write_flags *w)
{
	return str_eq(w->dry_run, "client");
}

const char *write_query(
    struct kubectl *k, const struct write_flags *w, const char *path, const char *manager, bool validates)
{
	if (str_eq(w->dry_run, "server"))
		path = session_param(k, path, "dryRun", "All");
	path = session_param(k, path, "fieldManager", str_or(w->field_manager, manager));
	if (validates)
		path = session_param(k, path, "fieldValidation", manifest_validation_query(w->validation));
	return path;
}

int write_done(struct kubectl *k, const struct write_flags *w, const struct mapping *mapping,
    const struct json *object, const char *done, struct error *err)
{
	return printer_print_done(k, w->printer, mapping, object, done, w->dry_run, err);
}

int write_create(struct kubectl *k, const struct mapping *mapping, const char *ns, const char *query,
    const struct json *object, struct json **ret, struct error *err)
{
	for (int tries = 0;; tries++) {
		int result = session_call(k, "POST", query, object, ret, err);
		if (!result || !mapping->is_pending || err->code != ERR_NOT_FOUND || tries >= PENDING_TRIES)
			return result;
		error_clear(err);
		usleep(PENDING_WAIT_US);
	}
}

int write_difference(struct kubectl *k, const struct write_flags *w, const struct mapping *mapping,
    const char *ns, const struct json *before, const struct json *after, const char *manager,
    struct json **ret, struct error *err)
{
	const struct schema *schema = schema_by_gvk(mapping->group, mapping->version, mapping->kind);
	struct json *patch = schema ? two_way_strategic(k->arena, schema, before, after)
				    : two_way_merge(k->arena, before, after);
	*ret = NULL;
	if (!patch->len)
		return 0;
	const char *path = session_path(k, mapping, ns, tree_name(before), NULL);
	return session_patch(k, write_query(k, w, path, manager, true),
	    schema ? PATCH_STRATEGIC : PATCH_MERGE, patch, ret, err);
}
