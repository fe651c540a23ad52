/*
 * OwnerReferencesPermissionEnforcement: who blocks an owner's deletion needs the right to set the owner's
 * finalizers, and who changes owners needs the right to delete the object.
 */
#include "apiserver/admission/plugin.h"

static const MetaV1__OwnerReference *find_ref(const struct object *obj, const char *uid)
{
	for (size_t i = 0; obj && i < obj->meta->n_owner_references; i++)
		if (str_eq(obj->meta->owner_references[i]->uid, uid))
			return obj->meta->owner_references[i];
	return NULL;
}

static bool refs_equal(const struct object *x, const struct object *y)
{
	if (x->meta->n_owner_references != y->meta->n_owner_references)
		return false;
	for (size_t i = 0; i < x->meta->n_owner_references; i++)
		if (!api_equal(x->meta->owner_references[i], y->meta->owner_references[i]))
			return false;
	return true;
}

static const struct resource_type *type_of(struct api_request *req, const MetaV1__OwnerReference *ref)
{
	for (size_t i = 0; i < api_types_count(req->server); i++) {
		const struct resource_type *type = api_types_at(req->server, i);
		if (str_eq(type->kind, ref->kind) && str_eq(resource_api_version(type), ref->api_version))
			return type;
	}
	return NULL;
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	if (!obj || is_subresource(req) || (old && refs_equal(obj, old)))
		return API_NEXT;
	if (old && !auth_user_may(
		       req, "delete", req->info.group, req->info.resource, "", req->info.ns, req->info.name))
		return admission_forbid(
		    req, obj, err, "cannot set an ownerRef on a resource you can't delete");
	for (size_t i = 0; i < obj->meta->n_owner_references; i++) {
		const MetaV1__OwnerReference *ref = obj->meta->owner_references[i],
					     *was = find_ref(old, ref->uid);
		if (!ref->has_block_owner_deletion || !ref->block_owner_deletion ||
		    (was && was->has_block_owner_deletion && was->block_owner_deletion))
			continue;
		const struct resource_type *type = type_of(req, ref);
		if (!type)
			return admission_forbid(req, obj, err,
			    "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for "
			    "APIVersion %s Kind %s",
			    ref->api_version, ref->kind);
		const char *ns = type->flags & RESOURCE_NAMESPACED ? req->info.ns : "";
		if (!auth_user_may(req, "update", type->group, type->plural, "finalizers", ns, ref->name))
			return admission_forbid(req, obj, err,
			    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you "
			    "can't set finalizers on");
	}
	return API_NEXT;
}

const struct admission_plugin admission_owner_references_permission_enforcement = {
    .name = "OwnerReferencesPermissionEnforcement",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .is_off_by_default = true,
    .validate = check,
};
