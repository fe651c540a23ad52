/* The rules of metadata, the same for every kind (upstream: ValidateObjectMeta and ValidateObjectMetaUpdate).
 */
#include <string.h>

#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/rules.h"

static void check_owner_references(
    struct field_errors *e, const struct field_path *p, const MetaV1__ObjectMeta *meta)
{
	const char *controller = NULL;

	for (size_t i = 0; i < meta->n_owner_references; i++) {
		const MetaV1__OwnerReference *ref = meta->owner_references[i]; /* upstream reports no index */

		rule_invalid_if(
		    e, CHILD(p, "apiVersion"), str_empty(ref->api_version), "", "version must not be empty");
		rule_invalid_if(e, CHILD(p, "kind"), str_empty(ref->kind), "", "must not be empty");
		rule_invalid_if(e, CHILD(p, "name"), str_empty(ref->name), "", "must not be empty");
		rule_invalid_if(e, CHILD(p, "uid"), str_empty(ref->uid), "", "must not be empty");
		rule_invalid_if(e, p,
		    str_eq(ref->kind, "Event") && str_has_prefix(ref->api_version, "v1") &&
			!ref->api_version[2],
		    ref->kind, "is disallowed from being an owner");
		if (ref->has_controller && ref->controller) {
			rule_invalid_if(e, p, controller != NULL, ref->name,
			    "only one reference can have controller set to true");
			controller = ref->name;
		}
	}
}

static void check_finalizers(
    struct field_errors *e, const struct field_path *p, const MetaV1__ObjectMeta *meta, bool core)
{
	static const char *const standard[] = {"kubernetes", "orphan", "foregroundDeletion", NULL};
	bool orphan = false, foreground = false;

	for (size_t i = 0; i < meta->n_finalizers; i++) {
		const char *f = meta->finalizers[i];

		rule_format(e, p, f, "qualified-name");
		if (core && !strchr(f, '/') && !str_in(f, standard))
			rule_invalid_if(e, AT(p, i), true, f,
			    "name is neither a standard finalizer name nor is it fully qualified");
		orphan = orphan || !strcmp(f, "orphan");
		foreground = foreground || !strcmp(f, "foregroundDeletion");
	}
	rule_invalid_if(
	    e, p, orphan && foreground, NULL, "finalizers orphan and foregroundDeletion exclude each other");
}

static void check_managed_fields(
    struct field_errors *e, const struct field_path *p, const MetaV1__ObjectMeta *meta)
{
	for (size_t i = 0; i < meta->n_managed_fields; i++) {
		const MetaV1__ManagedFieldsEntry *m = meta->managed_fields[i];
		const struct field_path *at = AT(p, i);

		rule_invalid_if(e, CHILD(at, "operation"),
		    !str_eq(m->operation, "Apply") && !str_eq(m->operation, "Update"), m->operation,
		    "must be `Apply` or `Update`");
		rule_invalid_if(e, CHILD(at, "fieldsType"),
		    !str_empty(m->fields_type) && !str_eq(m->fields_type, "FieldsV1"), m->fields_type,
		    "must be `FieldsV1`");
		if (m->manager && strlen(m->manager) > 128)
			field_errors_at(e, FIELD_TOO_LONG, CHILD(at, "manager"), m->manager,
			    "may not be more than 128 bytes");
	}
}

void rule_object_meta(struct field_errors *e, const struct field_path *p, const MetaV1__ObjectMeta *meta,
    bool namespaced, const char *format, bool core_finalizers)
{
	if (!str_empty(meta->generate_name))
		rule_format(e, CHILD(p, "generateName"),
		    rule_mask_trailing_dash(e->arena, meta->generate_name), format);
	if (str_empty(meta->name))
		rule_required_that(
		    e, CHILD(p, "name"), !str_empty(meta->generate_name), "name or generateName is required");
	else
		rule_format(e, CHILD(p, "name"), meta->name, format);
	if (namespaced) {
		if (rule_required(e, CHILD(p, "namespace"), meta->namespace_))
			rule_format(e, CHILD(p, "namespace"), meta->namespace_, "dns-label");
	} else {
		rule_forbidden_if(
		    e, CHILD(p, "namespace"), !str_empty(meta->namespace_), "not allowed on this type");
	}
	rule_non_negative(e, CHILD(p, "generation"), meta->generation);
	rule_labels(e, CHILD(p, "labels"), meta->n_labels, meta->labels);
	rule_annotations(e, CHILD(p, "annotations"), meta->n_annotations, meta->annotations);
	check_owner_references(e, CHILD(p, "ownerReferences"), meta);
	check_finalizers(e, CHILD(p, "finalizers"), meta, core_finalizers);
	check_managed_fields(e, CHILD(p, "managedFields"), meta);
}

