/* label_syntax: what the parser and the matcher of label selectors share. */
#ifndef CUBE_API_LABEL_SYNTAX_H
#define CUBE_API_LABEL_SYNTAX_H

#include "lib/api/labels.h"

enum label_operator {
	LABEL_EQUALS,
	LABEL_NOT_EQUALS,
	LABEL_IN,
	LABEL_NOT_IN,
	LABEL_EXISTS,
	LABEL_ABSENT,
	LABEL_GREATER,
	LABEL_LESS
};

struct requirement {
	char *key;
	enum label_operator op;
	char **values; /* sorted */
	size_t values_len;
};

struct selector {
	struct requirement *requirements; /* all must hold; sorted by key */
	size_t len;
	bool nothing;
};

/* Checks and appends one requirement; everything is copied. ERR_BAD_REQUEST when key or values are not legal.
 */
int selector_add(struct arena *arena, struct selector *sel, const char *key, enum label_operator op,
    size_t len, char *const *values, struct error *err);
void selector_sort(struct selector *sel);
bool label_key_is_valid(const char *key);
bool label_value_is_valid(const char *value);

#endif
