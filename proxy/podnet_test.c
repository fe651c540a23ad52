#include "proxy/podnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/strmap.h"
#include "lib/base/test.h"
#include "lib/loop/loop.h"

static void test_conflist(void **state)
{
	struct arena *arena = arena_new();
	struct buf out = BUF_INIT;
	struct json *json;
	struct podnet_options options = {.conf_dir = "/x", .data_dir = "/y/ipam", .bridge = "cube0"};
	podnet_conflist(&options, "10.244.3.0/24", &out);
	assert_int_equal(json_parse(arena, out.data, out.size, NULL, &json, NULL), 0);
	const struct json *bridge = json_get(json, "plugins")->items[0];
	assert_string_equal(json_get_string(bridge, "bridge", ""), "cube0");
	assert_string_equal(json_get_string(json_get(bridge, "ipam"), "dataDir", ""), "/y/ipam");
	assert_false(json_get_bool(bridge, "ipMasq", true));
	assert_non_null(strstr(out.data, "10.244.3.0/24"));
	buf_done(&out);
	arena_free(arena);
}

static void test_file(void **state)
{
	char dir[] = "/tmp/cube-podnet.XXXXXX", path[128];
	struct stat before, after;
	struct error err = ERROR_INIT;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/" PODNET_CONF_FILE, dir);
	struct loop *loop = loop_new(NULL);
	struct podnet_options options = {.conf_dir = dir, .bridge = "cube0"};
	struct podnet *net = podnet_new(loop, &options);
	assert_int_equal(podnet_set_cidr(net, "10.244.0.0/24", &err), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(podnet_set_cidr(net, "10.244.0.0/24", &err), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* not written again */
	assert_int_equal(podnet_set_cidr(net, "10.244.1.0/24", &err), 0);
	static const char *const bad[] = {
	    "", "x", "10.244.0.0", "10.244.0.0/33", "fd00::/64", "10.0.0.0/24\"}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(podnet_set_cidr(net, bad[i], NULL), -1);
	podnet_free(net);
	loop_free(loop);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static void test_routes(void **state)
{
	struct strmap *applied = strmap_new(), *wanted = strmap_new();
	struct buf out = BUF_INIT;
	podnet_read_routes(
	    "10.244.1.0/24 via 192.168.1.2 dev eth0 \n10.9.9.9 via 192.168.1.3 dev eth0\nodd line\n",
	    applied);
	assert_int_equal(strmap_len(applied), 2);
	assert_string_equal(strmap_get(applied, "10.9.9.9/32"), "192.168.1.3");
	strmap_put(wanted, "10.244.1.0/24", "192.168.1.2");
	strmap_put(wanted, "10.244.2.0/24", "192.168.1.4");
	podnet_route_batch(applied, wanted, &out);
	assert_string_equal(buf_str(&out),
	    "route del 10.9.9.9/32 proto 67\nroute replace 10.244.2.0/24 via 192.168.1.4 proto 67\n");
	buf_done(&out);
	strmap_free(applied, free);
	strmap_free(wanted, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_conflist),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
