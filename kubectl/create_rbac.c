/* kubectl create role, clusterrole, rolebinding, clusterrolebinding, ingress, poddisruptionbudget. */
#include <stdio.h>
#include <string.h>

#include "kubectl/create.h"
#include "kubectl/mapper.h"
#include "kubectl/tree.h"

static struct json *texts(struct arena *a, const struct flag_list *list)
{
	struct json *out = json_new_array(a);
	for (size_t i = 0; i < list->len; i++)
		json_push(a, out, json_new_string(a, list->items[i]));
	return out;
}

static struct json *one_text(struct arena *a, const char *text)
{
	struct json *out = json_new_array(a);
	json_push(a, out, json_new_string(a, text));
	return out;
}

/* "deployments.apps/scale": rules of one group go together. */
static int add_resource(struct generator *g, struct json *rules, const char *text,
    const struct flag_list *verbs, const struct flag_list *names, struct error *err)
{
	struct arena *a = g->k->arena;
	const char *slash = strchr(text, '/'),
		   *plain = slash ? arena_strndup(a, text, (size_t)(slash - text)) : text;
	const struct mapping *mapping = NULL;
	const char *group = "", *resource = plain;
	if (strcmp(plain, "*")) {
		if (mapper_by_name(g->k, plain, &mapping, err))
			return -1;
		group = mapping->group;
		resource = mapping->plural;
	}
	if (slash)
		resource = arena_printf(a, "%s%s", resource, slash);
	tree_for_each(rules, rule) if (tree_len(json_get(rule, "apiGroups")) &&
				       str_eq(json_get(rule, "apiGroups")->items[0]->text, group))
	{
		json_push(a, json_get(rule, "resources"), json_new_string(a, resource));
		return 0;
	}
	struct json *rule = json_new_object(a);
	json_set(a, rule, "apiGroups", one_text(a, group));
	if (names->len)
		json_set(a, rule, "resourceNames", texts(a, names));
	json_set(a, rule, "resources", one_text(a, resource));
	json_set(a, rule, "verbs", texts(a, verbs));
	json_push(a, rules, rule);
	return 0;
}

static int make_role(struct kubectl *k, const char *kind, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct flag_list verbs = {0}, resources = {0}, names = {0}, urls = {0};
	const char *aggregation = NULL;
	const struct flag flags[] = {{"verb", 0, FLAG_LIST, &verbs, "Verbs"},
	    {"resource", 0, FLAG_LIST, &resources, "Resources"},
	    {"resource-name", 0, FLAG_ARRAY, &names, "Names of objects"},
	    {"non-resource-url", 0, FLAG_LIST, &urls, "Paths"},
	    {"aggregation-rule", 0, FLAG_STRING, &aggregation, "Labels of roles to gather"}, FLAG_END};
	if (generator_parse(&g,
		arena_printf(
		    k->arena, "%s NAME --verb=verb --resource=resource.group/subresource", k->command_path),
		flags, argc, argv, err))
		return -1;
	if (!verbs.len && !aggregation)
		return error_set(err, ERR_PARSE, "at least one verb must be specified");
	if (!resources.len && !urls.len && !aggregation)
		return error_set(err, ERR_PARSE,
		    str_eq(kind, "Role") ? "at least one resource must be specified"
					 : "one of resource or nonResourceURL must be specified");
	struct arena *a = k->arena;
	struct json *role = tree_new(a, "rbac.authorization.k8s.io/v1", kind, g.name, NULL),
		    *rules = json_new_array(a);
	for (size_t i = 0; i < resources.len; i++)
		if (add_resource(&g, rules, resources.items[i], &verbs, &names, err))
			return -1;
	if (urls.len) {
		struct json *rule = json_new_object(a);
		json_set(a, rule, "nonResourceURLs", texts(a, &urls));
		json_set(a, rule, "verbs", texts(a, &verbs));
		json_push(a, rules, rule);
	}
	if (aggregation && strchr(aggregation, '=')) {
		struct json *selector = json_new_object(a), *labels = json_new_object(a),
			    *list = json_new_array(a);
		const char *eq = strchr(aggregation, '=');
		json_set(a, labels, arena_strndup(a, aggregation, (size_t)(eq - aggregation)),
		    json_new_string(a, eq + 1));
		json_set(a, selector, "matchLabels", labels);
		json_push(a, list, selector);
		tree_set(a, role, "aggregationRule.clusterRoleSelectors", list);
	}
	json_set(a, role, "rules", rules);
	return generator_finish(&g, role, err);
}

