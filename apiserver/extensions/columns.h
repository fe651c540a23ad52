/* columns: what kubectl get prints of a custom resource: its definition's additionalPrinterColumns. */
#ifndef CUBE_APISERVER_EXTENSIONS_COLUMNS_H
#define CUBE_APISERVER_EXTENSIONS_COLUMNS_H

#include "lib/resources/resource.h"
#include "proto/apiextensions_v1.pb-c.h"

/* Fills type's columns: the name first, then the version's own; an age when it has none. */
void custom_columns(struct arena *arena, const ApiextensionsV1__CustomResourceDefinitionVersion *version,
    struct resource_type *type);
void custom_cells(const ApiextensionsV1__CustomResourceDefinitionVersion *version, const struct object *obj,
    const struct resource_context *ctx, struct json **cells);

#endif
