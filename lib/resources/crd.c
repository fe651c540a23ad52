/* apiextensions.k8s.io/v1 CustomResourceDefinition; its schemas are in crd_schema.c. */
#include "lib/resources/crd.h"

#include "lib/resources/strategy.h"
#include "lib/resources/webhooks.h"

typedef ApiextensionsV1__CustomResourceDefinitionSpec Spec;
typedef ApiextensionsV1__CustomResourceDefinitionVersion Version;

/* The version that is written is one that has been stored. */
static void note_stored_version(ApiextensionsV1__CustomResourceDefinition *crd, struct arena *arena)
{
	for (size_t i = 0; i < crd->spec->n_versions; i++) {
		bool known = false;

		for (size_t j = 0; j < crd->status->n_stored_versions && !known; j++)
			known = str_eq(crd->status->stored_versions[j], crd->spec->versions[i]->name);
		if (crd->spec->versions[i]->storage && !known)
			api_append(arena, crd->status, stored_versions, crd->spec->versions[i]->name);
	}
}

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	Spec *spec = MSG(ApiextensionsV1__CustomResourceDefinition, obj)->spec;

	if (!str_empty(spec->names->kind) && str_empty(spec->names->singular))
		spec->names->singular = str_lower(obj->arena, spec->names->kind);
	if (!str_empty(spec->names->kind) && str_empty(spec->names->list_kind))
		spec->names->list_kind = arena_printf(obj->arena, "%sList", spec->names->kind);
	if (!spec->conversion) {
		spec->conversion = API_NEW(obj->arena, apiextensions_v1__custom_resource_conversion);
		spec->conversion->strategy = (char *)"None";
	}
	if (!MSG(ApiextensionsV1__CustomResourceDefinition, obj)->status->n_stored_versions)
		note_stored_version(MSG(ApiextensionsV1__CustomResourceDefinition, obj), obj->arena);
}

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	note_stored_version(MSG(ApiextensionsV1__CustomResourceDefinition, obj), obj->arena);
}

static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	note_stored_version(MSG(ApiextensionsV1__CustomResourceDefinition, obj), obj->arena);
}

/* ".spec.replicas"; upstream looks no further than at its beginning. */
static bool is_simple_path(const char *path)
{
	return path[0] == '.';
}

static void check_column(const ApiextensionsV1__CustomResourceColumnDefinition *c, const struct field_path *p,
    struct field_errors *e)
{
	static const char *const types[] = {"boolean", "date", "integer", "number", "string", NULL};
	static const char *const formats[] = {
	    "byte", "date", "date-time", "double", "float", "int32", "int64", "password", NULL};

	rule_required(e, CHILD(p, "name"), c->name);
	if (rule_required(e, CHILD(p, "type"), c->type))
		rule_invalid_if(e, CHILD(p, "type"), !str_in(c->type, types), c->type,
		    "must be one of boolean,date,integer,number,string");
	if (!str_empty(c->format))
		rule_invalid_if(e, CHILD(p, "format"), !str_in(c->format, formats), c->format,
		    "must be one of byte,date,date-time,double,float,int32,int64,password");
	if (rule_required(e, CHILD(p, "JSONPath"), c->json_path))
		rule_invalid_if(e, CHILD(p, "JSONPath"), !is_simple_path(c->json_path), c->json_path,
		    "is an invalid path");
}

static void check_scale_path(
    const char *path, const char *under, const struct field_path *p, struct field_errors *e)
{
	if (!rule_required(e, p, path))
		return;
	rule_invalid_if(e, p, !is_simple_path(path) || !str_has_prefix(path, under), path,
	    arena_printf(e->arena, "should be a json path under %s", under));
}

static void check_subresources(
    const ApiextensionsV1__CustomResourceSubresources *s, const struct field_path *p, struct field_errors *e)
{
	const ApiextensionsV1__CustomResourceSubresourceScale *scale = s ? s->scale : NULL;
	const char *selector = scale ? scale->label_selector_path : NULL;

	if (!scale)
		return;
	p = CHILD(p, "scale");
	check_scale_path(scale->spec_replicas_path, ".spec.", CHILD(p, "specReplicasPath"), e);
	check_scale_path(scale->status_replicas_path, ".status.", CHILD(p, "statusReplicasPath"), e);
	if (!str_empty(selector))
		rule_invalid_if(e, CHILD(p, "labelSelectorPath"),
		    !is_simple_path(selector) ||
			(!str_has_prefix(selector, ".spec.") && !str_has_prefix(selector, ".status.")),
		    selector, "should be a json path under either .status or .spec");
}

