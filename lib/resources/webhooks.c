#include "lib/resources/webhooks.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"

#define SAME_PLACE(member)                                                                                   \
	_Static_assert(offsetof(AdmissionregistrationV1__ValidatingWebhook, member) ==                       \
			   offsetof(AdmissionregistrationV1__MutatingWebhook, member),                       \
	    "webhooks of both kinds begin alike")
SAME_PLACE(name);
SAME_PLACE(rules);
SAME_PLACE(object_selector);
SAME_PLACE(timeout_seconds);
SAME_PLACE(admission_review_versions);

void webhook_defaults(AdmissionregistrationV1__ValidatingWebhook *hook, struct arena *arena)
{
	if (!hook->namespace_selector)
		hook->namespace_selector = API_NEW(arena, meta_v1__label_selector);
	if (!hook->object_selector)
		hook->object_selector = API_NEW(arena, meta_v1__label_selector);
}

static bool list_has(size_t len, char **list, const char *value)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(list[i], value))
			return true;
	return false;
}

/* A list that is needed, whose "*" stands alone. */
static void check_star_list(
    size_t len, char **list, bool may_be_empty_text, const struct field_path *p, struct field_errors *e)
{
	rule_required_that(e, p, len, "");
	rule_invalid_if(e, p, len > 1 && list_has(len, list, "*"), NULL,
	    "if '*' is present, must not specify other values");
	for (size_t i = 0; !may_be_empty_text && i < len; i++)
		rule_required(e, AT(p, i), list[i]);
}

/* "pods", "pods/status", "pods/x", "x/status" with stars for x: what a star covers must not be listed again.
 */
static void check_resources(size_t len, char **list, const struct field_path *p, struct field_errors *e)
{
	bool star = list_has(len, list, "*"), plain = false;

	rule_required_that(e, p, len, "");
	for (size_t i = 0; i < len; i++) {
		const char *slash = strchr(list[i], '/');
		bool covered = false;

		if (!rule_required(e, AT(p, i), list[i]))
			continue;
		plain = plain || (!slash && strcmp(list[i], "*"));
		for (size_t j = 0; slash && j < i && !covered; j++) {
			const char *other = strchr(list[j], '/');
			size_t name = (size_t)(slash - list[i]);

			if (!other || !strcmp(list[j], list[i]))
				continue;
			covered = (!strcmp(other, "/*") && (size_t)(other - list[j]) == name &&
				      !strncmp(list[j], list[i], name)) ||
				  (list[j][0] == '*' && other == list[j] + 1 && strcmp(other, "/*") &&
				      !strcmp(other, slash));
		}
		rule_invalid_if(e, AT(p, i), covered, list[i], "is covered by a resource before it");
	}
	rule_invalid_if(e, p, len > 1 && list_has(len, list, "*/*"), NULL,
	    "if '*/*' is present, must not specify other resources");
	rule_invalid_if(e, p, star && plain, NULL,
	    "if '*' is present, must not specify other resources without subresources");
}

static void check_rule(
    const AdmissionregistrationV1__RuleWithOperations *r, const struct field_path *p, struct field_errors *e)
{
	const AdmissionregistrationV1__Rule *rule = r->rule;

	check_star_list(r->n_operations, r->operations, true, CHILD(p, "operations"), e);
	for (size_t i = 0; i < r->n_operations; i++)
		RULE_ENUM(e, AT(CHILD(p, "operations"), i), r->operations[i], "*", "CONNECT", "CREATE",
		    "DELETE", "UPDATE");
	check_star_list(rule->n_api_groups, rule->api_groups, true, CHILD(p, "apiGroups"), e);
	check_star_list(rule->n_api_versions, rule->api_versions, false, CHILD(p, "apiVersions"), e);
	check_resources(rule->n_resources, rule->resources, CHILD(p, "resources"), e);
	if (rule->scope)
		RULE_ENUM(e, CHILD(p, "scope"), rule->scope, "*", "Cluster", "Namespaced");
}

void webhook_validate_url(const char *url, const struct field_path *p, struct field_errors *e)
{
	bool https = str_has_prefix(url, "https://");
	const char *host = https ? url + strlen("https://") : "";

	if (!rule_invalid_if(e, p, !https, url, "'https' is the only allowed URL scheme"))
		return;
	rule_invalid_if(e, p, !*host || *host == '/', url, "host must be specified");
	rule_invalid_if(e, p, strchr(host, '@'), url, "user information is not permitted in the URL");
	rule_invalid_if(e, p, strchr(host, '#'), url, "fragments are not permitted in the URL");
	rule_invalid_if(e, p, strchr(host, '?'), url, "query parameters are not permitted in the URL");
}

