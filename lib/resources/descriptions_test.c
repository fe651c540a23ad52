/* `kubectl explain` has something to say about every type and field that is served. */
#include <stdio.h>

#include "lib/api/schema.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/base/test.h"
#include "lib/resources/resource.h"

static struct strmap *seen;
static int missing;

static void walk(const struct schema *schema)
{
	if (!schema || strmap_has(seen, schema->name))
		return;
	strmap_put(seen, schema->name, (void *)schema);
	if (str_empty(schema->doc)) {
		fprintf(stderr, "%s has no description\n", schema->name);
		missing++;
	}
	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];
		if (str_empty(f->doc)) {
			fprintf(stderr, "%s: field %s has no description\n", schema->name, f->json);
			missing++;
		}
		walk(f->message);
	}
}

static void test_everything_is_described(void **state)
{
	seen = strmap_new();
	for (size_t i = 0; i < resources_count(); i++)
		walk(resources_at(i)->schema);
	assert_in_range(strmap_len(seen), 300, 2000);
	assert_int_equal(missing, 0);
	strmap_free(seen, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_everything_is_described)};
	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
