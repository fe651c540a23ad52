/* Values that are no objects of their type. Requests about them say so, and everything else goes on. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/watchcache/internal.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

void watchcache_keep_unreadable(
    struct watchcache *cache, const char *key, int64_t revision, const char *message)
{
	size_t size = strlen(message) + 1;
	struct watchcache_unreadable *u = malloc(sizeof *u + size);
	if (!u)
		abort();
	u->revision = revision;
	memcpy(u->message, message, size);
	free(strmap_put(cache->unreadable, key, u));
}

void watchcache_forget_unreadable(struct watchcache *cache, const char *key)
{
	free(strmap_remove(cache->unreadable, key));
}

const struct watchcache_unreadable *watchcache_unreadable(
    struct api_server *server, const struct resource_type *type, const char *ns, const char *name)
{
	struct buf key = BUF_INIT;
	watchcache_storage_key(server, type, ns, name, &key);
	const struct watchcache_unreadable *found = strmap_get(server->cache->unreadable, buf_str(&key));
	buf_done(&key);
	return found;
}

size_t watchcache_count_unreadable(struct api_server *server, const struct resource_type *type,
    const char *ns, const struct watchcache_unreadable **ret)
{
	struct buf prefix = BUF_INIT;
	size_t len = 0;
	watchcache_storage_key(server, type, ns, NULL, &prefix);
	strmap_for_each (server->cache->unreadable, e) {
		if (!str_has_prefix(strmap_key(e), buf_str(&prefix)))
			continue;
		*ret = strmap_value(e);
		len++;
	}
	buf_done(&prefix);
	return len;
}
