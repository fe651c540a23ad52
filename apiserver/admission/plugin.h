/* plugin: what the files of this folder share: refusing, reading the cache, and seeing an object as its
 * struct. */
#ifndef CUBE_APISERVER_ADMISSION_PLUGIN_H
#define CUBE_APISERVER_ADMISSION_PLUGIN_H

#include "apiserver/admission/admission.h"
#include "apiserver/auth/auth.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "proto/core_v1.pb-c.h"

/* A request's way through the plugins; req->admission_state. One that waits is called again, those before it
 * are not. */
struct admission_run {
	bool is_validating;
	size_t next;
	int64_t waits_since_ns;  /* when the plugin that waits was called first; 0: none waits */
	bool is_changed_by_hook; /* by a mutating webhook: the mutating plugins run once more */
	bool is_second_round;
	bool is_charged; /* to the quotas: a write that lost a race comes through again and is not charged
			    twice */
};

void webhook_metrics_init(struct api_server *server); /* webhook_metrics.c */
/* "CREATE", "UPDATE", "DELETE" or "CONNECT". */
const char *admission_operation_name(const struct api_request *req);
/* Fills the 403 `RESOURCE "NAME" is forbidden: TEXT` about the request's object. Returns API_FAIL. */
int admission_forbid(const struct api_request *req, const struct object *obj, struct error *err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/*
 * For a plugin that misses an object in the cache: another server may have written it a moment ago. The first
 * call makes the cache as new as the store: API_PENDING, then the plugin is called again; the second one in
 * its turn says API_NEXT: the object is really missing. Takes req->stage_state.
 */
int admission_refresh(struct api_request *req, struct error *err);
/* Fills the 404 of another object. Returns API_FAIL. */
int admission_not_found(const char *group, const char *resource, const char *name, struct error *err);
/* The name that the URL or the object gives; "" for a generated one. */
const char *admission_name(const struct api_request *req, const struct object *obj);

/* The message if obj is of this type, else NULL. */
static inline void *object_as(const struct object *obj, const ProtobufCMessageDescriptor *type)
{
	return obj && obj->msg && obj->msg->descriptor == type ? (void *)obj->msg : NULL;
}
#define OBJECT_AS(obj, Type, lower) ((Type *)object_as((obj), &lower##__descriptor))

static inline bool is_create(const struct api_request *req)
{
	return admission_operation_of(req) == ADMIT_CREATE;
}

static inline bool is_subresource(const struct api_request *req)
{
	return !str_empty(req->info.subresource);
}

/* The pod of a plain create or update, else NULL: most plugins look at these only. */
static inline CoreV1__Pod *pod_of(const struct api_request *req, const struct object *obj)
{
	return is_subresource(req) ? NULL : OBJECT_AS(obj, CoreV1__Pod, core_v1__pod);
}

#endif
