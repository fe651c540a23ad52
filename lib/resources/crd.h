/* crd: the parts of a CustomResourceDefinition's validation. */
#ifndef CUBE_RESOURCES_CRD_H
#define CUBE_RESOURCES_CRD_H

#include "lib/resources/rules.h"
#include "proto/apiextensions_v1.pb-c.h"

struct json;

/* Like RE2: counts such as {1000}, multiplied where they nest, stay within a thousand: they are spelled out
 * when compiled. */
bool crd_pattern_is_bounded(const char *pattern);
#define CRD_APPROVED_ANNOTATION "api-approved.kubernetes.io"
bool crd_is_protected_group(const char *group);

/*
 * The schema of a version (`path` leads to openAPIV3Schema): well formed, structural, defaults that fit.
 * `has_status`: a version that it is for has the status subresource.
 */
void crd_validate_schema(const ApiextensionsV1__JSONSchemaProps *schema, bool has_status,
    const struct field_path *path, struct field_errors *errors);
/* Its part that makes a schema structural, from the root. */
void crd_validate_structure(const ApiextensionsV1__JSONSchemaProps *schema, const struct field_path *path,
    struct field_errors *errors);
/*
 * What a JSON value lacks of a schema's type and bounds is added to the errors. False when it has a field
 * that the schema does not know, which pruning would take away. For defaults.
 */
bool crd_check_value(const ApiextensionsV1__JSONSchemaProps *schema, const struct json *value,
    const struct field_path *path, struct field_errors *errors);

#endif
