/* NamespaceLifecycle: nothing is created in a namespace that is missing or going away; three namespaces stay
 * for ever. */
#include "apiserver/admission/plugin.h"

static const char *const immortal[] = {"default", "kube-system", "kube-public", NULL};

static int refuse_terminating(
    struct api_request *req, const struct object *obj, const char *ns, struct error *err)
{
	struct field_errors *causes = ARENA_NEW(req->arena, struct field_errors);

	field_errors_init(causes, req->arena);
	field_errors_add(causes, FIELD_NAMESPACE_TERMINATING, "metadata.namespace", NULL,
	    "namespace %s is being terminated", ns);
	admission_forbid(
	    req, obj, err, "unable to create new content in namespace %s because it is being terminated", ns);
	err->causes = causes;
	return API_FAIL;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	enum admission_operation operation = admission_operation_of(req);
	bool is_namespace = str_eq(req->info.resource, "namespaces") && str_empty(req->info.group);
	const char *ns = req->info.ns;

	(void)old;
	if (operation == ADMIT_DELETE && is_namespace && str_in(req->info.name, immortal)) {
		error_set(err, ERR_FORBIDDEN,
		    "namespaces \"%s\" is forbidden: this namespace may not be deleted", req->info.name);
		error_about(err, "", "namespaces", req->info.name);
		return API_FAIL;
	}
	/* Reviews ask about a namespace without putting anything there. */
	if (is_namespace || str_empty(ns) || operation == ADMIT_DELETE ||
	    str_eq(req->info.resource, "localsubjectaccessreviews"))
		return API_NEXT;
	const struct object *namespace_ = reader_get(auth_reader(req->server), resource_namespaces, "", ns);
	if (!namespace_) {
		int rc = admission_refresh(req, err);
		return rc == API_NEXT ? admission_not_found("", "namespaces", ns, err) : rc;
	}
	if (operation != ADMIT_CREATE)
		return API_NEXT;
	const CoreV1__Namespace *n = OBJECT_AS(namespace_, CoreV1__Namespace, core_v1__namespace);
	if (object_is_deleting(namespace_) || (n && str_eq(n->status->phase, "Terminating")))
		return refuse_terminating(req, obj, ns, err);
	return API_NEXT;
}

const struct admission_plugin admission_namespace_lifecycle = {
    .name = "NamespaceLifecycle",
    .operations = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE,
    .mutate = admit,
};
