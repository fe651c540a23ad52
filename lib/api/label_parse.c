/* The text form of label and field selectors. */
#include <string.h>

#include "lib/api/label_syntax.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

enum { NAME_MAX_LEN = 63, PREFIX_MAX_LEN = 253, LIST_MAX = 10000 };

struct lexer {
	const char *p;
	struct arena *arena;
	char *token; /* "" at the end */
	bool is_word;
	struct error *err;
};

static int parse_requirement(struct lexer *l, struct selector *sel);
static int parse_list(struct lexer *l, struct selector *sel, const char *key, enum label_operator op);
static int expected(struct lexer *l, const char *what);
static void next(struct lexer *l);
static bool at(const struct lexer *l, const char *symbol);
static bool at_end_of_term(const struct lexer *l);
static bool is_label_text(const char *s, size_t len);
static bool is_alphanumeric(char c);
static bool is_subdomain(const char *s, size_t len);
static char *unescape(struct arena *arena, const char *s, size_t len);

int selector_parse(struct arena *arena, const char *text, struct selector **ret, struct error *err)
{
	struct selector *sel = ARENA_NEW(arena, struct selector);
	struct lexer l = {.p = text, .arena = arena, .err = err};

	next(&l);
	while (*l.token) {
		if (parse_requirement(&l, sel) < 0)
			return error_prefix(err, "unable to parse requirement");
		if (!*l.token)
			break;
		if (!at(&l, ","))
			return expected(&l, "',' or the end");
		next(&l);
		if (!*l.token)
			return expected(&l, "a label key behind ','");
		if (sel->len > LIST_MAX)
			return error_set(err, ERR_BAD_REQUEST, "more than %d requirements", LIST_MAX);
	}
	selector_sort(sel);
	*ret = sel;
	return 0;
}

/*
 * Upstream's rules: terms between commas, each with =, == or !=; a backslash takes \ , = literally. A term
 * that names neither field nor value selects everything.
 */
int field_selector_parse(
    struct arena *arena, const char *text, struct field_selector **ret, struct error *err)
{
	struct field_selector *sel = ARENA_NEW(arena, struct field_selector);

	while (*text) {
		size_t len = 0, op = 0, op_len = 0;
		struct field_term *term;

		for (; text[len] && text[len] != ','; len++) {
			if (text[len] == '\\') {
				if (!text[len + 1] || !strchr("\\,=", text[len + 1]))
					return error_set(err, ERR_BAD_REQUEST,
					    "invalid field selector: invalid escape sequence");
				len++;
			} else if (!op_len && text[len] == '!' && text[len + 1] == '=') {
				op = len, op_len = 2;
				len++;
			} else if (!op_len && text[len] == '=') {
				op = len, op_len = text[len + 1] == '=' ? 2 : 1;
				len += op_len - 1;
			}
		}
		if (len > 0 && !op_len)
			return error_set(err, ERR_BAD_REQUEST,
			    "invalid selector: '%.200s'; can't understand '%.*s'", text,
			    (int)(len < 200 ? len : 200), text);
		if (len > op_len) {
			sel->terms = arena_grow(
			    arena, sel->terms, sel->len * sizeof(*term), (sel->len + 1) * sizeof(*term));
			term = &sel->terms[sel->len++];
			term->field = unescape(arena, text, op);
			term->value = unescape(arena, text + op + op_len, len - op - op_len);
			term->equal = text[op] == '=';
		}
		text += len + (text[len] == ',');
	}
	*ret = sel;
	return 0;
}

bool label_key_is_valid(const char *key)
{
	const char *slash = strchr(key, '/');

	if (slash && !is_subdomain(key, (size_t)(slash - key)))
		return false;
	key = slash ? slash + 1 : key;
	return *key && is_label_text(key, strlen(key));
}

bool label_value_is_valid(const char *value)
{
	return !*value || is_label_text(value, strlen(value));
}