static bool same_columns(const Version *a, const Version *b)
{
	if (a->n_additional_printer_columns != b->n_additional_printer_columns)
		return false;
	for (size_t i = 0; i < a->n_additional_printer_columns; i++)
		if (!api_equal(a->additional_printer_columns[i], b->additional_printer_columns[i]))
			return false;
	return true;
}

static const ApiextensionsV1__JSONSchemaProps *schema_of_version(const Version *v)
{
	return v->schema ? v->schema->open_api_v3_schema : NULL;
}

static bool has_status(const Version *v)
{
	return v->subresources && v->subresources->status;
}

/* Only a version that is going away has something to say about that: one line that can be printed. */
static void check_deprecation(const Version *v, const struct field_path *p, struct field_errors *e)
{
	const char *text = v->deprecation_warning;
	bool printable = true;

	for (const char *s = text; s && *s && printable; s++)
		printable = (unsigned char)*s >= ' ' && *s != 0x7f;
	rule_invalid_if(e, p, text && !v->deprecated, text, "can only be set for deprecated versions");
	if (text && v->deprecated)
		rule_invalid_if(e, p, !*text || strlen(text) > 256 || !printable, text,
		    "must be at most 256 printable characters and not empty");
}

/* What all versions agree on, upstream reports as the spec's own: once, and without the version's path. */
static void check_versions(const Spec *spec, const struct field_path *p, struct field_errors *e)
{
	bool same_schema = spec->n_versions > 0, same_sub = same_schema, same_cols = same_schema;
	bool any_status = false;

	for (size_t i = 1; i < spec->n_versions; i++) {
		same_schema = same_schema && api_equal(spec->versions[0]->schema, spec->versions[i]->schema);
		same_sub =
		    same_sub && api_equal(spec->versions[0]->subresources, spec->versions[i]->subresources);
		same_cols = same_cols && same_columns(spec->versions[0], spec->versions[i]);
	}
	for (size_t i = 0; i < spec->n_versions; i++)
		any_status = any_status || has_status(spec->versions[i]);
	for (size_t i = 0; i < spec->n_versions; i++) {
		const Version *v = spec->versions[i];
		const struct field_path *at = AT(CHILD(p, "versions"), i);

		rule_format(e, CHILD(at, "name"), v->name, "dns1035-label");
		check_deprecation(v, CHILD(at, "deprecationWarning"), e);
		rule_required_that(e, CHILD(CHILD(at, "schema"), "openAPIV3Schema"), schema_of_version(v),
		    "schemas are required");
		if ((i == 0 || !same_schema) && schema_of_version(v))
			crd_validate_schema(schema_of_version(v), same_schema ? any_status : has_status(v),
			    CHILD(same_schema ? CHILD(p, "validation") : CHILD(at, "schema"),
				"openAPIV3Schema"),
			    e);
		if (i == 0 || !same_sub)
			check_subresources(v->subresources,
			    same_sub ? CHILD(p, "subresources") : CHILD(at, "subresources"), e);
		for (size_t k = 0; (i == 0 || !same_cols) && k < v->n_additional_printer_columns; k++)
			check_column(v->additional_printer_columns[k],
			    AT(same_cols ? CHILD(p, "additionalPrinterColumns")
					 : CHILD(at, "additionalPrinterColumns"),
				k),
			    e);
	}
}

static void check_names(const ApiextensionsV1__CustomResourceDefinitionNames *n, const struct field_path *p,
    struct field_errors *e)
{
	rule_name(e, CHILD(p, "plural"), n->plural, "dns1035-label");
	rule_name(e, CHILD(p, "singular"), n->singular, "dns1035-label");
	if (rule_required(e, CHILD(p, "kind"), n->kind))
		rule_format(e, CHILD(p, "kind"), str_lower(e->arena, n->kind), "dns1035-label");
	if (rule_required(e, CHILD(p, "listKind"), n->list_kind)) {
		rule_format(e, CHILD(p, "listKind"), str_lower(e->arena, n->list_kind), "dns1035-label");
		rule_invalid_if(e, CHILD(p, "listKind"), str_eq(n->kind, n->list_kind), n->list_kind,
		    "kind and listKind may not be the same");
	}
	for (size_t i = 0; i < n->n_short_names; i++)
		rule_format(e, AT(CHILD(p, "shortNames"), i), n->short_names[i], "dns1035-label");
	for (size_t i = 0; i < n->n_categories; i++)
		rule_format(e, AT(CHILD(p, "categories"), i), n->categories[i], "dns1035-label");
}

