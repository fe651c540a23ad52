#include "apiserver/registry/identity.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apiserver/registry/internal.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "proto/coordination_v1.pb-c.h"

#define NAMESPACE "kube-system"
#define LABEL "apiserver.kubernetes.io/identity"
#define LABEL_VALUE "kube-apiserver"

enum { RENEW_MS = 10000, DURATION_S = 3600, COLLECT_MS = 3600 * 1000, HASH_SIZE = 16 };

struct identity {
	struct api_server *server;
	struct loop_timer *renew_timer, *collect_timer;
	bool is_busy;
	char hostname[256], name[IDENTITY_NAME_MAX], holder[IDENTITY_NAME_MAX + 40];
};

/* Each with its size before it, so that no two pairs look the same. */
static void hash_names(const char *hostname, unsigned char hash[SHA256_DIGEST_LENGTH])
{
	struct buf text = BUF_INIT;
	const char *const names[] = {hostname, LABEL_VALUE};
	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(names[i]);
		buf_putc(&text, (char)(size >> 8));
		buf_putc(&text, (char)size);
		buf_append(&text, names[i], size);
	}
	SHA256((const unsigned char *)text.data, text.size, hash);
	buf_done(&text);
}

const char *identity_name(const char *hostname, char out[IDENTITY_NAME_MAX])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char hash[SHA256_DIGEST_LENGTH];
	unsigned bits = 0;
	int n = 0;
	hash_names(hostname, hash);
	char *p = out + snprintf(out, IDENTITY_NAME_MAX, "apiserver-");
	for (size_t i = 0; i < HASH_SIZE; i++) {
		bits = bits << 8 | hash[i];
		for (n += 8; n >= 5; n -= 5)
			*p++ = digits[bits >> (n - 5) & 31];
	}
	if (n > 0)
		*p++ = digits[bits << (5 - n) & 31];
	*p = '\0';
	return out;
}

static void on_renewed(void *arg, const struct object *obj, const struct error *err)
{
	struct identity *id = arg;
	(void)obj;
	id->is_busy = false;
	if (err && err->code != ERR_CONFLICT && err->code != ERR_ALREADY_EXISTS)
		log_warning("the lease %s of this server is not renewed: %s", id->name, err->message);
}

static void renew(void *arg)
{
	struct identity *id = arg;
	const struct object *have = watchcache_lookup(id->server, resource_leases, NAMESPACE, id->name);
	if (id->is_busy)
		return;
	id->is_busy = true;
	struct object *obj = have ? object_clone(have) : object_new(resource_leases->schema);
	CoordinationV1__LeaseSpec *spec = ((CoordinationV1__Lease *)obj->msg)->spec;
	obj->meta->name = id->name;
	obj->meta->namespace_ = NAMESPACE;
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, LABEL, LABEL_VALUE);
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry,
	    "kubernetes.io/hostname", id->hostname);
	spec->holder_identity = id->holder;
	spec->has_lease_duration_seconds = true;
	spec->lease_duration_seconds = DURATION_S;
	spec->renew_time =
	    micro_time_new(obj->arena, clock_wall_s(loop_clock(id->server->loop)) * INT64_C(1000000000));
	if (have)
		registry_update(id->server, resource_leases, NULL, obj, on_renewed, id);
	else
		registry_create(id->server, resource_leases, obj, on_renewed, id);
	object_unref(obj);
}

static bool is_expired(const CoordinationV1__LeaseSpec *spec, int64_t now_s)
{
	return !spec->renew_time || !spec->has_lease_duration_seconds ||
	       spec->renew_time->seconds + spec->lease_duration_seconds < now_s;
}

static void collect(void *arg)
{
	struct identity *id = arg;
	struct watchcache_cursor cursor;
	const struct object *obj;
	int64_t now_s = clock_wall_s(loop_clock(id->server->loop));
	struct arena *arena = arena_new();
	const char
	    *names[64][2]; /* deletes change the cache: afterwards; more of them wait for the next time */
	size_t len = 0;
	watchcache_cursor_init(&cursor, id->server, resource_leases, NAMESPACE);
	while (len < 64 && (obj = watchcache_next(&cursor))) {
		if (!str_eq(api_map_get(obj->meta, labels, LABEL), LABEL_VALUE) ||
		    !is_expired(((const CoordinationV1__Lease *)obj->msg)->spec, now_s) ||
		    !strcmp(obj->meta->name, id->name))
			continue;
		names[len][0] = arena_strdup(arena, obj->meta->name);
		names[len++][1] = arena_strdup(arena, obj->meta->uid);
	}
	for (size_t i = 0; i < len; i++)
		registry_delete(id->server, resource_leases, NAMESPACE, names[i][0], names[i][1], NULL, NULL);
	arena_free(arena);
}

struct identity *identity_start(struct api_server *server)
{
	struct identity *id = calloc(1, sizeof *id);
	char uid[37];
	if (!id)
		abort();
	id->server = server;
	if (gethostname(id->hostname, sizeof id->hostname - 1))
		snprintf(id->hostname, sizeof id->hostname, "localhost");
	identity_name(id->hostname, id->name);
	str_uuid(uid);
	snprintf(id->holder, sizeof id->holder, "%s_%s", id->name, uid);
	id->renew_timer = loop_timer_new(server->loop, renew, id);
	id->collect_timer = loop_timer_new(server->loop, collect, id);
	loop_timer_start(id->renew_timer, 0, RENEW_MS);
	loop_timer_start(id->collect_timer, 0, COLLECT_MS);
	return id;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	loop_timer_free(identity->renew_timer);
	loop_timer_free(identity->collect_timer);
	free(identity);
}
