#include "proxy/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "proxy/base.h"

enum { PIECE_SIZE = 128 * 1024 }; /* about a thousand rules */

/* Of a chain that was applied only a hash is kept: enough to see a change. */
struct applied_chain {
	enum proxy_table table;
	char name[32];
	uint64_t hash;
};

struct applied {
	char *owner; /* while staged */
	struct applied_chain *chains;
	size_t chains_len;
	struct rules_line *lines;
	size_t lines_len;
};

/* One table's part of the restore text, in the order in which it is put together. */
struct table_text {
	struct buf pieces; /* whole transactions that come before the rest */
	struct buf declare, remove, insert, body, drop;
	struct strmap *declared; /* full round: chains that are wanted */
};

struct ruleset {
	struct strmap *owners; /* -> struct applied */
	struct applied **staged;
	size_t staged_len;
	struct table_text tables[PROXY_TABLES];
	const char *saved; /* full round */
	bool is_full, in_pieces, is_known;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void free_applied(void *value)
{
	struct applied *applied = value;
	if (!applied)
		return;
	for (size_t i = 0; i < applied->lines_len; i++)
		free(applied->lines[i].spec);
	free(applied->lines);
	free(applied->chains);
	free(applied->owner);
	free(applied);
}

struct ruleset *ruleset_new(void)
{
	struct ruleset *set = must(calloc(1, sizeof(*set)));
	set->owners = strmap_new();
	return set;
}

static void end_round(struct ruleset *set)
{
	for (int i = 0; i < PROXY_TABLES; i++) {
		struct table_text *text = &set->tables[i];
		buf_done(&text->pieces);
		buf_done(&text->declare);
		buf_done(&text->remove);
		buf_done(&text->insert);
		buf_done(&text->body);
		buf_done(&text->drop);
		strmap_free(text->declared, NULL);
		text->declared = NULL;
	}
	for (size_t i = 0; i < set->staged_len; i++)
		free_applied(set->staged[i]);
	free(set->staged);
	set->staged = NULL;
	set->staged_len = 0;
	set->saved = NULL;
}

void ruleset_free(struct ruleset *set)
{
	if (!set)
		return;
	end_round(set);
	strmap_free(set->owners, free_applied);
	free(set);
}

bool ruleset_is_known(const struct ruleset *set)
{
	return set->is_known;
}

void ruleset_begin(struct ruleset *set)
{
	end_round(set);
	set->is_full = set->in_pieces = false;
}

static void forget_owners(struct ruleset *set)
{
	strmap_free(set->owners, free_applied);
	set->owners = strmap_new();
}

void ruleset_begin_full(struct ruleset *set, const char *saved, bool in_pieces)
{
	end_round(set);
	forget_owners(set);
	set->is_full = true;
	set->in_pieces = in_pieces;
	set->is_known = false;
	set->saved = saved;
	for (int i = 0; i < PROXY_TABLES; i++)
		set->tables[i].declared = strmap_new();
}

/* Comparing */

static void declare(struct ruleset *set, enum proxy_table table, const char *chain)
{
	/* Creates the chain, or empties the one that is there. */
	buf_printf(&set->tables[table].declare, ":%s - [0:0]\n", chain);
	if (set->tables[table].declared)
		strmap_put(set->tables[table].declared, chain, NULL);
}

static const struct applied_chain *find_chain(
    const struct applied *applied, enum proxy_table table, const char *name)
{
	for (size_t i = 0; applied && i < applied->chains_len; i++)
		if (applied->chains[i].table == table && strcmp(applied->chains[i].name, name) == 0)
			return &applied->chains[i];
	return NULL;
}

static bool has_line(const struct rules_line *lines, size_t len, const struct rules_line *line)
{
	for (size_t i = 0; i < len; i++)
		if (lines[i].table == line->table && str_eq(lines[i].chain, line->chain) &&
		    str_eq(lines[i].spec, line->spec))
			return true;
	return false;
}

static void stage_chains(
    struct ruleset *set, const struct applied *old, const struct rules *rules, struct applied *fresh)
{
	fresh->chains = must(calloc(rules->chains_len + 1, sizeof(*fresh->chains)));
	for (size_t i = 0; i < rules->chains_len; i++) {
		const struct rules_chain *chain = &rules->chains[i];
		struct applied_chain *applied = &fresh->chains[fresh->chains_len++];
		applied->table = chain->table;
		strcpy(applied->name, chain->name);
		applied->hash = str_hash64(buf_str(&chain->text));
		const struct applied_chain *before = find_chain(old, chain->table, chain->name);
		if (before && before->hash == applied->hash)
			continue;
		declare(set, chain->table, chain->name);
		buf_append(&set->tables[chain->table].body, buf_str(&chain->text), chain->text.size);
	}
	for (size_t i = 0; old && i < old->chains_len; i++) {
		const struct applied_chain *before = &old->chains[i];
		if (find_chain(fresh, before->table, before->name))
			continue;
		declare(set, before->table, before->name);
		buf_printf(&set->tables[before->table].drop, "-X %s\n", before->name);
	}
}

static void stage_lines(struct ruleset *set, const struct applied *old, const struct rules *rules)
{
	for (size_t i = 0; old && i < old->lines_len; i++)
		if (!has_line(rules->lines, rules->lines_len, &old->lines[i]))
			buf_printf(&set->tables[old->lines[i].table].remove, "-D %s %s\n",
			    old->lines[i].chain, old->lines[i].spec);
	for (size_t i = 0; i < rules->lines_len; i++) {
		const struct rules_line *line = &rules->lines[i];
		if (!old || !has_line(old->lines, old->lines_len, line))
			/* In front, so that what must stand last stays last; a full round starts from empty
			 * chains. */
			buf_printf(&set->tables[line->table].insert, "%s %s %s\n", set->is_full ? "-A" : "-I",
			    line->chain, line->spec);
	}
}

/* Owners refer to their own chains and to the fixed ones, which come first, so a piece may end behind any
 * owner. */
static void cut_pieces(struct ruleset *set)
{
	for (int i = 0; i < PROXY_TABLES; i++) {
		struct table_text *text = &set->tables[i];
		if (text->body.size < PIECE_SIZE)
			continue;
		buf_printf(&text->pieces, "*%s\n%s%sCOMMIT\n", proxy_table_names[i], buf_str(&text->declare),
		    text->body.data);
		buf_reset(&text->declare);
		buf_reset(&text->body);
	}
}

void ruleset_set(struct ruleset *set, const char *owner, struct rules *take_rules)
{
	struct rules none = {0}, *rules = take_rules ? take_rules : &none;
	const struct applied *old = strmap_get(set->owners, owner);
	struct applied *fresh = must(calloc(1, sizeof(*fresh)));
	fresh->owner = must(strdup(owner));
	stage_chains(set, old, rules, fresh);
	stage_lines(set, old, rules);
	fresh->lines = rules->lines;
	fresh->lines_len = rules->lines_len;
	rules->lines = NULL;
	rules->lines_len = 0;
	rules_done(rules);
	set->staged = must(realloc(set->staged, (set->staged_len + 1) * sizeof(struct applied *)));
	set->staged[set->staged_len++] = fresh;
	if (set->in_pieces)
		cut_pieces(set);
}

/* The text */

static void put_tails(struct ruleset *set, const struct base_config *base)
{
	for (const struct base_shared *shared = base_shared_chains; shared->chain; shared++) {
		declare(set, shared->table, shared->chain);
		base_tail(base, shared->table, shared->chain, &set->tables[shared->table].body);
	}
}

/* Calls fn for each line of iptables-save's output that belongs to one of our tables. */
static void each_saved(struct ruleset *set,
    void (*fn)(struct ruleset *set, enum proxy_table table, const char *line, size_t len, void *arg),
    void *arg)
{
	int table = -1;
	for (const char *line = set->saved; line && *line;) {
		size_t len = strcspn(line, "\n");
		if (*line == '*') {
			table = -1;
			for (int i = 0; i < PROXY_TABLES; i++)
				if (len - 1 == strlen(proxy_table_names[i]) &&
				    !strncmp(line + 1, proxy_table_names[i], len - 1))
					table = i;
		} else if (table >= 0) {
			fn(set, (enum proxy_table)table, line, len, arg);
		}
		line += len + (line[len] == '\n');
	}
}

static void drop_unwanted(
    struct ruleset *set, enum proxy_table table, const char *line, size_t len, void *arg)
{
	char name[64];
	if (*line != ':' || sscanf(line, ":%63s", name) != 1 || !base_owns_chain(name))
		return;
	if (strmap_has(set->tables[table].declared, name))
		return;
	declare(set, table, name);
	buf_printf(&set->tables[table].drop, "-X %s\n", name);
}

struct jump_search {
	const struct base_jump *jump;
	bool found;
};

static void look_for_jump(
    struct ruleset *set, enum proxy_table table, const char *line, size_t len, void *arg)
{
	struct jump_search *search = arg;
	char from[64], target[80];
	if (search->found || table != search->jump->table || sscanf(line, "-A %63s", from) != 1 ||
	    strcmp(from, search->jump->from) != 0)
		return;
	int target_len = snprintf(target, sizeof(target), "-j %s", search->jump->to);
	search->found =
	    len > (size_t)target_len && !strncmp(line + len - target_len, target, (size_t)target_len);
}

static void put_jumps(struct ruleset *set)
{
	for (const struct base_jump *jump = base_jumps; jump->from; jump++) {
		struct jump_search search = {jump, false};
		each_saved(set, look_for_jump, &search);
		if (!search.found)
			buf_printf(&set->tables[jump->table].body, "%s %s %s -j %s\n",
			    jump->append ? "-A" : "-I", jump->from, jump->spec, jump->to);
	}
}

bool ruleset_text(struct ruleset *set, const struct base_config *base, struct buf *out)
{
	bool any = false;
	if (set->is_full) {
		put_tails(set, base);
		put_jumps(set);
		each_saved(set, drop_unwanted, NULL);
	}
	for (int i = 0; i < PROXY_TABLES; i++) {
		const struct table_text *text = &set->tables[i];
		const struct buf *const parts[] = {
		    &text->declare, &text->remove, &text->insert, &text->body, &text->drop};
		size_t size = 0;
		for (size_t part = 0; part < 5; part++)
			size += parts[part]->size;
		if (!size)
			continue;
		any = true;
		buf_append(out, buf_str(&text->pieces), text->pieces.size);
		buf_printf(out, "*%s\n", proxy_table_names[i]);
		for (size_t part = 0; part < 5; part++)
			buf_append(out, buf_str(parts[part]), parts[part]->size);
		buf_puts(out, "COMMIT\n");
	}
	return any;
}

void ruleset_commit(struct ruleset *set)
{
	for (size_t i = 0; i < set->staged_len; i++) {
		struct applied *fresh = set->staged[i];
		bool is_empty = !fresh->chains_len && !fresh->lines_len;
		free_applied(is_empty ? strmap_remove(set->owners, fresh->owner)
				      : strmap_put(set->owners, fresh->owner, fresh));
		if (is_empty) {
			free_applied(fresh);
			continue;
		}
		free(fresh->owner);
		fresh->owner = NULL;
	}
	set->staged_len = 0;
	set->is_known |= set->is_full;
	end_round(set);
}

void ruleset_forget(struct ruleset *set)
{
	end_round(set);
	forget_owners(set);
	set->is_known = false;
}

size_t ruleset_lines_len(const struct ruleset *set)
{
	size_t len = 0;
	strmap_for_each (set->owners, e)
		len += ((const struct applied *)strmap_value(e))->lines_len;
	return len;
}
