/* secret_data: a Secret's entries as text. */
#ifndef CUBE_APISERVER_AUTH_SECRET_DATA_H
#define CUBE_APISERVER_AUTH_SECRET_DATA_H

#include <stddef.h>
#include <string.h>

#include "lib/base/arena.h"
#include "proto/core_v1.pb-c.h"

/* "" when absent. */
static inline const char *secret_text(struct arena *arena, const CoreV1__Secret *secret, const char *key)
{
	for (size_t i = 0; i < secret->n_data; i++)
		if (strcmp(secret->data[i]->key, key) == 0)
			return arena_strndup(
			    arena, (const char *)secret->data[i]->value.data, secret->data[i]->value.len);
	return "";
}

#endif
