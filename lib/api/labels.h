/* labels: label selectors and field selectors, as text and as objects. */
#ifndef CUBE_API_LABELS_H
#define CUBE_API_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/meta_v1.pb-c.h"

struct arena;
struct error;

struct selector; /* lives in the arena it was made in */

/* "a=b,c!=d,e in (x,y),!f,g>1"; "" selects everything. Malformed text: ERR_BAD_REQUEST. */
int selector_parse(struct arena *arena, const char *text, struct selector **ret, struct error *err);
/* From a LabelSelector; NULL selects nothing, an empty one everything (upstream's LabelSelectorAsSelector).
 */
int selector_from_object(
    struct arena *arena, const MetaV1__LabelSelector *ls, struct selector **ret, struct error *err);
/* From a plain map such as service.spec.selector; an empty map selects nothing here: pass what upstream
 * means. */
struct selector *selector_from_map(struct arena *arena, size_t len, void *entries);
bool selector_matches(const struct selector *sel, const MetaV1__ObjectMeta *meta); /* by meta->labels */
bool selector_matches_map(const struct selector *sel, size_t len, void *entries);
bool selector_is_everything(const struct selector *sel);
const char *selector_format(struct arena *arena, const struct selector *sel);
/* If the selector requires key = value exactly, returns value (for indexes), else NULL. */
const char *selector_requires(const struct selector *sel, const char *key);

/* Field selectors: "a=b,c!=d", `\` escapes. */
struct field_term {
	const char *field, *value;
	bool equal;
};
struct field_selector {
	struct field_term *terms;
	size_t len;
};
int field_selector_parse(
    struct arena *arena, const char *text, struct field_selector **ret, struct error *err);

#endif
