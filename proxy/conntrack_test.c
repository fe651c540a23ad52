#include "proxy/conntrack.h"

#include "lib/base/test.h"

static void test_stale(void **state)
{
	static const char *const endpoints[] = {"10.244.0.2:53", "10.244.0.3:53"};
	const struct udp_frontend frontends[] = {
	    {"10.96.0.10:53", endpoints, 2}, {":30053", endpoints, 2}, {"10.96.0.11:53", NULL, 0}};
	static const struct {
		struct conntrack_flow flow;
		bool stale;
	} cases[] = {
	    {{"10.96.0.10:53", "10.244.0.2:53"}, false},
	    {{"10.96.0.10:53", "10.244.0.9:53"}, true},
	    {{"10.96.0.10:53", "10.96.0.10:53"}, true}, /* sent on its way before there were rules */
	    {{"10.96.0.11:53", "10.244.0.2:53"}, true}, /* no endpoints left */
	    {{"10.96.0.10:54", "10.244.0.9:53"}, false},
	    {{"192.168.1.1:30053", "10.244.0.3:53"}, false},
	    {{"192.168.1.1:30053", "10.244.0.9:53"}, true},
	    {{"8.8.8.8:30053", "8.8.8.8:30053"}, false}, /* not through us */
	    {{"8.8.8.8:53", "8.8.8.8:53"}, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(conntrack_is_stale(&cases[i].flow, frontends, 3), cases[i].stale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stale)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