static void check_service_path(const char *path, const struct field_path *p, struct field_errors *e)
{
	if (str_empty(path) || !strcmp(path, "/"))
		return;
	if (!rule_invalid_if(e, p, path[0] != '/', path, "must start with a '/'"))
		return;
	for (const char *s = path + 1;;) {
		size_t len = strcspn(s, "/");
		const char *segment = arena_strndup(e->arena, s, len);

		if (!s[len] && !len && s > path + 1)
			return; /* a slash at the end */
		rule_invalid_if(e, p, !format_is_dns_subdomain(segment), path,
		    "segments must be DNS subdomains and not empty");
		if (!s[len])
			return;
		s += len + 1;
	}
}

void webhook_validate_service(const char *ns, const char *name, const char *path, int32_t port,
    const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "name"), name);
	rule_required(e, CHILD(p, "namespace"), ns);
	check_service_path(path, CHILD(p, "path"), e);
	rule_invalid_if(e, CHILD(p, "port"), port < 1 || port > 65535, NULL,
	    "port is not valid: must be between 1 and 65535, inclusive");
}

static void check_versions(
    const AdmissionregistrationV1__ValidatingWebhook *h, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen seen = {0};
	bool known = false;

	if (!rule_required_that(e, p, h->n_admission_review_versions, "must specify one of v1, v1beta1"))
		return;
	for (size_t i = 0; i < h->n_admission_review_versions; i++) {
		const char *v = h->admission_review_versions[i];

		rule_invalid_if(e, AT(p, i), rule_seen(&seen, e->arena, v), v, "duplicate version");
		rule_format(e, AT(p, i), v, "dns1035-label");
		known = known || !strcmp(v, "v1") || !strcmp(v, "v1beta1");
	}
	rule_invalid_if(e, p, !known, NULL, "must include at least one of v1, v1beta1");
}

static void check_name(const char *name, const struct field_path *p, struct field_errors *e)
{
	size_t dots = 0;

	if (!rule_required(e, p, name))
		return;
	for (const char *s = name; *s; s++)
		dots += *s == '.';
	if (rule_format(e, p, name, "dns-subdomain"))
		rule_invalid_if(e, p, dots < 2, name,
		    "should be a domain with at least three segments separated by dots");
}

void webhook_validate(
    const AdmissionregistrationV1__ValidatingWebhook *h, const struct field_path *p, struct field_errors *e)
{
	const AdmissionregistrationV1__WebhookClientConfig *client = h->client_config;

	check_name(h->name, CHILD(p, "name"), e);
	check_versions(h, CHILD(p, "admissionReviewVersions"), e);
	for (size_t i = 0; i < h->n_rules; i++)
		check_rule(h->rules[i], AT(CHILD(p, "rules"), i), e);
	if (h->failure_policy)
		RULE_ENUM(e, CHILD(p, "failurePolicy"), h->failure_policy, "Fail", "Ignore");
	if (h->match_policy)
		RULE_ENUM(e, CHILD(p, "matchPolicy"), h->match_policy, "Equivalent", "Exact");
	if (rule_required_that(
		e, CHILD(p, "sideEffects"), h->side_effects, "must specify one of None, NoneOnDryRun"))
		RULE_ENUM(e, CHILD(p, "sideEffects"), h->side_effects, "None", "NoneOnDryRun");
	if (h->has_timeout_seconds)
		rule_range(e, CHILD(p, "timeoutSeconds"), h->timeout_seconds, 1, 30);
	rule_label_selector(e, CHILD(p, "namespaceSelector"), h->namespace_selector);
	rule_label_selector(e, CHILD(p, "objectSelector"), h->object_selector);
	if (!client->url == !client->service)
		rule_required_that(
		    e, CHILD(p, "clientConfig"), false, "exactly one of url or service is required");
	else if (client->url)
		webhook_validate_url(client->url, CHILD(CHILD(p, "clientConfig"), "url"), e);
	else
		webhook_validate_service(client->service->namespace_, client->service->name,
		    client->service->path, client->service->port, CHILD(CHILD(p, "clientConfig"), "service"),
		    e);
}

void webhook_validate_conditions(size_t len, AdmissionregistrationV1__MatchCondition *const *conditions,
    const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	if (len > 64)
		field_errors_at(e, FIELD_TOO_MANY, p, NULL, "must have at most 64 items");
	for (size_t i = 0; i < len; i++) {
		const AdmissionregistrationV1__MatchCondition *c = conditions[i];
		const char *text = str_or(c->expression, "");

		rule_required_that(e, CHILD(AT(p, i), "expression"), text[strspn(text, " \t\r\n")], "");
		if (!rule_name(e, CHILD(AT(p, i), "name"), c->name, "qualified-name") && str_empty(c->name))
			continue;
		if (rule_seen(&names, e->arena, c->name))
			rule_duplicate(e, CHILD(AT(p, i), "name"), c->name);
	}
}
