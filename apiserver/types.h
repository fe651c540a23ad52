/* types: the list of served types behind api_find_type(). */
#ifndef CUBE_APISERVER_TYPES_H
#define CUBE_APISERVER_TYPES_H

#include "apiserver/server.h"

struct types;

struct types *types_new(void);
void types_free(struct types *types);
/* Changes whenever a type is added or removed: what was made from the list is stale then. */
uint64_t api_types_generation(const struct api_server *server);

#endif
