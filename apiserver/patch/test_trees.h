/* test_trees: JSON texts as trees, and comparing them; for this folder's tests. */
#ifndef CUBE_APISERVER_PATCH_TEST_TREES_H
#define CUBE_APISERVER_PATCH_TEST_TREES_H

#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"

static inline struct json *parse_tree(struct arena *arena, const char *text)
{
	struct json *v = NULL;
	struct error err = ERROR_INIT;
	if (json_parse(arena, text, strlen(text), NULL, &v, &err))
		fail_msg("%s: %s", text, err.message);
	return v;
}

/* `what` names the case in the message. */
static inline void assert_tree(
    struct arena *arena, const char *what, const struct json *got, const char *want)
{
	struct buf text = BUF_INIT;
	json_write(&text, got, 0);
	if (!json_equal(got, parse_tree(arena, want)))
		fail_msg("%s:\n  got  %s\n  want %s", what, buf_str(&text), want);
	buf_done(&text);
}

/* The same, and the order of members and items counts. */
static inline void assert_text(const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s:\n  got  %s\n  want %s", what, got, want);
}

#endif
