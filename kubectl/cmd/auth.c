/* kubectl auth: can-i and whoami. */
#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"
#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/printer.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"

#define AUTHORIZATION "/apis/authorization.k8s.io/v1"

static const char *join(struct arena *a, const struct json *list)
{
	struct buf out = BUF_INIT;
	tree_for_each(list, item) buf_printf(&out, "%s%s", item_i ? " " : "", tree_show(a, item));
	const char *text = arena_printf(a, "[%s]", buf_str(&out));
	buf_done(&out);
	return text;
}

static int list_rules(struct kubectl *k, bool no_headers, struct error *err)
{
	struct json *review =
			tree_new(k->arena, "authorization.k8s.io/v1", "SelfSubjectRulesReview", NULL, NULL),
		    *answer;
	struct describe d = {.k = k, .arena = k->arena};
	struct buf out = BUF_INIT;
	tree_set_text(k->arena, review, "spec.namespace", kubectl_namespace(k));
	if (session_call(k, "POST", AUTHORIZATION "/selfsubjectrulesreviews", review, &answer, err))
		return -1;
	if (!no_headers)
		put(&d, 0, "Resources\tNon-Resource URLs\tResource Names\tVerbs\n");
	struct json *rules = json_new_array(k->arena);
	tree_for_each(tree_at(answer, "status.resourceRules"), rule) json_push(k->arena, rules, rule);
	tree_for_each(tree_at(answer, "status.nonResourceRules"), rule) json_push(k->arena, rules, rule);
	put_rules(&d, 0, rules);
	tabwriter_format(&out, buf_str(&d.out), 6, 3, NULL);
	fputs(buf_str(&out), stdout);
	buf_done(&d.out);
	buf_done(&out);
	if (tree_bool(answer, "status.incomplete", false))
		report_warning(
		    "the list may be incomplete: %s", tree_text(answer, "status.evaluationError", ""));
	return 0;
}

/* pods, deployments.apps, pods/log, TYPE/NAME */
static void set_resource(
    struct kubectl *k, struct json *review, const char *text, const char *name, const char *subresource)
{
	struct arena *a = k->arena;
	const struct mapping *mapping;
	struct error ignored = ERROR_INIT;
	const char *slash = strchr(text, '/');
	const char *plain = slash ? arena_strndup(a, text, (size_t)(slash - text)) : text;
	const char *group = "", *resource = plain;
	bool is_namespaced = true;
	if (strcmp(plain, "*") == 0) {
		group = "*";
	} else if (!mapper_by_name(k, plain, &mapping, &ignored)) {
		group = mapping->group;
		resource = mapping->plural;
		is_namespaced = mapping->is_namespaced;
	} else {
		report_warning("the server doesn't have a resource type '%s'\n", plain);
	}
	if (!is_namespaced)
		report_warning("resource '%s' is not namespace scoped%s%s%s\n", resource,
		    *group ? " in group '" : "", group, *group ? "'" : "");
	if (slash)
		name = slash + 1;
	tree_set_text(a, review, "spec.resourceAttributes.group", group);
	tree_set_text(a, review, "spec.resourceAttributes.resource", resource);
	if (is_namespaced)
		tree_set_text(a, review, "spec.resourceAttributes.namespace", kubectl_namespace(k));
	if (!str_empty(name))
		tree_set_text(a, review, "spec.resourceAttributes.name", name);
	if (!str_empty(subresource))
		tree_set_text(a, review, "spec.resourceAttributes.subresource", subresource);
}

