#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/printers/jsonpath.h"
#include "kubectl/printers/jsonpath_private.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

enum { PARTS_MAX = 512, STEPS_MAX = 64 };

struct parser {
	struct arena *arena;
	const char *at, *end;
	struct error *err;
	int depth;
};

static int parse_steps(struct parser *p, struct step **ret, size_t *ret_len);

static void skip_space(struct parser *p)
{
	while (p->at < p->end && isspace((unsigned char)*p->at))
		p->at++;
}

/* A quoted text; Go's escapes in double quotes, none but \' in single ones. */
static int parse_quoted(struct parser *p, const char **ret)
{
	char quote = *p->at++;
	struct buf out = BUF_INIT;
	for (; p->at < p->end && *p->at != quote; p->at++) {
		char c = *p->at;
		if (c == '\\' && p->at + 1 < p->end) {
			c = *++p->at;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		buf_putc(&out, c);
	}
	*ret = arena_strdup(p->arena, buf_str(&out));
	buf_done(&out);
	if (p->at >= p->end)
		return error_set(p->err, ERR_PARSE, "unterminated quoted string");
	p->at++;
	return 0;
}

static bool parse_number(struct parser *p, int64_t *ret)
{
	char *end;
	if (p->at >= p->end || !(isdigit((unsigned char)*p->at) || *p->at == '-'))
		return false;
	*ret = strtoll(p->at, &end, 10);
	if (end == p->at || end > p->end)
		return false;
	p->at = end;
	return true;
}

static int parse_filter(struct parser *p, struct step *step)
{
	static const struct {
		const char *text;
		enum filter_op op;
	} ops[] = {{"==", FILTER_EQ}, {"!=", FILTER_NE}, {"<=", FILTER_LE}, {">=", FILTER_GE},
	    {"<", FILTER_LT}, {">", FILTER_GT}};
	step->type = STEP_FILTER;
	step->op = FILTER_EXISTS;
	if (parse_steps(p, &step->left, &step->left_len))
		return -1;
	skip_space(p);
	for (size_t i = 0; i < 6 && step->op == FILTER_EXISTS; i++)
		if (str_has_prefix(p->at, ops[i].text)) {
			step->op = ops[i].op;
			p->at += strlen(ops[i].text);
		}
	skip_space(p);
	if (step->op != FILTER_EXISTS && parse_steps(p, &step->right, &step->right_len))
		return -1;
	skip_space(p);
	if (p->at + 1 >= p->end || p->at[0] != ')' || p->at[1] != ']')
		return error_set(p->err, ERR_PARSE, "unterminated filter");
	p->at += 2;
	return 0;
}

/* One alternative between brackets: '*', 'name', "name", 3, 1:2:3. */
static int parse_alternative(struct parser *p, struct step *step)
{
	skip_space(p);
	if (p->at < p->end && *p->at == '*') {
		p->at++;
		step->type = STEP_WILDCARD;
		return 0;
	}
	if (p->at < p->end && (*p->at == '\'' || *p->at == '"')) {
		step->type = STEP_FIELD;
		return parse_quoted(p, &step->name);
	}
	step->type = STEP_SLICE;
	step->has_from = parse_number(p, &step->from);
	if (p->at < p->end && *p->at == ':') {
		step->is_slice = true;
		p->at++;
		step->has_to = parse_number(p, &step->to);
		if (p->at < p->end && *p->at == ':') {
			p->at++;
			step->has_stride = parse_number(p, &step->stride);
		}
	}
	if (!step->has_from && !step->is_slice)
		return error_set(
		    p->err, ERR_PARSE, "invalid array index %.*s", (int)strcspn(p->at, "]}"), p->at);
	return 0;
}

static int parse_bracket(struct parser *p, struct step *step)
{
	if (str_has_prefix(p->at, "?(")) {
		p->at += 2;
		return parse_filter(p, step);
	}
	struct step *list = ARENA_ARRAY(p->arena, struct step, STEPS_MAX);
	size_t len = 0;
	for (;;) {
		if (len == STEPS_MAX)
			return error_set(p->err, ERR_PARSE, "too many alternatives in []");
		if (parse_alternative(p, &list[len++]))
			return -1;
		skip_space(p);
		if (p->at >= p->end || *p->at != ',')
			break;
		p->at++;
	}
	if (p->at >= p->end || *p->at != ']')
		return error_set(p->err, ERR_PARSE, "unterminated array");
	p->at++;
	if (len == 1)
		*step = list[0];
	else
		*step = (struct step){.type = STEP_UNION, .left = list, .left_len = len};
	return 0;
}

static void parse_field(struct parser *p, struct step *step)
{
	struct buf name = BUF_INIT;
	while (p->at < p->end && !strchr(".[]{}()=!<>, \t\n|", *p->at)) {
		if (*p->at == '\\' && p->at + 1 < p->end)
			p->at++;
		buf_putc(&name, *p->at++);
	}
	step->type = strcmp(buf_str(&name), "*") == 0 ? STEP_WILDCARD : STEP_FIELD;
	step->name = arena_strdup(p->arena, buf_str(&name));
	buf_done(&name);
}

static int parse_literal(struct parser *p, struct step *step)
{
	const char *text;
	step->type = STEP_LITERAL;
	if (*p->at == '\'' || *p->at == '"') {
		if (parse_quoted(p, &text))
			return -1;
		step->literal = json_new_string(p->arena, text);
		return 0;
	}
	size_t len = strspn(p->at, "+-0123456789.eE");
	if (len) {
		step->literal = json_new_number(p->arena, arena_strndup(p->arena, p->at, len));
		p->at += len;
		return 0;
	}
	len = str_has_prefix(p->at, "true") ? 4 : str_has_prefix(p->at, "false") ? 5 : 0;
	if (!len)
		return error_set(
		    p->err, ERR_PARSE, "unrecognized identifier %.*s", (int)strcspn(p->at, " })"), p->at);
	step->literal = json_new_bool(p->arena, len == 4);
	p->at += len;
	return 0;
}

static int parse_steps_at(struct parser *p, struct step **ret, size_t *ret_len)
{
	struct step *steps = ARENA_ARRAY(p->arena, struct step, STEPS_MAX);
	size_t len = 0;
	skip_space(p);
	while (p->at < p->end && !isspace((unsigned char)*p->at) && !strchr("})=!<>,]", *p->at)) {
		if (len + 1 >= STEPS_MAX)
			return error_set(p->err, ERR_PARSE, "the path has too many parts");
		struct step *step = &steps[len++];
		char c = *p->at;
		if (c == '$' || c == '@') {
			step->type = c == '$' ? STEP_ROOT : STEP_CURRENT;
			p->at++;
		} else if (c == '.' && p->at + 1 < p->end && p->at[1] == '.') {
			step->type = STEP_RECURSIVE;
			p->at += 2;
			if (p->at < p->end && *p->at != '[')
				parse_field(p, &steps[len++]);
		} else if (c == '.') {
			p->at++;
			if (p->at < p->end && (*p->at == '[' || strchr("}) ", *p->at)))
				step->type = STEP_CURRENT;
			else
				parse_field(p, step);
		} else if (c == '[') {
			p->at++;
			if (parse_bracket(p, step))
				return -1;
		} else if (len == 1) {
			if (parse_literal(p, step))
				return -1;
		} else {
			return error_set(p->err, ERR_PARSE, "unexpected '%c' in a path", c);
		}
	}
	*ret = steps;
	*ret_len = len;
	return 0;
}

static int parse_steps(struct parser *p, struct step **ret, size_t *ret_len)
{
	if (++p->depth > 32)
		return error_set(p->err, ERR_PARSE, "filters nest too deeply");
	int result = parse_steps_at(p, ret, ret_len);
	p->depth--;
	return result;
}

/* One {...}; p->at is behind the opening brace. */
static int parse_action(struct parser *p, struct part *part)
{
	skip_space(p);
	part->type = PART_EXPRESSION;
	if (str_has_prefix(p->at, "range") && (isspace((unsigned char)p->at[5]))) {
		part->type = PART_RANGE;
		p->at += 6;
	} else if (str_has_prefix(p->at, "end")) {
		const char *after = p->at + 3;
		while (isspace((unsigned char)*after))
			after++;
		if (*after == '}') {
			part->type = PART_END;
			p->at = after;
		}
	}
	if (part->type != PART_END && parse_steps(p, &part->steps, &part->len))
		return -1;
	skip_space(p);
	if (p->at >= p->end || *p->at != '}')
		return error_set(p->err, ERR_PARSE, "unclosed action");
	p->at++;
	return 0;
}

/* Gives each range the index of its end. */
static int match_ranges(struct parser *p, struct part *parts, size_t len)
{
	size_t open[64], depth = 0;
	for (size_t i = 0; i < len; i++) {
		if (parts[i].type == PART_RANGE && depth < 64) {
			open[depth++] = i;
		} else if (parts[i].type == PART_END) {
			if (!depth)
				return error_set(p->err, ERR_PARSE, "not in range, nothing to end");
			parts[open[--depth]].end = i;
		}
	}
	while (depth) /* stock accepts a range that is left open */
		parts[open[--depth]].end = len;
	return 0;
}

int jsonpath_parse(struct arena *arena, const char *text, struct jsonpath **ret, struct error *err)
{
	struct parser p = {arena, text, text + strlen(text), err, 0};
	struct part *parts = ARENA_ARRAY(arena, struct part, PARTS_MAX);
	size_t len = 0;
	while (p.at < p.end) {
		if (len == PARTS_MAX)
			return error_set(err, ERR_PARSE, "the template has too many parts");
		struct part *part = &parts[len++];
		size_t plain = strcspn(p.at, "{");
		if (plain) {
			part->type = PART_TEXT;
			part->text = arena_strndup(arena, p.at, plain);
			p.at += plain;
			continue;
		}
		p.at++;
		if (parse_action(&p, part))
			return error_prefix(err, "error parsing jsonpath %s", text);
	}
	if (match_ranges(&p, parts, len))
		return -1;
	*ret = ARENA_NEW(arena, struct jsonpath);
	**ret = (struct jsonpath){parts, len};
	return 0;
}
