/* dynamic: the functions of all custom types, as the registry and lib/resources call them. */
#ifndef CUBE_APISERVER_EXTENSIONS_DYNAMIC_H
#define CUBE_APISERVER_EXTENSIONS_DYNAMIC_H

#include "lib/resources/resource.h"

extern const struct dynamic_type dynamic_functions;

#endif
