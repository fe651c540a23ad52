/*
 * extensions: CustomResourceDefinitions at work: their names and conditions, their types while the server
 * runs, and what happens to their objects when they go. Everything is derived from the definitions in the
 * watch cache.
 */
#ifndef CUBE_APISERVER_EXTENSIONS_EXTENSIONS_H
#define CUBE_APISERVER_EXTENSIONS_EXTENSIONS_H

#include "apiserver/server.h"

/* When the cache is filled and before requests are served: from here on the types of established definitions
 * are there. */
void extensions_start(struct api_server *server);
void extensions_done(struct api_server *server);

/* A delete of a definition: its objects go first, held by a finalizer. */
void extensions_mark_deleting(struct object *crd, int64_t now_s);

#endif
