/*
 * typed_custom: the same for custom resources, by the OpenAPI schema of their definition:
 * x-kubernetes-list-type, x-kubernetes-list-map-keys, x-kubernetes-map-type. What the schema does not
 * describe is free-form.
 */
#ifndef CUBE_APISERVER_PATCH_TYPED_CUSTOM_H
#define CUBE_APISERVER_PATCH_TYPED_CUSTOM_H

#include "apiserver/patch/typed.h"

/* Of a value that `schema` (may be NULL) describes. */
struct typed typed_custom(const struct json *schema);
struct typed typed_custom_member(const struct json *schema, const char *key);
struct typed typed_custom_item(const struct json *list_schema);
bool typed_custom_has_field(const struct json *schema, const char *key);
/* The keys of a list's items as an array of strings; NULL when it has none. */
const struct json *typed_custom_keys(const struct json *list_schema);
/* What an item without the key is taken to have, or NULL. */
const struct json *typed_custom_default_key(const struct json *list_schema, const char *key);

#endif
