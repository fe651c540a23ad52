#include "proxy/rules.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const proxy_table_names[PROXY_TABLES] = {"filter", "nat"};

void rules_done(struct rules *rules)
{
	for (size_t i = 0; i < rules->chains_len; i++)
		buf_done(&rules->chains[i].text);
	for (size_t i = 0; i < rules->lines_len; i++)
		free(rules->lines[i].spec);
	free(rules->chains);
	free(rules->lines);
	*rules = (struct rules){0};
}

/* Room for one more; sizes double at powers of two. */
static void *grow(void *list, size_t len, size_t size)
{
	if (len & (len - 1))
		return list;
	list = realloc(list, (len ? 2 * len : 1) * size);
	if (!list)
		abort();
	return list;
}

static struct rules_chain *find_or_add(struct rules *rules, enum proxy_table table, const char *chain)
{
	/* The chain at work is nearly always the last one. */
	for (size_t i = rules->chains_len; i-- > 0;)
		if (rules->chains[i].table == table && strcmp(rules->chains[i].name, chain) == 0)
			return &rules->chains[i];
	rules->chains = grow(rules->chains, rules->chains_len, sizeof(*rules->chains));
	struct rules_chain *added = &rules->chains[rules->chains_len++];
	*added = (struct rules_chain){.table = table};
	assert(strlen(chain) < 29); /* what the kernel takes */
	strcpy(added->name, chain);
	return added;
}

void rules_chain(struct rules *rules, enum proxy_table table, const char *chain)
{
	find_or_add(rules, table, chain);
}

void rules_add(struct rules *rules, enum proxy_table table, const char *chain, const char *fmt, ...)
{
	struct rules_chain *to = find_or_add(rules, table, chain);
	va_list ap;
	buf_printf(&to->text, "-A %s ", chain);
	va_start(ap, fmt);
	buf_vprintf(&to->text, fmt, ap);
	va_end(ap);
	buf_putc(&to->text, '\n');
}

void rules_share(struct rules *rules, enum proxy_table table, const char *chain, const char *fmt, ...)
{
	va_list ap;
	char *spec;
	va_start(ap, fmt);
	if (vasprintf(&spec, fmt, ap) < 0)
		abort();
	va_end(ap);
	rules->lines = grow(rules->lines, rules->lines_len, sizeof(*rules->lines));
	rules->lines[rules->lines_len++] = (struct rules_line){table, chain, spec};
}
