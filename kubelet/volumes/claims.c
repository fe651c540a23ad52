#include "kubelet/volumes/claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/rest.h"
#include "lib/resources/resource.h"

struct claim {
	struct claims *owner;
	char *key, *uid, *ns, *name;
	const struct object *volume;
	char claim_uid[40];
	struct rest_call *call;
	struct error error;
};

struct claims {
	struct rest_client *client;
	struct strmap *by_key;
	void (*on_change)(void *arg, const char *uid);
	void *arg;
};

static void claim_free(void *p)
{
	struct claim *c = p;
	rest_cancel(c->call);
	object_unref(c->volume);
	free(c->key);
	free(c->uid);
	free(c->ns);
	free(c->name);
	free(c);
}

static void fail(struct claim *c, const char *message)
{
	error_clear(&c->error);
	error_set(&c->error, ERR_NOT_FOUND, "%s", message);
	c->owner->on_change(c->owner->arg, c->uid);
}

static void on_volume(void *arg, const struct rest_result *result)
{
	struct claim *c = arg;
	c->call = NULL;
	if (result->error) {
		fail(c, result->error->message);
		return;
	}
	const CoreV1__PersistentVolume *pv = (const CoreV1__PersistentVolume *)result->object->msg;
	if (!pv->spec->claim_ref || !str_eq(pv->spec->claim_ref->uid, c->claim_uid)) {
		fail(c, "the volume is bound to another claim");
		return;
	}
	c->volume = object_ref(result->object);
	c->owner->on_change(c->owner->arg, c->uid);
}

static void on_claim(void *arg, const struct rest_result *result)
{
	struct claim *c = arg;
	char text[400];
	c->call = NULL;
	if (result->error) {
		snprintf(text, sizeof text, "error processing PVC %s/%s: %.250s", c->ns, c->name,
		    result->error->message);
		fail(c, text);
		return;
	}
	const CoreV1__PersistentVolumeClaim *pvc = (const CoreV1__PersistentVolumeClaim *)result->object->msg;
	if (str_empty(pvc->spec->volume_name) || !str_eq(pvc->status->phase, "Bound")) {
		snprintf(text, sizeof text, "PVC %s/%s is not bound", c->ns, c->name);
		fail(c, text);
		return;
	}
	snprintf(c->claim_uid, sizeof c->claim_uid, "%s", pvc->metadata->uid);
	c->call = rest_send(c->owner->client,
	    REST_REQUEST(.verb = REST_GET, .type = resource_persistentvolumes,
		.name = pvc->spec->volume_name),
	    on_volume, c);
}

static void request(struct claim *c)
{
	c->call = rest_send(c->owner->client,
	    REST_REQUEST(.verb = REST_GET, .type = resource_persistentvolumeclaims, .ns = c->ns,
		.name = c->name),
	    on_claim, c);
}

struct claims *claims_new(
    struct rest_client *client, void (*on_change)(void *arg, const char *uid), void *arg)
{
	struct claims *claims = calloc(1, sizeof *claims);
	*claims = (struct claims){client, strmap_new(), on_change, arg};
	return claims;
}

void claims_free(struct claims *claims)
{
	if (!claims)
		return;
	strmap_free(claims->by_key, claim_free);
	free(claims);
}

int claims_get(struct claims *claims, const struct object *pod, const char *name,
    const CoreV1__PersistentVolume **ret, struct error *err)
{
	char key[512];
	snprintf(key, sizeof key, "%s/%s", pod->meta->uid, name);
	struct claim *c = strmap_get(claims->by_key, key);
	if (!c && !claims->client)
		return error_set(err, ERR_UNAVAILABLE, "no API server to ask for the claim");
	if (!c) {
		c = calloc(1, sizeof *c);
		*c = (struct claim){.owner = claims,
		    .key = strdup(key),
		    .uid = strdup(pod->meta->uid),
		    .ns = strdup(pod->meta->namespace_),
		    .name = strdup(name)};
		strmap_put(claims->by_key, key, c);
		request(c);
	}
	if (c->volume) {
		*ret = (const CoreV1__PersistentVolume *)c->volume->msg;
		return 0;
	}
	if (c->call)
		return 1;
	error_set(err, c->error.code, "%s", c->error.message);
	/* The next try asks anew. */
	strmap_remove(claims->by_key, key);
	claim_free(c);
	return -1;
}

void claims_remove_pod(struct claims *claims, const char *uid)
{
	strmap_for_each (claims->by_key, e) {
		struct claim *c = strmap_value(e);
		if (!str_eq(c->uid, uid))
			continue;
		strmap_remove(claims->by_key, c->key);
		claim_free(c);
	}
}
