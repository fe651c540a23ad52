/* yaml_resolve: what a plain YAML 1.1 scalar means, by the rules of go-yaml v2 (which sigs.k8s.io/yaml and
 * kubectl use). */
#ifndef CUBE_API_YAML_RESOLVE_H
#define CUBE_API_YAML_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/api/number.h"

enum yaml_meaning {
	YAML_STRING,
	YAML_NULL,
	YAML_TRUE,
	YAML_FALSE,
	YAML_NUMBER,     /* its JSON text is in `number` */
	YAML_NOT_FINITE, /* .inf, .nan: JSON has no such value */
	YAML_TIMESTAMP,  /* a string to JSON, but one that is quoted when written */
	YAML_MERGE       /* << */
};

/* A NUL follows the text, of any length. Numbers beyond every double are strings, as to Go's ParseFloat. */
enum yaml_meaning yaml_resolve(const char *text, size_t len, char number[NUMBER_TEXT_MAX]);
/* True when a string must be quoted to read back as this string; a NUL follows it. */
bool yaml_needs_quotes(const char *text, size_t len);

#endif
