#include "apiserver/audit/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"

#define HEAD "apiVersion: audit.k8s.io/v1\nkind: Policy\n"

static struct audit_policy *parse(const char *text)
{
	struct audit_policy *policy = NULL;
	struct error err = ERROR_INIT;
	if (audit_policy_parse(text, strlen(text), &policy, &err))
		fail_msg("%s", err.message);
	return policy;
}

static void assert_refused(const char *text, const char *why)
{
	struct audit_policy *policy = NULL;
	struct error err = ERROR_INIT;
	assert_int_equal(audit_policy_parse(text, strlen(text), &policy, &err), -1);
	assert_null(policy);
	if (!strstr(err.message, why))
		fail_msg("\"%s\" is not in \"%s\"", why, err.message);
}

/* A get of core pods default/web by alice of dev; what a test is about is changed. */
static struct audit_attributes pod(void)
{
	static const char *const groups[] = {"dev", "system:authenticated", NULL};
	return (struct audit_attributes){.user = "alice",
	    .groups = groups,
	    .verb = "get",
	    .is_resource = true,
	    .group = "",
	    .resource = "pods",
	    .subresource = "",
	    .ns = "default",
	    .name = "web",
	    .path = "/api/v1/namespaces/default/pods/web"};
}

static struct audit_attributes path(const char *text)
{
	struct audit_attributes a = pod();
	a.is_resource = false;
	a.resource = a.ns = a.name = "";
	a.path = text;
	return a;
}

static enum audit_level level(const struct audit_policy *policy, struct audit_attributes a)
{
	return audit_policy_decide(policy, &a).level;
}

static void test_first_rule_decides(void **state)
{
	struct audit_policy *p = parse(HEAD "rules:\n"
					    "- {level: None, users: [bob]}\n"
					    "- {level: Request, userGroups: [ops, dev]}\n"
					    "- {level: RequestResponse, verbs: [delete, patch]}\n");
	struct audit_attributes a = pod();
	assert_int_equal(level(p, a), AUDIT_REQUEST);
	a.user = "bob";
	assert_int_equal(level(p, a), AUDIT_NONE);
	a = pod();
	a.groups = NULL;
	assert_int_equal(level(p, a), AUDIT_NONE); /* no rule */
	a.verb = "patch";
	assert_int_equal(level(p, a), AUDIT_REQUEST_RESPONSE);
	audit_policy_free(p);
}

