/* yaml: YAML documents (libyaml) to JSON trees and back, with sigs.k8s.io/yaml's rules: 1.1 booleans, ints,
 * merge keys. */
#ifndef CUBE_API_YAML_H
#define CUBE_API_YAML_H

#include <stddef.h>

struct arena;
struct buf;
struct error;
struct json;
struct json_limits;

/*
 * Reads one document. Aliases are expanded within the size limit (no bombs). The error names line and column.
 */
int yaml_parse(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
    struct json **ret, struct error *err);
/*
 * Reads a stream of documents; empty ones are dropped. ret_lines[i] is the 1-based line at which document i
 * starts. JSON documents, also several concatenated, are accepted as kubectl accepts them.
 */
int yaml_parse_all(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
    struct json ***ret, size_t **ret_lines, size_t *ret_len, struct error *err);
/* Block style as kubectl -o yaml prints: keys sorted, two-space lists flush with the key, quotes only where
 * needed. */
void yaml_write(struct buf *out, const struct json *v);

#endif
