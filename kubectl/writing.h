/* writing: what the verbs that change objects share: flags, the query parameters that say how, creating and
 * deleting. */
#ifndef CUBE_KUBECTL_WRITING_H
#define CUBE_KUBECTL_WRITING_H

#include "kubectl/kubectl.h"
#include "kubectl/manifests.h"

struct mapping;
struct printer;

struct write_flags {
	const char *dry_run; /* "" or "none", "client", "server" */
	const char *field_manager, *validate, *output, *template_text;
	bool show_managed_fields;
	/* filled by write_flags_check() */
	enum manifest_validation validation;
	struct printer *printer;
};
#define WRITE_FLAGS(w)                                                                                       \
	{"dry-run", 0, FLAG_STRING, &(w)->dry_run, "none, client or server", "unchanged"},                   \
	    {"field-manager", 0, FLAG_STRING, &(w)->field_manager, "Name that owns the fields"},             \
	    {"output", 'o', FLAG_STRING, &(w)->output, "Format: json, yaml, name, jsonpath="},               \
	    {"template", 0, FLAG_STRING, &(w)->template_text, "Template for -o"},                            \
	{                                                                                                    \
		"show-managed-fields", 0, FLAG_BOOL, &(w)->show_managed_fields,                              \
		    "Keep managedFields in yaml and json"                                                    \
	}
#define VALIDATE_FLAG(w)                                                                                     \
	{                                                                                                    \
		"validate", 0, FLAG_STRING, &(w)->validate, "strict (or true), warn, ignore (or false)",     \
		    "strict"                                                                                 \
	}

int write_flags_check(struct kubectl *k, struct write_flags *w, struct error *err);
bool write_is_client(const struct write_flags *w);
/* fieldManager, dryRun and, when `validates`, fieldValidation. */
const char *write_query(
    struct kubectl *k, const struct write_flags *w, const char *path, const char *manager, bool validates);
/* Prints "kind/name done". */
int write_done(struct kubectl *k, const struct write_flags *w, const struct mapping *mapping,
    const struct json *object, const char *done, struct error *err);
/* POST, and what a custom resource needs whose definition was just created: patience. */
int write_create(struct kubectl *k, const struct mapping *mapping, const char *ns, const char *path,
    const struct json *object, struct json **ret, struct error *err);
/* Patch from before to after: strategic for built-in kinds. Sends nothing when they are equal and returns
 * *ret = NULL. A field that the server does not know is an error: it would be lost. */
int write_difference(struct kubectl *k, const struct write_flags *w, const struct mapping *mapping,
    const char *ns, const struct json *before, const struct json *after, const char *manager,
    struct json **ret, struct error *err);

#endif