static void test_resources(void **state)
{
	static const struct {
		const char *pattern, *resource, *subresource;
		bool matches;
	} cases[] = {
	    {"pods", "pods", "", true},
	    {"pods", "pods", "log", false},
	    {"pods", "podtemplates", "", false},
	    {"pods/log", "pods", "log", true},
	    {"pods/log", "pods", "", false},
	    {"pods/log", "pods", "exec", false},
	    {"pods/*", "pods", "exec", true},
	    {"pods/*", "services", "proxy", false},
	    {"*", "services", "", true},
	    {"*", "pods", "log", true},
	    {"*/status", "pods", "status", true},
	    {"*/status", "pods", "", false},
	    {"*/status", "pods", "log", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[200];
		snprintf(text, sizeof text,
		    HEAD "rules: [{level: Metadata, resources: [{group: \"\", resources: [\"%s\"]}]}]",
		    cases[i].pattern);
		struct audit_policy *p = parse(text);
		struct audit_attributes a = pod();
		a.resource = cases[i].resource;
		a.subresource = cases[i].subresource;
		if ((level(p, a) == AUDIT_METADATA) != cases[i].matches)
			fail_msg("%s: %s/%s", cases[i].pattern, a.resource, a.subresource);
		a.group = "apps";
		assert_int_equal(level(p, a), AUDIT_NONE);
		audit_policy_free(p);
	}
}

static void test_names_and_namespaces(void **state)
{
	struct audit_policy *p = parse(
	    HEAD "rules:\n"
		 "- {level: Request, resources: [{group: \"\", resources: [pods], resourceNames: [db]}]}\n"
		 "- {level: Metadata, namespaces: [kube-system, \"\"]}\n"
		 "- {level: RequestResponse, resources: [{group: apps}]}\n");
	struct audit_attributes a = pod();
	assert_int_equal(level(p, a), AUDIT_NONE);
	a.name = "db";
	assert_int_equal(level(p, a), AUDIT_REQUEST);
	a = pod();
	a.ns = "kube-system";
	assert_int_equal(level(p, a), AUDIT_METADATA);
	a.ns = ""; /* what is in no namespace */
	assert_int_equal(level(p, a), AUDIT_METADATA);
	a = pod();
	a.group = "apps"; /* all that the group has */
	a.subresource = "scale";
	assert_int_equal(level(p, a), AUDIT_REQUEST_RESPONSE);
	assert_int_equal(level(p, path("/healthz")), AUDIT_NONE);
	audit_policy_free(p);
}

static void test_paths(void **state)
{
	struct audit_policy *p =
	    parse(HEAD "rules:\n"
		       "- {level: Metadata, nonResourceURLs: [/metrics, \"/healthz*\"]}\n"
		       "- {level: Request, verbs: [post], nonResourceURLs: [\"*\"]}\n");
	assert_int_equal(level(p, path("/metrics")), AUDIT_METADATA);
	assert_int_equal(level(p, path("/metrics/slis")), AUDIT_NONE);
	assert_int_equal(level(p, path("/healthz/etcd")), AUDIT_METADATA);
	struct audit_attributes a = path("/elsewhere");
	a.verb = "post";
	assert_int_equal(level(p, a), AUDIT_REQUEST);
	a = pod();
	a.verb = "post";
	assert_int_equal(level(p, a), AUDIT_NONE);
	audit_policy_free(p);
}

static void test_stages_and_managed_fields(void **state)
{
	struct audit_policy *p =
	    parse(HEAD "omitStages: [RequestReceived]\nomitManagedFields: true\nrules:\n"
		       "- {level: Request, users: [bob], omitManagedFields: false}\n"
		       "- {level: Metadata, omitStages: [ResponseStarted, RequestReceived]}\n");
	struct audit_attributes a = pod();
	struct audit_decision d = audit_policy_decide(p, &a);
	assert_int_equal(d.omitted, 1 << AUDIT_REQUEST_RECEIVED | 1 << AUDIT_RESPONSE_STARTED);
	assert_true(d.omit_managed_fields);
	a.user = "bob";
	d = audit_policy_decide(p, &a);
	assert_int_equal(d.omitted, 1 << AUDIT_REQUEST_RECEIVED);
	assert_false(d.omit_managed_fields);
	audit_policy_free(p);
}

static void test_what_is_refused(void **state)
{
	assert_refused("", "found 0");
	assert_refused("{}", "found kind \"\" of apiVersion \"\"");
	assert_refused("apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]",
	    "found kind \"Policy\" of apiVersion \"audit.k8s.io/v1beta1\"");
	assert_refused(HEAD, "rules: Required value");
	assert_refused(HEAD "rules: []", "rules: Required value");
	assert_refused(HEAD "rules: [{users: [a]}]", "rules[0].level: Required value");
	assert_refused(
	    HEAD "rules: [{level: Everything}]", "rules[0].level: Unsupported value: \"Everything\"");
	assert_refused(HEAD "rules: [{level: None, omitStages: [Later]}]", "rules[0].omitStages[0]");
	assert_refused(HEAD "omitStages: [Later]\nrules: [{level: None}]", "omitStages[0]");
	assert_refused(HEAD "rules: [{level: None, user: [a]}]", "unknown field \"rules[0].user\"");
	assert_refused(HEAD "rules: [{level: None, level: Request}]", "twice");
	assert_refused(HEAD "rules: [{level: None, users: a}]", "rules[0].users");
	assert_refused(HEAD "rules: [{level: None, namespaces: [a], nonResourceURLs: [/a]}]",
	    "rules[0].nonResourceURLs: Invalid value");
	assert_refused(HEAD "rules: [{level: None, nonResourceURLs: [healthz]}]", "must begin with '/'");
	assert_refused(HEAD "rules: [{level: None, nonResourceURLs: [\"/a*b\"]}]", "last character");
	assert_refused(HEAD "rules: [{level: None, resources: [{group: apps/v1}]}]", "without a version");
	assert_refused(HEAD "rules: [{level: None, resources: [{resourceNames: [a]}]}]", "resourceNames");
	/* All at once. */
	assert_refused(HEAD "rules: [{level: X}, {level: Y}]", "rules[1].level");
}

static void test_file(void **state)
{
	struct audit_policy *policy = NULL;
	struct error err = ERROR_INIT;
	assert_int_equal(audit_policy_load("/nonexistent/policy.yaml", &policy, &err), -1);
	assert_string_equal(
	    err.message, "audit policy /nonexistent/policy.yaml: cannot be read: No such file or directory");
	error_clear(&err);
	assert_int_equal(audit_policy_load("/", &policy, &err), -1);
	assert_string_equal(err.message, "audit policy /: cannot be read: Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_first_rule_decides),
	    cmocka_unit_test(test_resources), cmocka_unit_test(test_names_and_namespaces),
	    cmocka_unit_test(test_paths), cmocka_unit_test(test_stages_and_managed_fields),
	    cmocka_unit_test(test_what_is_refused), cmocka_unit_test(test_file)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
