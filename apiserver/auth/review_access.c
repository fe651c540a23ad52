/* SubjectAccessReview and its kin: asking the authorizer about somebody, or oneself, without doing anything.
 */
#include "apiserver/auth/auth.h"
#include "apiserver/auth/rbac.h"

#include <stdio.h>
#include <string.h>

#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "proto/authorization_v1.pb-c.h"

#define GROUP "authorization.k8s.io"

/* The three kinds share these parts. */
struct review {
	const AuthorizationV1__ResourceAttributes *resource;
	const AuthorizationV1__NonResourceAttributes *path;
	AuthorizationV1__SubjectAccessReviewStatus **status;
	struct api_user user;
	bool names_user; /* the body says who; else the asker is meant */
};

static const char *const *list_of(struct arena *arena, size_t len, char **items)
{
	const char **list = ARENA_ARRAY(arena, const char *, len + 1);

	for (size_t i = 0; i < len; i++)
		list[i] = items[i];
	return list;
}

/* Made at once: to add one group after the other would be too slow for as many as fit into a body. */
static void user_of_spec(
    struct arena *arena, const AuthorizationV1__SubjectAccessReviewSpec *spec, struct review *r)
{
	user_init(arena, &r->user, spec->user, spec->uid);
	r->user.groups = list_of(arena, spec->n_groups, spec->groups);
	r->user.extra = ARENA_ARRAY(arena, struct api_user_extra, spec->n_extra);
	for (size_t i = 0; i < spec->n_extra; i++) {
		if (!spec->extra[i]->value || !spec->extra[i]->value->n_items)
			continue;
		r->user.extra[r->user.extra_len++] = (struct api_user_extra){.key = spec->extra[i]->key,
		    .values = list_of(arena, spec->extra[i]->value->n_items, spec->extra[i]->value->items)};
	}
	r->resource = spec->resource_attributes;
	r->path = spec->non_resource_attributes;
	r->names_user = true;
}

static void check_spec(const struct review *r, struct field_errors *errors)
{
	if (r->resource && r->path)
		field_errors_add(errors, FIELD_INVALID, "spec.nonResourceAttributes", "",
		    "cannot be specified in combination with resourceAttributes");
	if (!r->resource && !r->path)
		field_errors_add(errors, FIELD_INVALID, "spec.resourceAttributes", "",
		    "exactly one of nonResourceAttributes or resourceAttributes must be specified");
	if (r->names_user && str_empty(r->user.name) && !r->user.groups[0])
		field_errors_add(errors, FIELD_INVALID, "spec.user", "",
		    "at least one of user or group must be specified");
}

/* A selector is text or requirements, and not nothing. */
static void check_selector(
    const char *field, const char *raw, size_t requirements_len, struct field_errors *errors)
{
	char path[64];

	if (!str_empty(raw) && requirements_len) {
		snprintf(path, sizeof(path), "spec.resourceAttributes.%s.rawSelector", field);
		field_errors_add(errors, FIELD_INVALID, path, raw,
		    "may not be specified at the same time as requirements");
	}
	if (str_empty(raw) && !requirements_len) {
		snprintf(path, sizeof(path), "spec.resourceAttributes.%s.requirements", field);
		field_errors_add(errors, FIELD_REQUIRED, path, NULL,
		    "when %s is specified, requirements or rawSelector is required", field);
	}
}

