/* names: which of a definition's names it may have, and the conditions that say so. Pure. */
#ifndef CUBE_APISERVER_EXTENSIONS_NAMES_H
#define CUBE_APISERVER_EXTENSIONS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/apiextensions_v1.pb-c.h"

struct arena;

/* Names and kinds that other definitions of the group have been given. */
struct names_taken {
	const char **names, **kinds;
	size_t names_len, kinds_len;
};

void names_take(
    struct arena *arena, struct names_taken *taken, const ApiextensionsV1__CustomResourceDefinitionNames *n);
/* Has it all that it asks for? Then there is nothing to settle, whatever others have. */
bool names_are_settled(const ApiextensionsV1__CustomResourceDefinition *crd);
/* Brings the status of crd (whose parts live in arena) up to date. */
void names_settle(struct arena *arena, ApiextensionsV1__CustomResourceDefinition *crd,
    const struct names_taken *taken, int64_t now_s);

/* Conditions of a definition. */
bool crd_condition_is_true(const ApiextensionsV1__CustomResourceDefinition *crd, const char *type);
void crd_set_condition(struct arena *arena, ApiextensionsV1__CustomResourceDefinition *crd, const char *type,
    const char *status, const char *reason, const char *message, int64_t now_s);

#endif