static void check_review_versions(
    const ApiextensionsV1__WebhookConversion *w, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen seen = {0};
	bool known = false;

	if (!rule_required_that(e, p, w && w->n_conversion_review_versions, ""))
		return;
	for (size_t i = 0; i < w->n_conversion_review_versions; i++) {
		const char *v = w->conversion_review_versions[i];

		if (rule_invalid_if(e, AT(p, i), rule_seen(&seen, e->arena, v), v, "duplicate version"))
			rule_format(e, AT(p, i), v, "dns1035-label");
		known = known || !strcmp(v, "v1") || !strcmp(v, "v1beta1");
	}
	rule_invalid_if(e, p, !known, NULL, "must include at least one of v1, v1beta1");
}

static void check_conversion(const ApiextensionsV1__CustomResourceConversion *c, bool preserves,
    const struct field_path *p, struct field_errors *e)
{
	const ApiextensionsV1__WebhookClientConfig *client = c->webhook ? c->webhook->client_config : NULL;
	const struct field_path *at = CHILD(p, "webhookClientConfig");

	if (rule_required(e, CHILD(p, "strategy"), c->strategy))
		RULE_ENUM(e, CHILD(p, "strategy"), c->strategy, "None", "Webhook");
	if (!str_eq(c->strategy, "Webhook")) {
		rule_forbidden_if(e, at, client, "should not be set when strategy is not set to Webhook");
		rule_forbidden_if(e, CHILD(p, "conversionReviewVersions"),
		    c->webhook && c->webhook->n_conversion_review_versions,
		    "should not be set when strategy is not set to Webhook");
		return;
	}
	rule_invalid_if(e, CHILD(p, "strategy"), preserves, c->strategy,
	    "must be None if spec.preserveUnknownFields is true");
	check_review_versions(c->webhook, CHILD(p, "conversionReviewVersions"), e);
	if (!rule_required_that(e, at, client, "required when strategy is set to Webhook"))
		return;
	if (!client->url == !client->service)
		rule_required_that(e, at, false, "exactly one of url or service is required");
	else if (client->url)
		webhook_validate_url(client->url, CHILD(at, "url"), e);
	else
		webhook_validate_service(client->service->namespace_, client->service->name,
		    client->service->path, client->service->port, CHILD(at, "service"), e);
}

static void check_storage(
    const ApiextensionsV1__CustomResourceDefinition *crd, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};
	size_t storage = 0;
	bool duplicate = false;

	for (size_t i = 0; i < crd->spec->n_versions; i++) {
		storage += crd->spec->versions[i]->storage;
		duplicate =
		    rule_seen(&names, e->arena, str_or(crd->spec->versions[i]->name, "")) || duplicate;
	}
	rule_invalid_if(e, CHILD(p, "versions"), duplicate, NULL, "must contain unique version names");
	rule_invalid_if(e, CHILD(p, "versions"), storage != 1, NULL,
	    "must have exactly one version marked as storage version");
	rule_invalid_if(e, PATH_CHILD(PATH_ROOT("status"), "storedVersions"), !crd->status->n_stored_versions,
	    NULL, "must have at least one stored version");
	/* Objects may be stored in it still. */
	for (size_t i = 0; i < crd->status->n_stored_versions; i++) {
		const char *stored = crd->status->stored_versions[i];
		bool exists = false;

		for (size_t k = 0; k < crd->spec->n_versions && !exists; k++)
			exists = str_eq(crd->spec->versions[k]->name, stored);
		rule_invalid_if(e, AT(PATH_CHILD(PATH_ROOT("status"), "storedVersions"), i), !exists, stored,
		    "must appear in spec.versions");
	}
}

/* Groups that belong to the project: their definitions carry a link to where they were agreed upon (KEP
 * 1111). */