static void check_requirement(const char *field, size_t i, const char *key, const char *operator_,
    size_t values_len, struct field_errors *errors)
{
	char path[96];
	bool has_values = str_eq(operator_, "In") || str_eq(operator_, "NotIn");
	bool has_none = str_eq(operator_, "Exists") || str_eq(operator_, "DoesNotExist");

	if (str_empty(key)) {
		snprintf(path, sizeof(path), "spec.resourceAttributes.%s.requirements[%zu].key", field, i);
		field_errors_add(errors, FIELD_REQUIRED, path, NULL, "must be specified");
	}
	snprintf(path, sizeof(path), "spec.resourceAttributes.%s.requirements[%zu].values", field, i);
	if (has_values && !values_len)
		field_errors_add(errors, FIELD_REQUIRED, path, NULL,
		    "must be specified when `operator` is 'In' or 'NotIn'");
	if (has_none && values_len)
		field_errors_add(errors, FIELD_FORBIDDEN, path, NULL,
		    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}

/* Operators that this server does not know are left to who asks. */
static void check_selectors(const AuthorizationV1__ResourceAttributes *a, struct field_errors *errors)
{
	const AuthorizationV1__FieldSelectorAttributes *f = a ? a->field_selector : NULL;
	const AuthorizationV1__LabelSelectorAttributes *l = a ? a->label_selector : NULL;

	if (f)
		check_selector("fieldSelector", f->raw_selector, f->n_requirements, errors);
	for (size_t i = 0; f && i < f->n_requirements; i++)
		check_requirement("fieldSelector", i, f->requirements[i]->key, f->requirements[i]->operator_,
		    f->requirements[i]->n_values, errors);
	if (l)
		check_selector("labelSelector", l->raw_selector, l->n_requirements, errors);
	for (size_t i = 0; l && i < l->n_requirements; i++)
		check_requirement("labelSelector", i, l->requirements[i]->key, l->requirements[i]->operator_,
		    l->requirements[i]->n_values, errors);
}

/* A review is not kept: it has no metadata but the namespace that it is about. */
static void check_meta(
    const MetaV1__ObjectMeta *meta, bool is_local, struct arena *arena, struct field_errors *errors)
{
	MetaV1__ObjectMeta given = *meta;

	given.n_managed_fields = 0;
	if (is_local)
		given.namespace_ = (char *)"";
	if (!api_equal(&given, API_NEW(arena, meta_v1__object_meta)))
		field_errors_add(errors, FIELD_INVALID, "metadata", "",
		    is_local ? "must be empty except for namespace" : "must be empty");
}

static void check_local(const struct review *r, const char *ns, struct field_errors *errors)
{
	if (r->resource && !str_eq(r->resource->namespace_, ns))
		field_errors_add(errors, FIELD_INVALID, "spec.resourceAttributes.namespace",
		    r->resource->namespace_, "must match metadata.namespace");
	if (r->path)
		field_errors_add(errors, FIELD_INVALID, "spec.nonResourceAttributes", "",
		    "disallowed on this kind of request");
}

/* "In" with one value and "NotIn" with one value are what a field selector can say; others widen the
 * question. */
static struct field_selector *fields_of(
    struct arena *arena, const AuthorizationV1__FieldSelectorAttributes *attributes)
{
	struct field_selector *fields = NULL;

	if (!attributes)
		return NULL;
	if (!str_empty(attributes->raw_selector))
		return field_selector_parse(arena, attributes->raw_selector, &fields, NULL) == 0 ? fields
												 : NULL;
	fields = ARENA_NEW(arena, struct field_selector);
	fields->terms = ARENA_ARRAY(arena, struct field_term, attributes->n_requirements);
	for (size_t i = 0; i < attributes->n_requirements; i++) {
		const MetaV1__FieldSelectorRequirement *q = attributes->requirements[i];
		if (q->n_values == 1 && (str_eq(q->operator_, "In") || str_eq(q->operator_, "NotIn")))
			fields->terms[fields->len++] =
			    (struct field_term){q->key, q->values[0], str_eq(q->operator_, "In")};
	}
	return fields;
}

static void attributes_of(struct arena *arena, const struct review *r, struct authz_attributes *a)
{
	*a = (struct authz_attributes){.user = &r->user,
	    .group = "",
	    .version = "",
	    .resource = "",
	    .subresource = "",
	    .ns = "",
	    .name = "",
	    .path = ""};
	if (r->path) {
		a->verb = str_or(r->path->verb, "");
		a->path = str_or(r->path->path, "");
		return;
	}
	a->is_resource = true;
	a->verb = str_or(r->resource->verb, "");
	a->group = str_or(r->resource->group, "");
	a->version = str_or(r->resource->version, "");
	a->resource = str_or(r->resource->resource, "");
	a->subresource = str_or(r->resource->subresource, "");
	a->ns = str_or(r->resource->namespace_, "");
	a->name = str_or(r->resource->name, "");
	a->fields = fields_of(arena, r->resource->field_selector);
}

/* False when the object is none of the kinds. */
static bool open_review(struct api_request *req, struct review *r)
{
	struct object *obj = req->object;

	r->user = req->user;
	if (obj->msg->descriptor == &authorization_v1__self_subject_access_review__descriptor) {
		AuthorizationV1__SelfSubjectAccessReview *m = (void *)obj->msg;
		r->resource = m->spec->resource_attributes;
		r->path = m->spec->non_resource_attributes;
		r->status = &m->status;
	} else if (obj->msg->descriptor == &authorization_v1__local_subject_access_review__descriptor) {
		AuthorizationV1__LocalSubjectAccessReview *m = (void *)obj->msg;
		user_of_spec(req->arena, m->spec, r);
		r->status = &m->status;
	} else if (obj->msg->descriptor == &authorization_v1__subject_access_review__descriptor) {
		AuthorizationV1__SubjectAccessReview *m = (void *)obj->msg;
		user_of_spec(req->arena, m->spec, r);
		r->status = &m->status;
	} else {
		return false;
	}
	return true;
}

int review_access(struct api_request *req, struct error *err)
{
	struct review r = {0};
	struct field_errors errors;
	struct authz_attributes a;
	const char *reason = "";

	if (!open_review(req, &r))
		return error_set(err, ERR_INTERNAL, "%s is no access review", req->object->kind);
	bool is_local =
	    req->object->msg->descriptor == &authorization_v1__local_subject_access_review__descriptor;
	field_errors_init(&errors, req->arena);
	check_spec(&r, &errors);
	check_selectors(r.resource, &errors);
	check_meta(req->object->meta, is_local, req->arena, &errors);
	if (is_local)
		check_local(&r, str_or(object_namespace(req->object), ""), &errors);
	if (errors.len > 0)
		return field_errors_to_error(&errors, GROUP, "", "", err);

	attributes_of(req->arena, &r, &a);
	enum authz_decision decision =
	    authorizer_decide(req->server->auth->authorizer, &a, req->arena, &reason);
	AuthorizationV1__SubjectAccessReviewStatus *status =
	    API_NEW(req->object->arena, authorization_v1__subject_access_review_status);
	status->has_allowed = true;
	status->allowed = decision == AUTHZ_ALLOW;
	status->has_denied = true;
	status->denied = decision == AUTHZ_DENY;
	status->reason = arena_strdup(req->object->arena, reason);
	*r.status = status;
	return API_NEXT;
}

struct rules_walk {
	struct arena *arena;
	AuthorizationV1__SubjectRulesReviewStatus *status;
};

static void copy_list(struct arena *arena, size_t len, char *const *items, size_t *ret_len, char ***ret_items)
{
	char **copy = ARENA_ARRAY(arena, char *, len + 1);

	for (size_t i = 0; i < len; i++)
		copy[i] = arena_strdup(arena, items[i]);
	*ret_len = len;
	*ret_items = copy;
}

static bool add_rule(void *arg, const RbacV1__PolicyRule *rule)
{
	struct rules_walk *w = arg;

	if (rule->n_resources > 0) {
		AuthorizationV1__ResourceRule *r = API_NEW(w->arena, authorization_v1__resource_rule);
		copy_list(w->arena, rule->n_verbs, rule->verbs, &r->n_verbs, &r->verbs);
		copy_list(w->arena, rule->n_api_groups, rule->api_groups, &r->n_api_groups, &r->api_groups);
		copy_list(w->arena, rule->n_resources, rule->resources, &r->n_resources, &r->resources);
		copy_list(w->arena, rule->n_resource_names, rule->resource_names, &r->n_resource_names,
		    &r->resource_names);
		api_append(w->arena, w->status, resource_rules, r);
	}
	if (rule->n_non_resource_urls > 0) {
		AuthorizationV1__NonResourceRule *r = API_NEW(w->arena, authorization_v1__non_resource_rule);
		copy_list(w->arena, rule->n_verbs, rule->verbs, &r->n_verbs, &r->verbs);
		copy_list(w->arena, rule->n_non_resource_urls, rule->non_resource_urls,
		    &r->n_non_resource_urls, &r->non_resource_urls);
		api_append(w->arena, w->status, non_resource_rules, r);
	}
	return true;
}

static void add_everything(struct rules_walk *w)
{
	char *star[] = {(char *)"*"};
	RbacV1__PolicyRule all = {.n_verbs = 1,
	    .verbs = star,
	    .n_api_groups = 1,
	    .api_groups = star,
	    .n_resources = 1,
	    .resources = star,
	    .n_non_resource_urls = 1,
	    .non_resource_urls = star};

	add_rule(w, &all);
}

int review_rules(struct api_request *req, struct error *err)
{
	AuthorizationV1__SelfSubjectRulesReview *review = (void *)req->object->msg;
	struct arena *arena = req->object->arena;
	struct rules_walk w = {arena, API_NEW(arena, authorization_v1__subject_rules_review_status)};
	const struct rbac *rbac = authorizer_rbac(req->server->auth->authorizer);
	const char *missing = "", *ns = review->spec->namespace_;

	if (str_empty(ns))
		return error_set(err, ERR_BAD_REQUEST, "no namespace on request");
	if (authorizer_allows_all(req->server->auth->authorizer))
		add_everything(&w);
	if (rbac) {
		rbac_visit_rules(rbac, &req->user, ns, add_rule, &w);
		missing = rbac_missing_roles(rbac, &req->user, ns, arena);
	}
	if (user_node_name(&req->user)) {
		missing = "node authorizer does not support user rule resolution";
		w.status->incomplete = true;
	}
	w.status->has_incomplete = true;
	w.status->evaluation_error = arena_strdup(arena, missing);
	review->status = w.status;
	return API_NEXT;
}
