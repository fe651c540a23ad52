/* custom_columns: -o custom-columns=HEADER:path,... ; the file form has headers in one line and paths in the
 * next. */
#ifndef CUBE_KUBECTL_PRINTERS_CUSTOM_COLUMNS_H
#define CUBE_KUBECTL_PRINTERS_CUSTOM_COLUMNS_H

#include <stdbool.h>

struct arena;
struct custom_columns;
struct error;
struct json;

int custom_columns_parse(
    struct arena *arena, const char *text, bool is_file, struct custom_columns **ret, struct error *err);
/* An object, or the items of a List. */
int custom_columns_print(struct arena *arena, const struct custom_columns *columns, const struct json *object,
    bool no_headers, struct error *err);

#endif
