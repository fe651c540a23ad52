/* sorting: --sort-by. */
#ifndef CUBE_KUBECTL_SORTING_H
#define CUBE_KUBECTL_SORTING_H

struct arena;
struct json;
struct jsonpath;

/* Sorts an array by what the path selects of each item, or of the item's member `member` when that is not
 * NULL. Stable. */
void sort_objects(struct arena *arena, struct json *items, const char *member, const struct jsonpath *path);

#endif