static bool has_string(size_t len, char **list, const char *s)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(list[i], s))
			return true;
	return false;
}

void rule_object_meta_update(struct field_errors *e, const struct field_path *p,
    const MetaV1__ObjectMeta *meta, const MetaV1__ObjectMeta *old)
{
	if (old->deletion_timestamp)
		for (size_t i = 0; i < meta->n_finalizers; i++)
			rule_forbidden_if(e, CHILD(p, "finalizers"),
			    !has_string(old->n_finalizers, old->finalizers, meta->finalizers[i]),
			    "no new finalizers can be added if the object is being deleted");
	rule_immutable(e, CHILD(p, "name"), str_eq(meta->name, old->name));
	rule_immutable(e, CHILD(p, "namespace"), str_eq(meta->namespace_, old->namespace_));
	rule_immutable(e, CHILD(p, "uid"), str_eq(meta->uid, old->uid));
	rule_immutable(
	    e, CHILD(p, "creationTimestamp"), api_equal(meta->creation_timestamp, old->creation_timestamp));
	rule_immutable(
	    e, CHILD(p, "deletionTimestamp"), api_equal(meta->deletion_timestamp, old->deletion_timestamp));
	rule_immutable(e, CHILD(p, "deletionGracePeriodSeconds"),
	    !!meta->has_deletion_grace_period_seconds == !!old->has_deletion_grace_period_seconds &&
		meta->deletion_grace_period_seconds == old->deletion_grace_period_seconds);
	rule_invalid_if(
	    e, CHILD(p, "generation"), meta->generation < old->generation, NULL, "must not be decremented");
}

/* A word: a letter first, a letter, digit or underscore last, between them commas and colons too. */
static bool is_reason(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++) {
		char c = (char)(s[i] | 0x20);
		bool letter = c >= 'a' && c <= 'z', digit = (s[i] >= '0' && s[i] <= '9') || s[i] == '_';

		if (!letter && (!i || (!digit && ((s[i] != ',' && s[i] != ':') || i == len - 1))))
			return false;
	}
	return true;
}

static void check_condition(struct field_errors *e, const struct field_path *p, const MetaV1__Condition *c)
{
	rule_format(e, CHILD(p, "type"), c->type, "qualified-name");
	RULE_ENUM(e, CHILD(p, "status"), c->status, "True", "False", "Unknown");
	rule_non_negative(e, CHILD(p, "observedGeneration"), c->observed_generation);
	rule_required_that(e, CHILD(p, "lastTransitionTime"), c->last_transition_time, "must be set");
	if (rule_required(e, CHILD(p, "reason"), c->reason)) {
		rule_invalid_if(e, CHILD(p, "reason"), !is_reason(c->reason), c->reason,
		    "must start with a letter, and hold letters, digits, '_', ',' and ':'");
		if (strlen(c->reason) > 1024)
			field_errors_at(
			    e, FIELD_TOO_LONG, CHILD(p, "reason"), NULL, "may not be more than 1024 bytes");
	}
	if (strlen(str_or(c->message, "")) > 32 * 1024)
		field_errors_at(
		    e, FIELD_TOO_LONG, CHILD(p, "message"), NULL, "may not be more than %d bytes", 32 * 1024);
}

void rule_conditions(
    struct field_errors *e, const struct field_path *p, size_t len, MetaV1__Condition *const *conditions)
{
	struct rule_seen seen = {0};

	for (size_t i = 0; i < len; i++) {
		check_condition(e, AT(p, i), conditions[i]);
		if (rule_seen(&seen, e->arena, str_or(conditions[i]->type, "")))
			rule_duplicate(e, CHILD(AT(p, i), "type"), conditions[i]->type);
	}
}
