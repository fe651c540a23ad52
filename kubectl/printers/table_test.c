#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/printers/table.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/tree.h"
#include "lib/base/test.h"

static void check_tabs(const char *text, size_t least, size_t padding, const char *want)
{
	struct buf out = BUF_INIT;
	tabwriter_format(&out, text, least, padding, NULL);
	assert_string_equal(buf_str(&out), want);
	buf_done(&out);
}

static void test_columns(void **state)
{
	check_tabs("NAME\tAGE\na\t1d\nlonger-name\t2d\n", 6, 3,
	    "NAME          AGE\na             1d\nlonger-name   2d\n");
	check_tabs("A\tB\n1\t2\n", 6, 3, "A     B\n1     2\n"); /* a column is six wide at least */
	check_tabs("\xc3\xa4\tx\nab\ty\n", 0, 2, "\xc3\xa4   x\nab  y\n");
}

static void test_paragraphs(void **state)
{
	/* the line without a tab ends the column */
	check_tabs("Name:\tx\nA long title:\ty\nEvents:\nB:\tz\n", 0, 2,
	    "Name:          x\nA long title:  y\nEvents:\nB:  z\n");
	/* an inner column ends where a line has fewer cells */
	check_tabs("a\tb\tc\nd\te\nf\tlonger\tg\n", 0, 1, "a b c\nd e\nf longer g\n");
}

static void test_memory(void **state)
{
	struct tabwriter_memory memory = {0};
	struct buf out = BUF_INIT;
	tabwriter_format(&out, "NAME\tX\nlong-name\ty\n", 6, 3, &memory);
	buf_reset(&out);
	tabwriter_format(&out, "a\tb\n", 6, 3, &memory);
	assert_string_equal(buf_str(&out), "a           b\n");
	buf_done(&out);
}

static const char table_text[] =
    "{\"kind\":\"Table\",\"columnDefinitions\":[{\"name\":\"Name\",\"priority\":0},{\"name\":\"IP\","
    "\"priority\":1},"
    "{\"name\":\"Age\",\"priority\":0}],\"rows\":[{\"cells\":[\"web\",\"10.0.0.1\",null],\"object\":{"
    "\"metadata\":"
    "{\"name\":\"web\",\"namespace\":\"ns\",\"labels\":{\"b\":\"2\",\"a\":\"1\"}}}}]}";

static void check_table(struct table_options options, const char *want)
{
	static const char *const none[] = {NULL};
	const struct mapping deployments = {
	    "apps", "v1", "Deployment", "deployments", "deployment", none, none, none, none, true};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct json *table;
	struct buf text = BUF_INIT;
	struct table_printer printer = {.options = options};
	assert_int_equal(json_parse(arena, table_text, strlen(table_text), NULL, &table, &err), 0);
	table_add(&printer, arena, &deployments, table, "ADDED", &text);
	assert_string_equal(buf_str(&text), want);
	buf_done(&text);
	arena_free(arena);
}

static void test_table(void **state)
{
	static const char *columns[] = {"example.com/a", "none"};
	const struct flag_list labels = {columns, 2};
	check_table((struct table_options){0}, "NAME\tAGE\nweb\t\n");
	check_table((struct table_options){.wide = true, .no_headers = true}, "web\t10.0.0.1\t\n");
	check_table((struct table_options){.show_namespace = true, .show_kind = true},
	    "NAMESPACE\tNAME\tAGE\nns\tdeployment.apps/web\t\n");
	check_table((struct table_options){.show_labels = true}, "NAME\tAGE\tLABELS\nweb\t\ta=1,b=2\n");
	check_table((struct table_options){.label_columns = &labels}, "NAME\tAGE\tA\tNONE\nweb\t\t\t\n");
	check_table((struct table_options){.show_events = true}, "EVENT\tNAME\tAGE\nADDED\tweb\t\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_paragraphs),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
