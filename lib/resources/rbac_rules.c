#include "lib/resources/rbac_rules.h"

#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"

void rbac_validate_rules(size_t len, RbacV1__PolicyRule **rules, bool namespaced, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const RbacV1__PolicyRule *r = rules[i];
		const struct field_path *p = AT(PATH_ROOT("rules"), i);

		rule_required_that(e, CHILD(p, "verbs"), r->n_verbs, "verbs must contain at least one value");
		if (r->n_non_resource_urls) {
			rule_invalid_if(e, CHILD(p, "nonResourceURLs"), namespaced, NULL,
			    "namespaced rules cannot apply to non-resource URLs");
			rule_invalid_if(e, CHILD(p, "nonResourceURLs"),
			    r->n_api_groups || r->n_resources || r->n_resource_names, NULL,
			    "rules cannot apply to both regular resources and non-resource URLs");
			continue;
		}
		rule_required_that(e, CHILD(p, "apiGroups"), r->n_api_groups,
		    "resource rules must supply at least one api group");
		rule_required_that(e, CHILD(p, "resources"), r->n_resources,
		    "resource rules must supply at least one resource");
	}
}

void rbac_default_binding(RbacV1__RoleRef *ref, size_t len, RbacV1__Subject **subjects)
{
	if (str_empty(ref->api_group))
		ref->api_group = (char *)RBAC_GROUP;
	for (size_t i = 0; i < len; i++)
		if (str_empty(subjects[i]->api_group) &&
		    (str_eq(subjects[i]->kind, "User") || str_eq(subjects[i]->kind, "Group")))
			subjects[i]->api_group = (char *)RBAC_GROUP;
}

static void check_subject(
    const RbacV1__Subject *s, bool namespaced, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "name"), s->name);
	if (str_eq(s->kind, "ServiceAccount")) {
		if (!str_empty(s->name))
			rule_format(e, CHILD(p, "name"), s->name, "dns-subdomain");
		if (!str_empty(s->api_group))
			RULE_ENUM(e, CHILD(p, "apiGroup"), s->api_group, "");
		if (!namespaced)
			rule_required(e, CHILD(p, "namespace"), s->namespace_);
	} else if (str_eq(s->kind, "User") || str_eq(s->kind, "Group")) {
		RULE_ENUM(e, CHILD(p, "apiGroup"), s->api_group, RBAC_GROUP);
	} else {
		RULE_ENUM(e, CHILD(p, "kind"), s->kind, "ServiceAccount", "User", "Group");
	}
}

void rbac_validate_binding(const RbacV1__RoleRef *ref, size_t len, RbacV1__Subject **subjects,
    bool namespaced, struct field_errors *e)
{
	const struct field_path *p = PATH_ROOT("roleRef");

	RULE_ENUM(e, CHILD(p, "apiGroup"), ref->api_group, RBAC_GROUP);
	if (namespaced)
		RULE_ENUM(e, CHILD(p, "kind"), ref->kind, "Role", "ClusterRole");
	else
		RULE_ENUM(e, CHILD(p, "kind"), ref->kind, "ClusterRole");
	rule_name(e, CHILD(p, "name"), ref->name, "path-segment");
	for (size_t i = 0; i < len; i++)
		check_subject(subjects[i], namespaced, AT(PATH_ROOT("subjects"), i), e);
}

void rbac_role_cells(const struct object *obj, const struct resource_context *ctx, struct json **cells)
{
	cells[0] = cell_text(ctx, obj->meta->name);
	cells[1] = cell_time(ctx, obj->meta->creation_timestamp);
}

static struct json *subjects_of(
    const struct resource_context *ctx, const char *kind, size_t len, RbacV1__Subject **subjects)
{
	const char *text = "";

	for (size_t i = 0; i < len; i++) {
		const RbacV1__Subject *s = subjects[i];

		if (!str_eq(s->kind, kind))
			continue;
		if (!strcmp(kind, "ServiceAccount"))
			text = arena_printf(ctx->arena, "%s%s%s/%s", text, *text ? ", " : "",
			    str_or(s->namespace_, ""), s->name);
		else
			text = arena_printf(ctx->arena, "%s%s%s", text, *text ? ", " : "", s->name);
	}
	return cell_text(ctx, text);
}

void rbac_binding_cells(const RbacV1__RoleRef *ref, size_t len, RbacV1__Subject **subjects,
    const MetaV1__ObjectMeta *meta, const struct resource_context *ctx, struct json **cells)
{
	cells[0] = cell_text(ctx, meta->name);
	cells[1] = cell_printf(ctx, "%s/%s", ref->kind, ref->name);
	cells[2] = cell_age(ctx, meta->creation_timestamp);
	cells[3] = subjects_of(ctx, "User", len, subjects);
	cells[4] = subjects_of(ctx, "Group", len, subjects);
	cells[5] = subjects_of(ctx, "ServiceAccount", len, subjects);
}
