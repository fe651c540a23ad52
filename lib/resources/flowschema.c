/* flowcontrol.apiserver.k8s.io/v1 FlowSchema. */
#include "lib/resources/flow_fixed.h"
#include "lib/resources/strategy.h"
#include "proto/flowcontrol_v1.pb-c.h"

#define PRECEDENCE_MAX 10000

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	FlowcontrolV1__FlowSchemaSpec *spec = MSG(FlowcontrolV1__FlowSchema, obj)->spec;

	if (!spec->matching_precedence)
		spec->matching_precedence = 1000;
}

static bool has(char *const *list, size_t len, const char *item)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(list[i], item))
			return true;
	return false;
}

/* A list that names everything by "*" may name nothing besides. Returns whether it is "*". */
static bool check_wildcard(
    struct field_errors *e, const struct field_path *p, char *const *list, size_t len, const char *others)
{
	if (!has(list, len, "*"))
		return false;
	rule_invalid_if(e, p, len > 1, list[0],
	    arena_printf(e->arena, "if '*' is present, must not specify other %s", others));
	return true;
}

static void check_verbs(struct field_errors *e, const struct field_path *p, char *const *verbs, size_t len)
{
	static const char *const known[] = {
	    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch", NULL};

	if (!rule_required_that(e, p, len > 0, "verbs must contain at least one value") ||
	    check_wildcard(e, p, verbs, len, "verbs"))
		return;
	for (size_t i = 0; i < len; i++)
		if (!rule_enum(e, p, verbs[i], known))
			return; /* the list is at fault, once */
}

static void check_namespaces(
    struct field_errors *e, const struct field_path *p, const FlowcontrolV1__ResourcePolicyRule *r)
{
	if (!rule_required_that(e, p, r->n_namespaces > 0 || r->cluster_scope,
		"resource rules that are not cluster scoped must supply at least one namespace") ||
	    check_wildcard(e, p, r->namespaces, r->n_namespaces, "namespaces"))
		return;
	for (size_t i = 0; i < r->n_namespaces; i++) {
		const char *bad = format_check("dns-label", r->namespaces[i]);
		if (bad)
			rule_invalid_if(e, AT(p, i), true, r->namespaces[i],
			    arena_printf(e->arena,
				"each member of this list must be '*' or a DNS-1123 label; %s", bad));
	}
}

static void check_resource_rule(
    struct field_errors *e, const struct field_path *p, const FlowcontrolV1__ResourcePolicyRule *r)
{
	check_verbs(e, CHILD(p, "verbs"), r->verbs, r->n_verbs);
	if (rule_required_that(e, CHILD(p, "apiGroups"), r->n_api_groups > 0,
		"resource rules must supply at least one api group"))
		check_wildcard(e, CHILD(p, "apiGroups"), r->api_groups, r->n_api_groups, "api groups");
	if (rule_required_that(e, CHILD(p, "resources"), r->n_resources > 0,
		"resource rules must supply at least one resource"))
		check_wildcard(e, CHILD(p, "resources"), r->resources, r->n_resources, "resources");
	check_namespaces(e, CHILD(p, "namespaces"), r);
}

static const char *path_fault(const char *path)
{
	const char *star = strchr(path, '*');

	if (!*path)
		return "must not be empty";
	if (*path != '/')
		return "must start with slash";
	if (strchr(path, ' '))
		return "must not contain white-space";
	if (strstr(path, "//"))
		return "must not contain double slash";
	if (star && (star[1] || star[-1] != '/'))
		return "wildcard can only do suffix matching";
	return NULL;
}

static void check_path_rule(
    struct field_errors *e, const struct field_path *p, const FlowcontrolV1__NonResourcePolicyRule *r)
{
	const struct field_path *urls = CHILD(p, "nonResourceURLs");

	check_verbs(e, CHILD(p, "verbs"), r->verbs, r->n_verbs);
	if (!rule_required_that(
		e, urls, r->n_non_resource_urls > 0, "nonResourceURLs must contain at least one value") ||
	    check_wildcard(e, urls, r->non_resource_urls, r->n_non_resource_urls, "non-resource URLs"))
		return;
	for (size_t i = 0; i < r->n_non_resource_urls; i++) {
		const char *fault = path_fault(r->non_resource_urls[i]);
		rule_invalid_if(e, AT(urls, i), fault != NULL, r->non_resource_urls[i], fault);
	}
}

static void check_service_account(
    struct field_errors *e, const struct field_path *p, const FlowcontrolV1__ServiceAccountSubject *s)
{
	if (!str_eq(s->name, "*"))
		rule_name(e, CHILD(p, "name"), s->name, "dns-subdomain");
	if (rule_required_that(e, CHILD(p, "namespace"), !str_empty(s->namespace_),
		"must specify namespace for service account"))
		rule_format(e, CHILD(p, "namespace"), s->namespace_, "dns-label");
}

/* Of the three ways to name somebody the one that the kind says, and no other. */
static void check_subject(struct field_errors *e, const struct field_path *p, const FlowcontrolV1__Subject *s)
{
	const struct {
		const char *kind, *field;
		const void *value;
	} ways[] = {{"ServiceAccount", "serviceAccount", s->service_account}, {"User", "user", s->user},
	    {"Group", "group", s->group}};

	if (!RULE_ENUM(e, CHILD(p, "kind"), s->kind, "Group", "ServiceAccount", "User"))
		return;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (str_eq(s->kind, ways[i].kind))
			rule_required_that(e, CHILD(p, ways[i].field), ways[i].value,
			    arena_printf(e->arena, "%s is required when subject kind is '%s'", ways[i].field,
				ways[i].kind));
		else
			rule_forbidden_if(e, CHILD(p, ways[i].field), ways[i].value,
			    arena_printf(e->arena, "%s is forbidden when subject kind is not '%s'",
				ways[i].field, ways[i].kind));
	}
	if (str_eq(s->kind, "User") && s->user)
		rule_required(e, CHILD(CHILD(p, "user"), "name"), s->user->name);
	if (str_eq(s->kind, "Group") && s->group)
		rule_required(e, CHILD(CHILD(p, "group"), "name"), s->group->name);
	if (str_eq(s->kind, "ServiceAccount") && s->service_account)
		check_service_account(e, CHILD(p, "serviceAccount"), s->service_account);
}

