/* Component test: how answers leave: compressed or not, and which options of lists and watches are refused.
 */
#include "apiserver/testing/raw_client.h"

static void get_with(struct cluster *c, const char *path, const char *header)
{
	int fd = dial(c);
	send_request(fd, "GET", path, header, "");
	hear(fd, NULL);
	close(fd);
}

/* Large answers are compressed for who reads that; that the bytes are right is lib/http/gzip_test.c's matter.
 */
static void compression_client(struct cluster *c)
{
	enum { LARGE = 150 * 1024 };
	char *body = malloc(LARGE + 200);
	int n = sprintf(body, "{\"metadata\":{\"name\":\"large\"},\"data\":{\"k\":\"");
	memset(body + n, 'x', LARGE);
	strcpy(body + n + LARGE, "\"}}");
	expect(201, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"zip\"}}");
	expect(201, "POST", "/api/v1/namespaces/zip/configmaps", body);
	free(body);
	static const char *const paths[] = {"/api/v1/namespaces/zip/configmaps/large",
	    "/api/v1/namespaces/zip/configmaps", "/api/v1/namespaces/zip/configmaps?pretty=true",
	    "/openapi/v2"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		get_with(c, paths[i], "application/json\r\nAccept-Encoding: deflate, gzip");
		has(text, "Transfer-Encoding: chunked\r\n");
		has(text, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
		check(!strstr(text, "Content-Length"));
		has(text, "\x1f\x8b");
		get_with(c, paths[i], "application/json");
		check(!strstr(text, "gzip"));
		has(text, "Content-Length: ");
	}
	get_with(c, "/api/v1/namespaces/zip", "application/json\r\nAccept-Encoding: gzip");
	check(!strstr(text, "Content-Encoding")); /* too small */
	expect(200, "DELETE", "/api/v1/namespaces/zip/configmaps/large", "");
}

static void list_options_client(struct cluster *c)
{
	static const char path[] = "/api/v1/namespaces/default/configmaps";
	char url[256];
	const struct {
		const char *query, *want;
	} wrong[] = {
	    {"watch=1&sendInitialEvents=true", "requires setting resourceVersionMatch to NotOlderThan"},
	    {"watch=1&resourceVersionMatch=NotOlderThan", "is forbidden for watch unless sendInitialEvents"},
	    {"sendInitialEvents=true", "sendInitialEvents is forbidden for list"},
	    {"resourceVersionMatch=Exact", "is forbidden unless resourceVersion is provided"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(url, sizeof url, "%s?%s", path, wrong[i].query);
		expect(422, "GET", url, "");
		has(text, wrong[i].want);
	}
	snprintf(url, sizeof url,
	    "%s?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1&"
	    "timeoutSeconds=1",
	    path);
	expect(200, "GET", url, "");
	has(text, "k8s.io/initial-events-end");
}

CASE(compression)
CASE(list_options)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_compression), cmocka_unit_test(test_list_options)};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, setup_memory, teardown_memory);
}