static int run_role(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return make_role(k, "Role", argc, argv, err);
}

static int run_cluster_role(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return make_role(k, "ClusterRole", argc, argv, err);
}

const struct command create_role = {"role", NULL, NULL, "Create a role with single rule", run_role};
const struct command create_cluster_role = {
    "clusterrole", NULL, NULL, "Create a cluster role", run_cluster_role};

static void add_subjects(
    struct arena *a, struct json *subjects, const char *kind, const struct flag_list *names)
{
	for (size_t i = 0; i < names->len; i++) {
		struct json *s = json_new_object(a);
		tree_set_text(a, s, "apiGroup", "rbac.authorization.k8s.io");
		tree_set_text(a, s, "kind", kind);
		tree_set_text(a, s, "name", names->items[i]);
		json_push(a, subjects, s);
	}
}

int subjects_make(struct kubectl *k, const struct subject_flags *flags, struct json **ret, struct error *err)
{
	struct arena *a = k->arena;
	struct json *subjects = json_new_array(a);
	add_subjects(a, subjects, "User", &flags->users);
	add_subjects(a, subjects, "Group", &flags->groups);
	for (size_t i = 0; i < flags->accounts.len; i++) {
		const char *account = flags->accounts.items[i], *colon = strchr(account, ':');
		if (!colon || colon == account || !colon[1])
			return error_set(err, ERR_PARSE, "serviceaccount must be <namespace>:<name>");
		struct json *s = json_new_object(a);
		tree_set_text(a, s, "kind", "ServiceAccount");
		tree_set_text(a, s, "name", colon + 1);
		tree_set_text(a, s, "namespace", arena_strndup(a, account, (size_t)(colon - account)));
		json_push(a, subjects, s);
	}
	*ret = subjects;
	return 0;
}

static int make_binding(struct kubectl *k, const char *kind, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct subject_flags who = {0};
	const char *role = NULL, *cluster_role = NULL;
	const struct flag flags[] = {{"role", 0, FLAG_STRING, &role, "Role"},
	    {"clusterrole", 0, FLAG_STRING, &cluster_role, "Cluster role"}, SUBJECT_FLAGS(&who), FLAG_END};
	if (generator_parse(&g,
		arena_printf(k->arena,
		    "%s NAME --clusterrole=NAME [--user=username] [--group=groupname] "
		    "[--serviceaccount=namespace:serviceaccountname]",
		    k->command_path),
		flags, argc, argv, err))
		return -1;
	if (!role == !cluster_role)
		return error_set(err, ERR_PARSE, "exactly one of clusterrole or role must be specified");
	struct arena *a = k->arena;
	struct json *binding = tree_new(a, "rbac.authorization.k8s.io/v1", kind, g.name, NULL), *subjects;
	tree_set_text(a, binding, "roleRef.apiGroup", "rbac.authorization.k8s.io");
	tree_set_text(a, binding, "roleRef.kind", role ? "Role" : "ClusterRole");
	tree_set_text(a, binding, "roleRef.name", role ? role : cluster_role);
	if (subjects_make(k, &who, &subjects, err))
		return -1;
	if (subjects->len)
		json_set(a, binding, "subjects", subjects);
	return generator_finish(&g, binding, err);
}

static int run_role_binding(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return make_binding(k, "RoleBinding", argc, argv, err);
}

static int run_cluster_role_binding(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return make_binding(k, "ClusterRoleBinding", argc, argv, err);
}

const struct command create_role_binding = {"rolebinding", NULL, NULL,
    "Create a role binding for a particular role or cluster role", run_role_binding};
const struct command create_cluster_role_binding = {"clusterrolebinding", NULL, NULL,
    "Create a cluster role binding for a particular cluster role", run_cluster_role_binding};

