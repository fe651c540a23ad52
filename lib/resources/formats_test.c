#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/resources/formats.h"

static void test_formats(void **state)
{
	static const struct {
		const char *format, *value;
		bool ok;
	} cases[] = {{"dns-label", "a-1", true}, {"dns-label", "A", false}, {"dns-label", "-a", false},
	    {"dns-label", "", false}, {"dns-subdomain", "a.b-c.d", true}, {"dns-subdomain", "a..b", false},
	    {"dns1035-label", "1a", false}, {"qualified-name", "example.com/Name_1.x", true},
	    {"qualified-name", "a/b/c", false}, {"qualified-name", "/x", false}, {"label-value", "", true},
	    {"label-value", "a b", false}, {"ip", "10.0.0.1", true}, {"ip", "10.0.0.01", false},
	    {"ip", "::1", true}, {"cidr", "10.0.0.0/33", false}, {"cidr", "fd00::/64", true},
	    {"port-name", "http-2", true}, {"port-name", "80", false}, {"port-name", "a--b", false},
	    {"env-var", "A.b c", true}, {"env-var", "a=b", false}, {"config-key", "..", false},
	    {"config-key", "a.ini", true}, {"percentage", "25%", true}, {"percentage", "%", false},
	    {"relative-path", "a/../b", false}, {"relative-path", "a..b", true},
	    {"domain-prefixed-path", "example.com/x/y", true}, {"domain-prefixed-path", "example.com", false},
	    {"wildcard-subdomain", "*.example.com", true}, {"wildcard-subdomain", "a.*.com", false},
	    {"path-segment", "system:node", true}, {"path-segment", "a/b", false}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if ((format_check(cases[i].format, cases[i].value) == NULL) != cases[i].ok)
			fail_msg("%s of '%s' should be %d", cases[i].format, cases[i].value, cases[i].ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_formats)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
