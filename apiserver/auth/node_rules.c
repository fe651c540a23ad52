#include "apiserver/auth/node_rules.h"

#include "apiserver/auth/authorizer.h"
#include "lib/base/str.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

struct node_rule {
	const char *group;
	const char *const *resources; /* with their subresource */
	const char *const *verbs;
};

static const struct node_rule rules[] = {
    {"authentication.k8s.io", LIST("tokenreviews", "selfsubjectreviews"), LIST("create")},
    {"authorization.k8s.io",
	LIST("subjectaccessreviews", "localsubjectaccessreviews", "selfsubjectaccessreviews",
	    "selfsubjectrulesreviews"),
	LIST("create")},
    {"", LIST("services"), LIST("get", "list", "watch")},
    {"", LIST("events"), LIST("create", "update", "patch")},
    {"events.k8s.io", LIST("events"), LIST("create", "update", "patch")},
    {"", LIST("endpoints"), LIST("get")},
    {"certificates.k8s.io", LIST("certificatesigningrequests"), LIST("create", "get", "list", "watch")},
    {"certificates.k8s.io", LIST("clustertrustbundles"), LIST("get", "list", "watch")},
    {"storage.k8s.io", LIST("csidrivers"), LIST("get", "list", "watch")},
    {"node.k8s.io", LIST("runtimeclasses"), LIST("get", "list", "watch")},
};

/* Item "nodes/status" against resource and subresource. */
static bool names_resource(const char *item, const struct authz_attributes *a)
{
	if (str_empty(a->subresource))
		return str_eq(item, a->resource);
	size_t len = 0;
	while (a->resource[len] && item[len] == a->resource[len])
		len++;
	return a->resource[len] == '\0' && item[len] == '/' && str_eq(item + len + 1, a->subresource);
}

bool node_rules_allow(const struct authz_attributes *a)
{
	if (!a->is_resource)
		return false;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!str_eq(rules[i].group, a->group) || !str_in(a->verb, rules[i].verbs))
			continue;
		for (size_t r = 0; rules[i].resources[r]; r++)
			if (names_resource(rules[i].resources[r], a))
				return true;
	}
	return false;
}