static int run_can_i(struct kubectl *k, int argc, char **argv, struct error *err)
{
	bool list = false, no_headers = false, quiet = false, all_namespaces = false;
	const char *subresource = NULL;
	const struct flag flags[] = {{"list", 0, FLAG_BOOL, &list, "Everything that is allowed"},
	    {"no-headers", 0, FLAG_BOOL, &no_headers, "No header line"},
	    {"quiet", 'q', FLAG_BOOL, &quiet, "The exit code only"},
	    {"all-namespaces", 'A', FLAG_BOOL, &all_namespaces, "In all namespaces"},
	    {"subresource", 0, FLAG_STRING, &subresource, "log, scale, ..."}, FLAG_END};
	struct args args;
	struct json *answer;
	if (kubectl_parse(k, "kubectl auth can-i VERB [TYPE | TYPE/NAME | NONRESOURCEURL]", flags, argc, argv,
		&args, err))
		return -1;
	if (list)
		return list_rules(k, no_headers, err);
	if (args.len < 2 || args.len > 3)
		return error_set(err, ERR_PARSE,
		    "you must specify two arguments: verb resource or verb resource/resourceName.\n"
		    "See 'kubectl auth can-i -h' for help and examples.");
	struct json *review =
	    tree_new(k->arena, "authorization.k8s.io/v1", "SelfSubjectAccessReview", NULL, NULL);
	static const char *const verbs[] = {"*", "get", "list", "watch", "create", "update", "patch",
	    "delete", "deletecollection", "use", "bind", "impersonate", "approve", "sign", "escalate",
	    "attest", "proxy", "put", "post", "head", "options", NULL};
	if (!str_in(args.items[0], verbs))
		report_warning("verb '%s' is not a known verb\n", args.items[0]);
	if (args.items[1][0] == '/') {
		tree_set_text(k->arena, review, "spec.nonResourceAttributes.path", args.items[1]);
		tree_set_text(k->arena, review, "spec.nonResourceAttributes.verb", args.items[0]);
	} else {
		tree_set_text(k->arena, review, "spec.resourceAttributes.verb", args.items[0]);
		set_resource(k, review, args.items[1], args.len > 2 ? args.items[2] : NULL, subresource);
		if (all_namespaces)
			tree_remove(review, "spec.resourceAttributes.namespace");
	}
	if (session_call(k, "POST", AUTHORIZATION "/selfsubjectaccessreviews", review, &answer, err))
		return -1;
	bool allowed = tree_bool(answer, "status.allowed", false);
	const char *reason = tree_text(answer, "status.reason", ""),
		   *problem = tree_text(answer, "status.evaluationError", "");
	if (!quiet && allowed)
		printf("yes\n");
	else if (!quiet)
		printf("no%s%s%s%s\n", *reason ? " - " : "", reason, *problem ? " - " : "", problem);
	k->exit_code = allowed ? 0 : 1;
	return 0;
}

static int run_whoami(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *output = NULL;
	const struct flag flags[] = {{"output", 'o', FLAG_STRING, &output, "json or yaml"}, FLAG_END};
	struct args args;
	struct printer *printer;
	struct json *answer;
	struct buf text = BUF_INIT, out = BUF_INIT;
	if (kubectl_parse(k, "kubectl auth whoami", flags, argc, argv, &args, err) ||
	    printer_parse(k, output, NULL, &printer, err))
		return -1;
	if (session_call(k, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
		tree_new(k->arena, "authentication.k8s.io/v1", "SelfSubjectReview", NULL, NULL), &answer,
		err))
		return -1;
	if (printer)
		return printer_print(k, printer, NULL, answer, err);
	const struct json *user = tree_at(answer, "status.userInfo"), *extra = json_get(user, "extra");
	buf_printf(&text, "ATTRIBUTE\tVALUE\nUsername\t%s\n", json_get_string(user, "username", ""));
	if (json_get_string(user, "uid", NULL))
		buf_printf(&text, "UID\t%s\n", json_get_string(user, "uid", ""));
	if (tree_len(json_get(user, "groups")))
		buf_printf(&text, "Groups\t%s\n", join(k->arena, json_get(user, "groups")));
	for (size_t i = 0; i < tree_size(extra); i++)
		buf_printf(
		    &text, "Extra: %s\t%s\n", extra->members[i].key, join(k->arena, extra->members[i].value));
	tabwriter_format(&out, buf_str(&text), 6, 3, NULL);
	fputs(buf_str(&out), stdout);
	buf_done(&text);
	buf_done(&out);
	return 0;
}

static const struct command can_i = {"can-i", NULL, NULL, "Check whether an action is allowed", run_can_i};
static const struct command whoami = {
    "whoami", NULL, NULL, "Experimental: Check self subject attributes", run_whoami};
static const struct command *const commands[] = {&can_i, &whoami, NULL};

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(k, commands, "Inspect authorization.", argc, argv, err);
}

const struct command command_auth = {
    "auth", NULL, "Troubleshooting and Debugging Commands:", "Inspect authorization", run};
