/* kubectl api-resources: what the server serves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/tabwriter.h"

static const char *join(struct arena *arena, const char *const *list)
{
	size_t len = 0;
	while (list[len])
		len++;
	return str_join(arena, list, len, ",");
}

static const char *sort_by = "";

static int compare(const void *a, const void *b)
{
	const struct mapping *x = *(const struct mapping *const *)a, *y = *(const struct mapping *const *)b;
	int order = 0;
	if (str_eq(sort_by, "name"))
		order = strcmp(x->plural, y->plural);
	else if (str_eq(sort_by, "kind"))
		order = strcmp(x->kind, y->kind);
	if (!order)
		order = strcmp(x->group, y->group);
	if (!order)
		order = strcmp(x->plural, y->plural);
	return order;
}

struct filter {
	const char *group, *namespaced;
	struct flag_list verbs, categories;
	bool has_group, has_namespaced;
};

static bool matches(const struct filter *f, const struct mapping *m)
{
	if (!m->is_preferred || (f->has_group && !str_eq(f->group, m->group)))
		return false;
	if (f->has_namespaced && m->is_namespaced != str_eq(f->namespaced, "true"))
		return false;
	for (size_t i = 0; i < f->verbs.len; i++)
		if (!mapping_can(m, f->verbs.items[i]))
			return false;
	for (size_t i = 0; i < f->categories.len; i++)
		if (!str_in(f->categories.items[i], m->categories))
			return false;
	return true;
}

static void print_row(struct kubectl *k, struct buf *text, const struct mapping *m, bool wide)
{
	buf_printf(text, "%s\t%s\t%s\t%s\t%s", m->plural, join(k->arena, m->short_names),
	    mapping_api_version(k->arena, m), m->is_namespaced ? "true" : "false", m->kind);
	if (wide)
		buf_printf(text, "\t%s\t%s", join(k->arena, m->verbs), join(k->arena, m->categories));
	buf_putc(text, '\n');
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct filter f = {0};
	const char *output = "";
	bool no_headers = false, cached = false;
	const struct flag flags[] = {{"output", 'o', FLAG_STRING, &output, "wide or name"},
	    {"no-headers", 0, FLAG_BOOL, &no_headers, "No header line"},
	    {"api-group", 0, FLAG_STRING, &f.group, "Only this group", NULL, &f.has_group},
	    {"namespaced", 0, FLAG_STRING, &f.namespaced, "Only namespaced (or not) ones", "true",
		&f.has_namespaced},
	    {"verbs", 0, FLAG_LIST, &f.verbs, "Only those that can do all of these"},
	    {"categories", 0, FLAG_LIST, &f.categories, "Only those in all of these"},
	    {"sort-by", 0, FLAG_STRING, &sort_by, "name or kind"},
	    {"cached", 0, FLAG_BOOL, &cached, "Accepted and ignored"}, FLAG_END};
	struct args args;
	const struct mapping *const *all, **list;
	size_t len, n = 0;
	if (kubectl_parse(k, "kubectl api-resources [flags]", flags, argc, argv, &args, err))
		return -1;
	bool wide = str_eq(output, "wide"), names = str_eq(output, "name");
	if (*output && !wide && !names)
		return error_set(err, ERR_PARSE, "--output %s is not available", output);
	if (mapper_all(k, &all, &len, err))
		return -1;
	list = ARENA_ARRAY(k->arena, const struct mapping *, len + 1);
	for (size_t i = 0; i < len; i++)
		if (matches(&f, all[i]))
			list[n++] = all[i];
	qsort(list, n, sizeof(*list), compare);
	struct buf text = BUF_INIT, out = BUF_INIT;
	if (!no_headers && !names)
		buf_printf(&text, "NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND%s\n",
		    wide ? "\tVERBS\tCATEGORIES" : "");
	for (size_t i = 0; i < n; i++)
		if (names)
			printf("%s\n", mapping_resource_text(k->arena, list[i]));
		else
			print_row(k, &text, list[i], wide);
	tabwriter_format(&out, buf_str(&text), 6, 3, NULL);
	fputs(buf_str(&out), stdout);
	buf_done(&text);
	buf_done(&out);
	return 0;
}

const struct command command_api_resources = {
    "api-resources", NULL, "Other Commands:", "Print the supported API resources on the server", run};
