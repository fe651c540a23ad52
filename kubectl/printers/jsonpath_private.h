/* jsonpath_private: the parsed form, made by jsonpath_parse.c and walked by jsonpath.c. */
#ifndef CUBE_KUBECTL_PRINTERS_JSONPATH_PRIVATE_H
#define CUBE_KUBECTL_PRINTERS_JSONPATH_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

enum step_type {
	STEP_ROOT,
	STEP_CURRENT,
	STEP_FIELD,
	STEP_WILDCARD,
	STEP_RECURSIVE,
	STEP_SLICE,
	STEP_FILTER,
	STEP_UNION,
	STEP_LITERAL
};
enum filter_op { FILTER_EXISTS, FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

struct step {
	enum step_type type;
	const char *name;
	int64_t from, to, stride;
	bool has_from, has_to, has_stride, is_slice;
	enum filter_op op;
	struct step *left, *right; /* of a filter; left: alternatives of a union */
	size_t left_len, right_len;
	const struct json *literal;
};

enum part_type { PART_TEXT, PART_EXPRESSION, PART_RANGE, PART_END };
struct part {
	enum part_type type;
	const char *text;
	struct step *steps;
	size_t len;
	size_t end; /* of a range: index of its PART_END */
};

struct jsonpath {
	struct part *parts;
	size_t len;
};

#endif
