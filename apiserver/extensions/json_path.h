/*
 * json_path: the small part of JSONPath that definitions use in printer columns, scale and selectable fields:
 * names (with
 * \. for a dot), ['names'], [0], [-1], [*], [?(@.name=="text")]. Only the first match counts, as upstream has
 * it.
 */
#ifndef CUBE_APISERVER_EXTENSIONS_JSON_PATH_H
#define CUBE_APISERVER_EXTENSIONS_JSON_PATH_H

struct json;

/* NULL when nothing matches. path: ".spec.size" */
const struct json *json_path_first(const struct json *v, const char *path);

#endif
