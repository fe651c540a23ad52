#include "apiserver/audit/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/audit/policy_check.h"
#include "lib/api/codec.h"
#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

const char *const audit_level_names[] = {"None", "Metadata", "Request", "RequestResponse", NULL};
const char *const audit_stage_names[] = {
    "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic", NULL};

struct audit_policy {
	struct arena *arena;
	const AuditV1__Policy *message;
	struct audit_decision *decisions; /* one for each rule */
};

/* Reading */

static void on_duplicate(void *arg, const char *path)
{
	field_errors_add(arg, FIELD_DUPLICATE, path, path, "the field is given twice");
}

static int decode(struct arena *arena, const char *text, size_t size, struct field_errors *errors,
    AuditV1__Policy **ret, struct error *err)
{
	const struct json_limits limits = {.on_duplicate = on_duplicate, .arg = errors};
	struct codec_warnings unknown = {.arena = arena};
	ProtobufCMessage *message = NULL;
	struct json *tree = NULL;
	if (yaml_parse(arena, text, size, &limits, &tree, err))
		return -1;
	const char *version = json_get_string(tree, "apiVersion", ""),
		   *kind = json_get_string(tree, "kind", "");
	if (strcmp(version, "audit.k8s.io/v1") != 0 || strcmp(kind, "Policy") != 0)
		return error_set(err, ERR_PARSE,
		    "expected kind Policy of apiVersion audit.k8s.io/v1, found kind \"%s\" of apiVersion "
		    "\"%s\"",
		    kind, version);
	if (codec_from_json(arena, schema_of(&audit_v1__policy__descriptor), tree, &unknown, &message, err))
		return -1;
	for (size_t i = 0; i < unknown.len; i++)
		field_errors_add(errors, FIELD_INVALID, "", NULL, "%s", unknown.items[i]);
	*ret = (AuditV1__Policy *)message;
	return 0;
}

static size_t index_of(const char *name, const char *const *names)
{
	size_t i = 0;
	while (names[i] && strcmp(names[i], name) != 0)
		i++;
	return i;
}

static unsigned stage_bits(size_t len, char *const *stages)
{
	unsigned bits = 0;
	for (size_t i = 0; i < len; i++)
		bits |= 1u << index_of(stages[i], audit_stage_names);
	return bits;
}

static void compile(struct audit_policy *policy)
{
	const AuditV1__Policy *p = policy->message;
	policy->decisions = ARENA_ARRAY(policy->arena, struct audit_decision, p->n_rules + 1);
	for (size_t i = 0; i < p->n_rules; i++) {
		const AuditV1__PolicyRule *rule = p->rules[i];
		policy->decisions[i] = (struct audit_decision){
		    .level = (enum audit_level)index_of(rule->level, audit_level_names),
		    .omitted = stage_bits(p->n_omit_stages, p->omit_stages) |
			       stage_bits(rule->n_omit_stages, rule->omit_stages),
		    .omit_managed_fields =
			rule->has_omit_managed_fields ? rule->omit_managed_fields : p->omit_managed_fields,
		};
	}
}

/* All that is wrong in one line. */
static int report(struct arena *arena, const struct field_errors *errors, struct error *err)
{
	struct buf text = BUF_INIT;
	for (size_t i = 0; i < errors->len; i++) {
		const struct field_error *e = &errors->items[i];
		buf_printf(
		    &text, "%s%s", i ? "; " : "", *e->field ? field_error_message(arena, e) : e->detail);
	}
	error_set(err, ERR_PARSE, "%s", buf_str(&text));
	buf_done(&text);
	return -1;
}

int audit_policy_parse(const char *text, size_t size, struct audit_policy **ret, struct error *err)
{
	struct arena *arena = arena_new();
	struct field_errors errors;
	AuditV1__Policy *message = NULL;
	field_errors_init(&errors, arena);
	int rc = decode(arena, text, size, &errors, &message, err);
	if (!rc)
		audit_policy_check(message, &errors);
	if (!rc && errors.len > 0)
		rc = report(arena, &errors, err);
	if (rc) {
		arena_free(arena);
		return -1;
	}
	struct audit_policy *policy = ARENA_NEW(arena, struct audit_policy);
	policy->arena = arena;
	policy->message = message;
	compile(policy);
	*ret = policy;
	return 0;
}

