/* Which hooks a request is for; see webhook.h. */
#include "apiserver/admission/webhook.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/labels.h"

#define DEFAULT_TIMEOUT_S 10

static bool has(size_t len, char *const *items, const char *wanted)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(items[i], "*") || str_eq(items[i], wanted))
			return true;
	return false;
}

/* "pods" is the resource alone, "pods/exec" its subresource, either side may be a star; "*" alone has no
 * subresources. */
static bool resource_matches(const char *pattern, const char *resource, const char *sub)
{
	const char *slash = strchr(pattern, '/');
	size_t len = slash ? (size_t)(slash - pattern) : strlen(pattern);
	bool resource_ok =
	    (len == 1 && pattern[0] == '*') || (strlen(resource) == len && !memcmp(pattern, resource, len));

	if (!resource_ok)
		return false;
	return slash ? str_eq(slash + 1, "*") || str_eq(slash + 1, sub) : str_empty(sub);
}

static bool rule_matches(
    struct api_request *req, const struct webhook *hook, const AdmissionregistrationV1__RuleWithOperations *r)
{
	static const struct {
		enum admission_operation operation;
		const char *name;
	} names[] = {{ADMIT_CREATE, "CREATE"}, {ADMIT_UPDATE, "UPDATE"}, {ADMIT_DELETE, "DELETE"},
	    {ADMIT_CONNECT, "CONNECT"}};
	const AdmissionregistrationV1__Rule *rule = r->rule;
	enum admission_operation operation = admission_operation_of(req);
	bool found = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		found = found || (names[i].operation == operation &&
				     has(r->n_operations, r->operations, names[i].name));
	if (!found || !has(rule->n_api_groups, rule->api_groups, req->info.group))
		return false;
	/* Equivalent: the hook sees the object whatever version of it was asked for. */
	if (str_eq(hook->match_policy, "Exact") &&
	    !has(rule->n_api_versions, rule->api_versions, req->info.version))
		return false;
	if ((str_eq(rule->scope, "Namespaced") && str_empty(req->info.ns)) ||
	    (str_eq(rule->scope, "Cluster") && !str_empty(req->info.ns)))
		return false;
	for (size_t i = 0; i < rule->n_resources; i++)
		if (resource_matches(
			rule->resources[i], req->info.resource, str_or(req->info.subresource, "")))
			return true;
	return false;
}

/* A selector that cannot be read selects everything: a broken hook must not be a way around it. */
static bool selects(
    struct api_request *req, const MetaV1__LabelSelector *selector, const MetaV1__ObjectMeta *meta)
{
	struct selector *s;

	if (!selector || selector_from_object(req->arena, selector, &s, NULL) < 0)
		return true;
	return meta && selector_matches(s, meta);
}

static bool namespace_matches(
    struct api_request *req, const struct webhook *hook, const struct object *obj, const struct object *old)
{
	const struct object *ns;

	if (str_eq(req->info.resource, "namespaces") && str_empty(req->info.group))
		ns = obj ? obj : old;
	else if (str_empty(req->info.ns))
		return true;
	else
		ns = reader_get(auth_reader(req->server), resource_namespaces, "", req->info.ns);
	return selects(req, hook->namespace_selector, ns ? ns->meta : NULL);
}

static bool object_matches(
    struct api_request *req, const struct webhook *hook, const struct object *obj, const struct object *old)
{
	return (obj && selects(req, hook->object_selector, obj->meta)) ||
	       (old && selects(req, hook->object_selector, old->meta));
}

/* Hooks never see what configures hooks, lest a broken one cannot be removed, nor mere questions. */
static bool is_exempt(const struct api_request *req)
{
	return str_eq(req->info.group, "admissionregistration.k8s.io") ||
	       str_eq(req->info.group, "authorization.k8s.io") ||
	       str_eq(req->info.group, "authentication.k8s.io") || req->is_internal;
}

struct collection {
	struct api_request *req;
	const struct object **configurations;
	size_t len;
};

static bool add_configuration(void *arg, const struct object *obj)
{
	struct collection *c = arg;
	size_t size = c->len * sizeof(*c->configurations);

	c->configurations =
	    arena_grow(c->req->arena, c->configurations, size, size + sizeof(*c->configurations));
	c->configurations[c->len++] = obj;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
	    object_name(*(const struct object *const *)a), object_name(*(const struct object *const *)b));
}

/* The members that both kinds of hook have. */
#define READ_HOOK(h)                                                                                         \
	(struct webhook)                                                                                     \
	{                                                                                                    \
		.name = (h)->name, .client = (h)->client_config, .rules_len = (h)->n_rules,                  \
		.rules = (h)->rules, .failure_policy = (h)->failure_policy,                                  \
		.match_policy = (h)->match_policy, .side_effects = (h)->side_effects,                        \
		.namespace_selector = (h)->namespace_selector, .object_selector = (h)->object_selector,      \
		.timeout_s = (h)->has_timeout_seconds ? (h)->timeout_seconds : DEFAULT_TIMEOUT_S,            \
		.has_v1 = has((h)->n_admission_review_versions, (h)->admission_review_versions, "v1")        \
	}

static size_t read_hooks(const struct object *configuration, size_t i, struct webhook *ret)
{
	const AdmissionregistrationV1__MutatingWebhookConfiguration *m =
	    OBJECT_AS(configuration, AdmissionregistrationV1__MutatingWebhookConfiguration,
		admissionregistration_v1__mutating_webhook_configuration);
	const AdmissionregistrationV1__ValidatingWebhookConfiguration *v =
	    OBJECT_AS(configuration, AdmissionregistrationV1__ValidatingWebhookConfiguration,
		admissionregistration_v1__validating_webhook_configuration);

	if (m && i < m->n_webhooks) {
		*ret = READ_HOOK(m->webhooks[i]);
		ret->reinvocation_policy = m->webhooks[i]->reinvocation_policy;
		return 1;
	}
	if (v && i < v->n_webhooks) {
		*ret = READ_HOOK(v->webhooks[i]);
		return 1;
	}
	return 0;
}

static bool hook_matches(
    struct api_request *req, const struct webhook *hook, const struct object *obj, const struct object *old)
{
	bool found = false;

	for (size_t i = 0; i < hook->rules_len && !found; i++)
		found = rule_matches(req, hook, hook->rules[i]);
	return found && namespace_matches(req, hook, obj, old) && object_matches(req, hook, obj, old);
}

static void unref(void *arg)
{
	object_unref(arg);
}

struct webhook_list webhook_collect(struct api_request *req, const struct resource_type *configurations,
    const struct object *obj, const struct object *old)
{
	struct webhook_list list = {0};
	struct collection c = {.req = req};
	struct webhook hook;

	if (is_exempt(req))
		return list;
	reader_each(auth_reader(req->server), configurations, NULL, add_configuration, &c);
	if (c.len > 1)
		qsort(c.configurations, c.len, sizeof(*c.configurations), by_name);
	for (size_t n = 0; n < c.len; n++) {
		bool is_used = false;
		for (size_t i = 0; read_hooks(c.configurations[n], i, &hook); i++) {
			if (!hook_matches(req, &hook, obj, old))
				continue;
			hook.configuration = object_name(c.configurations[n]);
			size_t size = list.len * sizeof(hook);
			list.items = arena_grow(req->arena, list.items, size, size + sizeof(hook));
			list.items[list.len++] = hook;
			is_used = true;
		}
		if (is_used) /* the call takes time, and the cache does not wait */
			arena_on_free(req->arena, unref, (void *)object_ref(c.configurations[n]));
	}
	return list;
}