static void check_rule(
    struct field_errors *e, const struct field_path *p, const FlowcontrolV1__PolicyRulesWithSubjects *r)
{
	rule_required_that(
	    e, CHILD(p, "subjects"), r->n_subjects > 0, "subjects must contain at least one value");
	for (size_t i = 0; i < r->n_subjects; i++)
		check_subject(e, AT(CHILD(p, "subjects"), i), r->subjects[i]);
	rule_required_that(e, p, r->n_resource_rules > 0 || r->n_non_resource_rules > 0,
	    "at least one of resourceRules and nonResourceRules has to be non-empty");
	for (size_t i = 0; i < r->n_resource_rules; i++)
		check_resource_rule(e, AT(CHILD(p, "resourceRules"), i), r->resource_rules[i]);
	for (size_t i = 0; i < r->n_non_resource_rules; i++)
		check_path_rule(e, AT(CHILD(p, "nonResourceRules"), i), r->non_resource_rules[i]);
}

static void check_precedence(
    struct field_errors *e, const struct field_path *p, int32_t precedence, const char *name)
{
	if (precedence <= 0)
		rule_invalid_int(e, p, precedence, "must be a positive value");
	if (precedence > PRECEDENCE_MAX)
		rule_invalid_int(e, p, precedence, "must not be greater than 10000");
	if (precedence == 1 && !str_eq(name, "exempt"))
		rule_invalid_int(
		    e, p, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const FlowcontrolV1__FlowSchemaSpec *spec = MSG(FlowcontrolV1__FlowSchema, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	const struct field_path *level = CHILD(CHILD(p, "priorityLevelConfiguration"), "name");
	const char *level_name = spec->priority_level_configuration->name;

	check_precedence(e, CHILD(p, "matchingPrecedence"), spec->matching_precedence, object_name(obj));
	if (rule_required_that(e, level, !str_empty(level_name), "must reference a priority level"))
		rule_format(e, level, level_name, "dns-subdomain");
	if (spec->distinguisher_method)
		RULE_ENUM(e, CHILD(CHILD(p, "distinguisherMethod"), "type"), spec->distinguisher_method->type,
		    "ByNamespace", "ByUser");
	for (size_t i = 0; i < spec->n_rules; i++)
		check_rule(e, AT(CHILD(p, "rules"), i), spec->rules[i]);
	rule_flow_fixed(e, obj);
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const FlowcontrolV1__FlowSchemaStatus *s = MSG(FlowcontrolV1__FlowSchema, obj)->status;
	const struct field_path *p = CHILD(PATH_ROOT("status"), "conditions");
	struct rule_seen seen = {0};

	for (size_t i = 0; i < s->n_conditions; i++) {
		const char *type = s->conditions[i]->type;
		if (rule_required_that(e, CHILD(AT(p, i), "type"), !str_empty(type), "must not be empty") &&
		    rule_seen(&seen, e->arena, type))
			rule_duplicate(e, CHILD(AT(p, i), "type"), type);
	}
}

static const char *missing_text(const FlowcontrolV1__FlowSchemaStatus *s)
{
	for (size_t i = 0; i < s->n_conditions; i++)
		if (str_eq(s->conditions[i]->type, "Dangling"))
			return s->conditions[i]->status;
	return "?";
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("PriorityLevel"),
    COLUMN("MatchingPrecedence"), COLUMN("DistinguisherMethod"), COLUMN_AGE, COLUMN("MissingPL")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const FlowcontrolV1__FlowSchema *fs = MSG(FlowcontrolV1__FlowSchema, obj);

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, fs->spec->priority_level_configuration->name);
	ret[2] = cell_int(ctx, fs->spec->matching_precedence);
	ret[3] =
	    cell_or_none(ctx, fs->spec->distinguisher_method ? fs->spec->distinguisher_method->type : NULL);
	ret[4] = cell_age(ctx, obj->meta->creation_timestamp);
	ret[5] = cell_text(ctx, missing_text(fs->status));
}

const struct resource_type flowschema_strategy = {.prepare_status_update = strategy_keep_meta,
    .defaults = defaults,
    .validate = validate,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