static int read_file(const char *file, struct buf *ret, struct error *err)
{
	FILE *f = fopen(file, "re");
	if (!f)
		return error_set_errno(err, errno, "cannot be read");
	for (size_t n; (n = fread(buf_reserve(ret, 4096), 1, 4096, f)) > 0;)
		ret->size += n;
	int errnum = ferror(f) ? errno : 0;
	fclose(f);
	return errnum ? error_set_errno(err, errnum, "cannot be read") : 0;
}

int audit_policy_load(const char *file, struct audit_policy **ret, struct error *err)
{
	struct buf text = BUF_INIT;
	int rc = read_file(file, &text, err);
	if (!rc)
		rc = audit_policy_parse(buf_str(&text), text.size, ret, err);
	buf_done(&text);
	return rc ? error_prefix(err, "audit policy %s", file) : 0;
}

void audit_policy_free(struct audit_policy *policy)
{
	if (policy)
		arena_free(policy->arena);
}

/* Deciding */

static bool contains(size_t len, char *const *items, const char *wanted)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(items[i], wanted))
			return true;
	return false;
}

static bool is_in_groups(const AuditV1__PolicyRule *rule, const char *const *groups)
{
	for (; groups && *groups; groups++)
		if (contains(rule->n_user_groups, rule->user_groups, *groups))
			return true;
	return false;
}

/* All resources by "*", one subresource of all by "*" and its name, all of one by its name and "*": a plain
 * name does not cover its subresources. */
static bool matches_resource(const char *pattern, const struct audit_attributes *a)
{
	const char *slash = strchr(pattern, '/');
	size_t size = slash ? (size_t)(slash - pattern) : strlen(pattern);
	bool is_any = size == 1 && *pattern == '*';
	bool is_same = strlen(a->resource) == size && !strncmp(pattern, a->resource, size);
	if (!slash)
		return is_any || (is_same && !*a->subresource);
	if (is_any)
		return *a->subresource && !strcmp(slash + 1, a->subresource);
	return is_same &&
	       (!strcmp(slash + 1, "*") || (*a->subresource && !strcmp(slash + 1, a->subresource)));
}

static bool matches_group(const AuditV1__GroupResources *g, const struct audit_attributes *a)
{
	if (strcmp(g->group, a->group) != 0)
		return false;
	if (g->n_resources == 0)
		return true;
	if (g->n_resource_names && !contains(g->n_resource_names, g->resource_names, a->name))
		return false;
	for (size_t i = 0; i < g->n_resources; i++)
		if (matches_resource(g->resources[i], a))
			return true;
	return false;
}

static bool matches_object(const AuditV1__PolicyRule *rule, const struct audit_attributes *a)
{
	if (!a->is_resource || (rule->n_namespaces && !contains(rule->n_namespaces, rule->namespaces, a->ns)))
		return false;
	for (size_t i = 0; i < rule->n_resources; i++)
		if (matches_group(rule->resources[i], a))
			return true;
	return rule->n_resources == 0;
}

static bool matches_path(const AuditV1__PolicyRule *rule, const struct audit_attributes *a)
{
	for (size_t i = 0; !a->is_resource && i < rule->n_non_resource_urls; i++) {
		const char *url = rule->non_resource_urls[i];
		size_t size = strlen(url);
		bool is_prefix = size > 0 && url[size - 1] == '*';
		if (is_prefix ? !strncmp(url, a->path, size - 1) : !strcmp(url, a->path))
			return true;
	}
	return false;
}

static bool matches(const AuditV1__PolicyRule *rule, const struct audit_attributes *a)
{
	if ((rule->n_users && !contains(rule->n_users, rule->users, a->user)) ||
	    (rule->n_user_groups && !is_in_groups(rule, a->groups)) ||
	    (rule->n_verbs && !contains(rule->n_verbs, rule->verbs, a->verb)))
		return false;
	if (rule->n_namespaces || rule->n_resources)
		return matches_object(rule, a);
	return rule->n_non_resource_urls == 0 || matches_path(rule, a);
}

struct audit_decision audit_policy_decide(
    const struct audit_policy *policy, const struct audit_attributes *attributes)
{
	for (size_t i = 0; i < policy->message->n_rules; i++)
		if (matches(policy->message->rules[i], attributes))
			return policy->decisions[i];
	return (struct audit_decision){AUDIT_NONE, 0, false};
}
