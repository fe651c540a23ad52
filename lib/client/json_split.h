/*
 * json_split: takes the JSON text of a list apart while it arrives. Each element of the top-level "items"
 * array is handed over as text of its own; the rest (apiVersion, kind, metadata) is kept with the array
 * emptied. So a list of any size needs memory for one item only. The parts are checked when they are parsed.
 */
#ifndef CUBE_CLIENT_JSON_SPLIT_H
#define CUBE_CLIENT_JSON_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

struct json_split {
	void (*on_item)(void *arg, const char *text, size_t size);
	void *arg;
	struct buf rest; /* the document without its items; complete after the last byte */
	struct buf item;
	int depth;
	bool in_string, in_escape, in_items;
};

void json_split_init(
    struct json_split *split, void (*on_item)(void *arg, const char *text, size_t size), void *arg);
void json_split_done(struct json_split *split);
void json_split_reset(struct json_split *split); /* for the next document */
void json_split_feed(struct json_split *split, const char *data, size_t size);
bool json_split_is_complete(const struct json_split *split); /* every bracket is closed */

#endif