static void check_approval(const struct object *obj, const char *group, struct field_errors *e)
{
	const char *value = api_map_get(obj->meta, annotations, CRD_APPROVED_ANNOTATION);
	const struct field_path *p =
	    KEY(CHILD(PATH_ROOT("metadata"), "annotations"), CRD_APPROVED_ANNOTATION);

	if (!crd_is_protected_group(group))
		return;
	if (rule_required_that(e, p, !str_empty(value),
		"protected groups must have approval annotation \"api-approved.kubernetes.io\", see "
		"https://github.com/kubernetes/enhancements/pull/1111"))
		rule_invalid_if(e, p, !str_has_prefix(value, "unapproved") && !strstr(value, "://"), value,
		    "protected groups must have a link to the approval, or \"unapproved\"");
}

bool crd_is_protected_group(const char *group)
{
	return str_eq(group, "k8s.io") || str_eq(group, "kubernetes.io") ||
	       str_has_suffix(group, ".k8s.io") || str_has_suffix(group, ".kubernetes.io");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const ApiextensionsV1__CustomResourceDefinition *crd =
	    MSG(ApiextensionsV1__CustomResourceDefinition, obj);
	const Spec *spec = crd->spec;
	const struct field_path *p = PATH_ROOT("spec");
	const char *name =
	    arena_printf(e->arena, "%s.%s", str_or(spec->names->plural, ""), str_or(spec->group, ""));

	/* Names cannot change: on update it is the group or the plural that did, and is reported. */
	rule_invalid_if(e, CHILD(PATH_ROOT("metadata"), "name"),
	    !ctx->is_update && !str_eq(obj->meta->name, name), obj->meta->name,
	    "must be spec.names.plural+\".\"+spec.group");
	if (rule_required(e, CHILD(p, "group"), spec->group) &&
	    rule_format(e, CHILD(p, "group"), spec->group, "dns-subdomain"))
		rule_invalid_if(e, CHILD(p, "group"), !strchr(spec->group, '.'), spec->group,
		    "should be a domain with at least one dot");
	if (!ctx->is_update)
		check_approval(obj, spec->group, e);
	if (rule_required(e, CHILD(p, "scope"), spec->scope))
		RULE_ENUM(e, CHILD(p, "scope"), spec->scope, "Cluster", "Namespaced");
	rule_invalid_if(e, CHILD(p, "preserveUnknownFields"),
	    spec->preserve_unknown_fields && !ctx->is_update, "true", "must be false");
	check_names(spec->names, CHILD(p, "names"), e);
	check_storage(crd, p, e);
	check_versions(spec, p, e);
	if (spec->conversion)
		check_conversion(spec->conversion, spec->preserve_unknown_fields, CHILD(p, "conversion"), e);
}

static bool is_established(const ApiextensionsV1__CustomResourceDefinition *crd)
{
	for (size_t i = 0; i < crd->status->n_conditions; i++)
		if (str_eq(crd->status->conditions[i]->type, "Established"))
			return str_eq(crd->status->conditions[i]->status, "True");
	return false;
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const Spec *spec = MSG(ApiextensionsV1__CustomResourceDefinition, obj)->spec;
	const Spec *was = MSG(ApiextensionsV1__CustomResourceDefinition, old)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	if (is_established(MSG(ApiextensionsV1__CustomResourceDefinition, old))) {
		rule_immutable(e, CHILD(p, "scope"), str_eq(spec->scope, was->scope));
		rule_immutable(
		    e, CHILD(CHILD(p, "names"), "kind"), str_eq(spec->names->kind, was->names->kind));
	}
	rule_invalid_if(e, CHILD(p, "preserveUnknownFields"),
	    spec->preserve_unknown_fields && !was->preserve_unknown_fields, "true", "must be false");
	if (!str_eq(str_or(api_map_get(obj->meta, annotations, CRD_APPROVED_ANNOTATION), ""),
		str_or(api_map_get(old->meta, annotations, CRD_APPROVED_ANNOTATION), "")))
		check_approval(obj, spec->group, e);
	rule_immutable(e, CHILD(p, "group"), str_eq(spec->group, was->group));
	rule_immutable(
	    e, CHILD(CHILD(p, "names"), "plural"), str_eq(spec->names->plural, was->names->plural));
}

const struct resource_type crd_strategy = {.defaults = defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_update = validate_update};
