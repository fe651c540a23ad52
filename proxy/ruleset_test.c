#include "proxy/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/test.h"
#include "proxy/base.h"
#include "proxy/cleanup.h"

static struct ruleset *set;
static struct base_config base;
static struct buf text;

static int setup(void **state)
{
	set = ruleset_new();
	return 0;
}

static int teardown(void **state)
{
	ruleset_free(set);
	buf_done(&text);
	return 0;
}

/* A Service with one shared line and one chain of one rule; NULL for none. */
static void put(const char *owner, const char *line, const char *chain, const char *rule)
{
	struct rules rules = {0};
	if (line)
		rules_share(&rules, PROXY_NAT, "KUBE-SERVICES", "%s", line);
	if (chain)
		rules_add(&rules, PROXY_NAT, chain, "%s", rule);
	ruleset_set(set, owner, &rules);
}

static const char *round_text(void)
{
	buf_reset(&text);
	ruleset_text(set, &base, &text);
	return buf_str(&text);
}

static void full_round(const char *saved)
{
	ruleset_begin_full(set, saved, false);
	put("ns/a", "-d 1 -j A", "KUBE-SVC-A", "-j X");
	put("ns/b", "-d 2 -j B", "KUBE-SVC-B", "-j Y");
	round_text();
	ruleset_commit(set);
}

static void test_full_round(void **state)
{
	full_round(
	    "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SVC-OLD - [0:0]\n:KUBE-SVC-A - [0:0]\n:DOCKER - [0:0]\n"
	    "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j "
	    "KUBE-SERVICES\nCOMMIT\n*mangle\n:KUBE-SVC-Z - [0:0]\nCOMMIT\n");
	assert_true(ruleset_is_known(set));
	const char *nat = strstr(text.data, "*nat");
	assert_non_null(strstr(nat, ":KUBE-SERVICES - [0:0]\n"));
	assert_non_null(strstr(nat, "-A KUBE-SERVICES -d 1 -j A\n"));
	assert_non_null(strstr(nat, "-X KUBE-SVC-OLD\n"));
	assert_null(strstr(nat, "-X KUBE-SVC-A\n"));
	assert_null(strstr(nat, "DOCKER"));
	assert_null(strstr(nat, "KUBE-SVC-Z"));
	assert_null(strstr(nat, "-I PREROUTING")); /* there already */
	assert_non_null(strstr(nat, "-I OUTPUT "));
	assert_true(strstr(nat, "-d 2 -j B") < strstr(nat, "must be the last rule"));
}

static void test_only_differences(void **state)
{
	full_round("");
	ruleset_begin(set);
	put("ns/a", "-d 1 -j A", "KUBE-SVC-A", "-j X");
	assert_string_equal(round_text(), "");
	ruleset_commit(set);
	ruleset_begin(set);
	put("ns/a", "-d 1 -j A", "KUBE-SVC-A", "-j X2");
	put("ns/b", "-d 3 -j B", "KUBE-SVC-B", "-j Y");
	put("ns/c", "-d 4 -j C", "KUBE-SVC-C", "-j Z");
	assert_string_equal(round_text(),
	    "*nat\n:KUBE-SVC-A - [0:0]\n:KUBE-SVC-C - [0:0]\n-D KUBE-SERVICES -d 2 -j B\n"
	    "-I KUBE-SERVICES -d 3 -j B\n-I KUBE-SERVICES -d 4 -j C\n-A KUBE-SVC-A -j X2\n"
	    "-A KUBE-SVC-C -j Z\nCOMMIT\n");
	ruleset_commit(set);
	ruleset_begin(set);
	put("ns/a", NULL, NULL, NULL);
	assert_string_equal(
	    round_text(), "*nat\n:KUBE-SVC-A - [0:0]\n-D KUBE-SERVICES -d 1 -j A\n-X KUBE-SVC-A\nCOMMIT\n");
	ruleset_commit(set);
	assert_int_equal(ruleset_lines_len(set), 2);
	ruleset_begin(set);
	put("ns/a", NULL, NULL, NULL);
	assert_string_equal(round_text(), "");
}

static void test_pieces(void **state)
{
	enum { OWNERS = 3000 };
	ruleset_begin_full(set, "*nat\n:KUBE-SEP-OLD - [0:0]\nCOMMIT\n", true);
	for (int i = 0; i < OWNERS; i++) {
		char owner[32], chain[32], line[64];
		snprintf(owner, sizeof(owner), "ns/%d", i);
		snprintf(chain, sizeof(chain), "KUBE-SVC-%d", i);
		snprintf(line, sizeof(line), "-d %d -j %s", i, chain);
		put(owner, line, chain,
		    "-m comment --comment \"some words that make a rule as long as it is in life\" -j X");
	}
	round_text();
	ruleset_commit(set);
	int commits = 0, declared = 0;
	const char *first_shared = strstr(text.data, "-A KUBE-SERVICES"), *last_piece = NULL;
	for (const char *p = text.data; (p = strstr(p, "COMMIT")); p++, commits++)
		if (strstr(p + 1, "COMMIT"))
			last_piece = p;
	for (const char *p = text.data; (p = strstr(p, ":KUBE-SVC-")); p++)
		declared++;
	assert_in_range(commits, 3, 6);
	assert_int_equal(declared, OWNERS);
	assert_true(first_shared > last_piece); /* nothing leads to a Service before its chains are there */
	assert_non_null(strstr(last_piece, "-X KUBE-SEP-OLD"));
}

static void test_a_failed_round_is_forgotten(void **state)
{
	full_round("");
	ruleset_begin(set);
	put("ns/a", NULL, NULL, NULL);
	round_text();
	ruleset_forget(set);
	assert_false(ruleset_is_known(set));
	full_round(":x\n");
	assert_true(ruleset_is_known(set));
	assert_int_equal(ruleset_lines_len(set), 2);
}

static void test_cleanup(void **state)
{
	cleanup_text(
	    "# x\n*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:KUBE-SEP-X - [0:0]\n:KUBE-OTHER - "
	    "[0:0]\n"
	    "-A PREROUTING -m comment --comment \"a -j b\" -j KUBE-SERVICES\n-A PREROUTING -j DOCKER\n"
	    "-A KUBE-SERVICES -j KUBE-SEP-X\n-A KUBE-OTHER -j KUBE-SEP-X\nCOMMIT\n*filter\n:INPUT ACCEPT "
	    "[0:0]\nCOMMIT\n",
	    &text);
	assert_string_equal(buf_str(&text),
	    "*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SEP-X - [0:0]\n-D PREROUTING -m comment --comment \"a -j "
	    "b\" -j KUBE-SERVICES\n"
	    "-D KUBE-OTHER -j KUBE-SEP-X\n-X KUBE-SERVICES\n-X KUBE-SEP-X\nCOMMIT\n");
	buf_reset(&text);
	cleanup_text("", &text);
	assert_string_equal(buf_str(&text), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_full_round),
	    TEST(test_only_differences),
	    TEST(test_pieces),
	    TEST(test_a_failed_round_is_forgotten),
	    TEST(test_cleanup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
