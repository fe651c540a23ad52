#include "controller-manager/testing/bench.h"

#define ROLE(name, labels, rest)                                                                             \
	"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: '" name               \
	"', labels: {" labels "}}\n" rest
#define RULE(resource) "rules: [{apiGroups: [''], resources: [" resource "], verbs: [get]}]\n"

static void test_gathers_rules(void **state)
{
	(void)state;
	bench_start(&controller_clusterrole_aggregation, NULL);
	bench_put(ROLE("view", "to-edit: 'true'",
	    "aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-view: 'true'}}]}\n"));
	bench_put(ROLE(
	    "edit", "", "aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-edit: 'true'}}]}\n"));
	bench_put(ROLE("b", "to-view: 'true'", RULE("pods")));
	bench_put(ROLE("a", "to-view: 'true'", RULE("services")));
	bench_put(ROLE("same", "to-view: 'true'", RULE("pods")));
	bench_put(ROLE("other", "", RULE("secrets")));
	bench_expect("view", "update rbac.authorization.k8s.io/v1 clusterroles view");
	bench_json_has(0,
	    "\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"services\"]},"
	    "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]");
	bench_apply();
	bench_expect("view", "");
	bench_expect("edit", "update rbac.authorization.k8s.io/v1 clusterroles edit"); /* through view */
	bench_apply();
	bench_expect("edit", "");
	bench_expect("b", "");
	bench_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_gathers_rules)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