static int parse_requirement(struct lexer *l, struct selector *sel)
{
	static const struct {
		const char *symbol;
		enum label_operator op;
	} operators[] = {{"=", LABEL_EQUALS}, {"==", LABEL_EQUALS}, {"!=", LABEL_NOT_EQUALS},
	    {">", LABEL_GREATER}, {"<", LABEL_LESS}};
	bool absent = at(l, "!");
	char *key, *value;

	if (absent)
		next(l);
	if (!l->is_word)
		return expected(l, "a label key");
	key = l->token;
	next(l);
	if (at_end_of_term(l))
		return selector_add(
		    l->arena, sel, key, absent ? LABEL_ABSENT : LABEL_EXISTS, 0, NULL, l->err);
	if (absent)
		return expected(l, "',' or the end");
	if (l->is_word && strcmp(l->token, "in") == 0)
		return parse_list(l, sel, key, LABEL_IN);
	if (l->is_word && strcmp(l->token, "notin") == 0)
		return parse_list(l, sel, key, LABEL_NOT_IN);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (!at(l, operators[i].symbol))
			continue;
		next(l);
		if (!l->is_word && !at_end_of_term(l))
			return expected(l, "a label value");
		value = at_end_of_term(l) ? arena_strdup(l->arena, "") : l->token;
		if (!at_end_of_term(l))
			next(l);
		return selector_add(l->arena, sel, key, operators[i].op, 1, &value, l->err);
	}
	return expected(l, "in, notin, =, ==, !=, >, <");
}

/* (a,b): a missing word is the empty value, as in (a,). */
static int parse_list(struct lexer *l, struct selector *sel, const char *key, enum label_operator op)
{
	char **values = NULL;
	size_t len = 0;

	next(l);
	if (!at(l, "("))
		return expected(l, "'('");
	next(l);
	for (bool any = !at(l, ")"); any;) {
		if ((len & (len - 1)) == 0)
			values = arena_grow(
			    l->arena, values, len * sizeof(char *), (len ? len * 2 : 1) * sizeof(char *));
		values[len++] = l->is_word ? l->token : arena_strdup(l->arena, "");
		if (l->is_word)
			next(l);
		any = at(l, ",");
		if (any)
			next(l);
	}
	if (!at(l, ")"))
		return expected(l, "',' or ')'");
	next(l);
	if (len == 0) { /* () too: upstream's parser takes it for one empty value */
		values = ARENA_ARRAY(l->arena, char *, 1);
		values[len++] = arena_strdup(l->arena, "");
	}
	return selector_add(l->arena, sel, key, op, len, values, l->err);
}

static int expected(struct lexer *l, const char *what)
{
	return error_set(l->err, ERR_BAD_REQUEST, "found '%.100s', expected: %s", l->token, what);
}

static void next(struct lexer *l)
{
	static const char specials[] = "=!(),<>", spaces[] = " \t\r\n";
	size_t len;

	l->p += strspn(l->p, spaces);
	l->is_word = false;
	if (!*l->p || strchr(specials, *l->p)) {
		len = *l->p ? 1 : 0;
		if ((l->p[0] == '=' || l->p[0] == '!') && l->p[1] == '=')
			len = 2;
	} else {
		l->is_word = true;
		len = strcspn(l->p, "=!(),<> \t\r\n");
	}
	l->token = arena_strndup(l->arena, l->p, len);
	l->p += len;
}

static bool at(const struct lexer *l, const char *symbol)
{
	return !l->is_word && strcmp(l->token, symbol) == 0;
}

static bool at_end_of_term(const struct lexer *l)
{
	return !*l->token || at(l, ",");
}

static bool is_label_text(const char *s, size_t len)
{
	if (len == 0 || len > NAME_MAX_LEN || !is_alphanumeric(s[0]) || !is_alphanumeric(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alphanumeric(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
	}
	return true;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_subdomain(const char *s, size_t len)
{
	char before = '.';

	if (len == 0 || len > PREFIX_MAX_LEN)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!plain && c != '-' && c != '.')
			return false;
		if (!plain && (before == '.' || (c == '.' && before == '-')))
			return false;
		before = c;
	}
	return before != '.' && before != '-';
}

static char *unescape(struct arena *arena, const char *s, size_t len)
{
	char *text = arena_alloc(arena, len + 1);
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len)
			i++;
		text[out++] = s[i];
	}
	return text;
}