/* --rule=host/path*=service:port[,tls[=secret]] */
static int add_ingress_rule(struct arena *a, struct json *ingress, const char *text, struct error *err)
{
	const char *comma = strchr(text, ','),
		   *main_part = comma ? arena_strndup(a, text, (size_t)(comma - text)) : text;
	const char *slash = strchr(main_part, '/'), *eq = strchr(main_part, '='),
		   *colon = eq ? strrchr(eq, ':') : NULL;
	if (!slash || !eq || !colon || slash > eq)
		return error_set(err, ERR_PARSE,
		    "rule %s is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]",
		    text);
	const char *host = arena_strndup(a, main_part, (size_t)(slash - main_part));
	char *path = arena_strndup(a, slash, (size_t)(eq - slash));
	bool is_prefix = str_has_suffix(path, "*");
	if (is_prefix)
		path[strlen(path) - 1] = '\0';
	struct json *rule = json_new_object(a), *paths = json_new_array(a), *one = json_new_object(a);
	int64_t number;
	tree_set_text(a, one, "backend.service.name", arena_strndup(a, eq + 1, (size_t)(colon - eq - 1)));
	if (str_to_int64(colon + 1, &number))
		tree_set(a, one, "backend.service.port.number", json_new_int(a, number));
	else
		tree_set_text(a, one, "backend.service.port.name", colon + 1);
	tree_set_text(a, one, "path", path);
	tree_set_text(a, one, "pathType", is_prefix ? "Prefix" : "Exact");
	json_push(a, paths, one);
	if (*host)
		tree_set_text(a, rule, "host", host);
	tree_set(a, rule, "http.paths", paths);
	json_push(a, tree_at(ingress, "spec.rules"), rule);
	if (comma && str_has_prefix(comma + 1, "tls")) {
		struct json *tls = json_new_object(a), *list = tree_at(ingress, "spec.tls");
		if (*host)
			json_set(a, tls, "hosts", one_text(a, host));
		if (comma[4] == '=')
			tree_set_text(a, tls, "secretName", comma + 5);
		if (!list) {
			list = json_new_array(a);
			tree_set(a, ingress, "spec.tls", list);
		}
		json_push(a, list, tls);
	}
	return 0;
}

static int run_ingress(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct flag_list rules = {0};
	const char *class = NULL;
	const struct flag flags[] = {{"rule", 0, FLAG_ARRAY, &rules, "host/path=service:port[,tls[=secret]]"},
	    {"class", 0, FLAG_STRING, &class, "Ingress class"}, FLAG_END};
	if (generator_parse(&g, "kubectl create ingress NAME --rule=host/path=service:port[,tls[=secret]]",
		flags, argc, argv, err))
		return -1;
	struct json *ingress = tree_new(k->arena, "networking.k8s.io/v1", "Ingress", g.name, NULL);
	json_set(k->arena, ingress, "spec", json_new_object(k->arena));
	if (class)
		tree_set_text(k->arena, ingress, "spec.ingressClassName", class);
	tree_set(k->arena, ingress, "spec.rules", json_new_array(k->arena));
	for (size_t i = 0; i < rules.len; i++)
		if (add_ingress_rule(k->arena, ingress, rules.items[i], err))
			return -1;
	tree_set(k->arena, ingress, "status.loadBalancer", json_new_object(k->arena));
	return generator_finish(&g, ingress, err);
}

const struct command create_ingress = {
    "ingress", "ing", NULL, "Create an ingress with the specified name", run_ingress};

static int run_budget(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	const char *selector = NULL, *available = NULL, *unavailable = NULL;
	const struct flag flags[] = {{"selector", 0, FLAG_STRING, &selector, "Labels of the pods: a=b,c=d"},
	    {"min-available", 0, FLAG_STRING, &available, "Number or percentage"},
	    {"max-unavailable", 0, FLAG_STRING, &unavailable, "Number or percentage"}, FLAG_END};
	if (generator_parse(&g,
		"kubectl create poddisruptionbudget NAME --selector=SELECTOR --min-available=N", flags, argc,
		argv, err))
		return -1;
	if (str_empty(selector))
		return error_set(err, ERR_PARSE, "a selector must be specified");
	if (!available == !unavailable)
		return error_set(
		    err, ERR_PARSE, "exactly one of min-available and max-unavailable must be specified");
	struct arena *a = k->arena;
	struct json *object = tree_new(a, "policy/v1", "PodDisruptionBudget", g.name, NULL),
		    *labels = json_new_object(a);
	size_t len;
	char **pairs = str_split(a, selector, ',', &len);
	for (size_t i = 0; i < len; i++) {
		const char *eq = strchr(pairs[i], '=');
		if (eq)
			json_set(a, labels, arena_strndup(a, pairs[i], (size_t)(eq - pairs[i])),
			    json_new_string(a, eq + 1));
	}
	const char *text = available ? available : unavailable;
	int64_t number;
	tree_set(a, object, available ? "spec.minAvailable" : "spec.maxUnavailable",
	    str_to_int64(text, &number) ? json_new_int(a, number) : json_new_string(a, text));
	tree_set(a, object, "spec.selector.matchLabels", labels);
	tree_set(a, object, "status", json_new_object(a));
	return generator_finish(&g, object, err);
}

const struct command create_budget = {
    "poddisruptionbudget", "pdb", NULL, "Create a pod disruption budget with the specified name", run_budget};
