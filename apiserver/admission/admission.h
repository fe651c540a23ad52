/*
 * admission: plugins that may change (mutate) or refuse (validate) a write after its body was decoded and
 * defaulted. plugins.def lists them in order: PLUGIN(symbol), one file each, `const struct admission_plugin
 * admission_SYMBOL`.
 */
#ifndef CUBE_APISERVER_ADMISSION_ADMISSION_H
#define CUBE_APISERVER_ADMISSION_ADMISSION_H

#include "apiserver/server.h"

enum admission_operation { ADMIT_CREATE = 1, ADMIT_UPDATE = 2, ADMIT_DELETE = 4, ADMIT_CONNECT = 8 };

/*
 * obj is the new object (NULL for delete), old what is stored (NULL for create). For subresources with a kind
 * of their own (Binding, Eviction, Scale, TokenRequest) obj is that kind. req->type, req->info.subresource,
 * req->user and req->options.dry_run say the rest. Hooks return API_NEXT, API_FAIL with err (ERR_FORBIDDEN,
 * ERR_INVALID, ...) or API_PENDING, and are then called again after api_request_resume().
 */
struct admission_plugin {
	const char *name;    /* upstream's: "NamespaceLifecycle" */
	uint32_t operations; /* admission_operation bits */
	bool is_off_by_default;
	int (*init)(struct api_server *server, struct error *err);
	int (*mutate)(
	    struct api_request *req, struct object *obj, const struct object *old, struct error *err);
	int (*validate)(
	    struct api_request *req, const struct object *obj, const struct object *old, struct error *err);
};

/* The operation that a request means to admission: a patch is an update, or a create when req->is_creating.
 */
enum admission_operation admission_operation_of(const struct api_request *req);

#endif
