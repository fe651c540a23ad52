/* Options of a request: from its query, and for deletes also from the body. */
#include <string.h>
#include <strings.h>

#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "lib/api/json.h"
#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static const char *query_text(struct api_request *req, const char *name)
{
	const char *v = http_request_query(req->http, name, 0);
	return v ? arena_strdup(req->arena, v) : "";
}

static bool query_bool(struct api_request *req, const char *name, bool *ret_given)
{
	const char *v = http_request_query(req->http, name, 0);
	if (ret_given)
		*ret_given = v != NULL;
	return v && strcasecmp(v, "false") != 0 && strcmp(v, "0") != 0;
}

static int query_int(
    struct api_request *req, const char *name, int64_t *ret, bool *ret_given, struct error *err)
{
	const char *v = http_request_query(req->http, name, 0);
	if (!v || !*v)
		return 0;
	if (!str_to_int64(v, ret))
		return error_set(err, ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"%s\": invalid syntax", v);
	if (ret_given)
		*ret_given = true;
	return 0;
}

static const char *options_kind(const struct api_request *req)
{
	switch (req->info.verb) {
	case API_CREATE:
		return "CreateOptions";
	case API_UPDATE:
		return "UpdateOptions";
	case API_PATCH:
		return "PatchOptions";
	case API_DELETE:
	case API_DELETECOLLECTION:
		return "DeleteOptions";
	default:
		return "ListOptions";
	}
}

static int invalid(struct api_request *req, enum field_error_type type, const char *field, const char *value,
    const char *detail, struct error *err)
{
	struct field_errors *errors = ARENA_NEW(req->arena, struct field_errors);
	field_errors_init(errors, req->arena);
	field_errors_add(errors, type, field, value, "%s", detail);
	return field_errors_to_error(errors, "meta.k8s.io", options_kind(req), "", err);
}

static int check_dry_run(struct api_request *req, const char *value, struct error *err)
{
	if (strcmp(value, "All") != 0)
		return invalid(req, FIELD_NOT_SUPPORTED, "dryRun", value, "supported values: \"All\"", err);
	req->options.dry_run = true;
	return 0;
}

static int check_propagation(struct api_request *req, struct error *err)
{
	const char *p = req->options.propagation;
	static const char *const known[] = {"Background", "Foreground", "Orphan", NULL};
	if (*p && !str_in(p, known))
		return invalid(req, FIELD_NOT_SUPPORTED, "propagationPolicy", p,
		    "supported values: \"Foreground\", \"Background\", \"Orphan\"", err);
	if (*p && req->options.has_orphan_dependents)
		return invalid(req, FIELD_INVALID, "propagationPolicy", p,
		    "orphanDependents and deletionPropagation cannot be both set", err);
	return 0;
}

static int parse_write(struct api_request *req, struct error *err)
{
	struct api_request_options *o = &req->options;
	const char *v;
	for (size_t i = 0; (v = http_request_query(req->http, "dryRun", i)); i++)
		if (check_dry_run(req, v, err))
			return -1;
	o->field_manager = query_text(req, "fieldManager");
	if (strlen(o->field_manager) > 128)
		return invalid(
		    req, FIELD_TOO_LONG, "fieldManager", "", "may not be more than 128 bytes", err);
	for (const char *p = o->field_manager; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return invalid(req, FIELD_INVALID, "fieldManager", o->field_manager,
			    "should only contain printable characters", err);
	v = query_text(req, "fieldValidation");
	if (!strcmp(v, "Strict"))
		o->field_validation = FIELD_VALIDATION_STRICT;
	else if (!strcmp(v, "Ignore"))
		o->field_validation = FIELD_VALIDATION_IGNORE;
	else if (*v && strcmp(v, "Warn") != 0)
		return invalid(req, FIELD_NOT_SUPPORTED, "fieldValidation", v,
		    "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"", err);
	o->force = query_bool(req, "force", &o->has_force);
	if (req->info.verb != API_DELETE && req->info.verb != API_DELETECOLLECTION)
		return 0;
	o->propagation = query_text(req, "propagationPolicy");
	o->orphan_dependents = query_bool(req, "orphanDependents", &o->has_orphan_dependents);
	o->ignore_store_read_error =
	    query_bool(req, "ignoreStoreReadErrorWithClusterBreakingPotential", NULL);
	if (query_int(req, "gracePeriodSeconds", &o->grace_period_s, &o->has_grace_period, err))
		return -1;
	return check_propagation(req, err);
}

int api_check_patch_options(struct api_request *req, struct error *err)
{
	bool is_apply = req->patch_type == PATCH_APPLY;
	if (is_apply && !*req->options.field_manager)
		return invalid(req, FIELD_REQUIRED, "fieldManager", "", "is required for apply patch", err);
	if (!is_apply && req->options.has_force)
		return invalid(
		    req, FIELD_FORBIDDEN, "force", "", "may not be specified for non-apply patch", err);
	return 0;
}

/* A watch that begins with what exists says so twice: sendInitialEvents and NotOlderThan. */
static int check_watch_match(struct api_request *req, struct error *err)
{
	const struct api_request_options *o = &req->options;
	const char *match = o->resource_version_match;
	if (!o->has_send_initial_events && !*match)
		return 0;
	if (!o->has_send_initial_events)
		return invalid(req, FIELD_FORBIDDEN, "resourceVersionMatch", "",
		    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided", err);
	if (strcmp(match, "NotOlderThan") != 0)
		return invalid(req, FIELD_FORBIDDEN, "resourceVersionMatch", "",
		    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan", err);
	if (!req->server->options->features.on[FEATURE_WatchList])
		return invalid(req, FIELD_FORBIDDEN, "sendInitialEvents", "",
		    "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
		    err);
	if (*o->continue_token)
		return invalid(req, FIELD_FORBIDDEN, "resourceVersionMatch", "",
		    "resourceVersionMatch is forbidden when continue is provided", err);
	return 0;
}

static int check_version_match(struct api_request *req, struct error *err)
{
	struct api_request_options *o = &req->options;
	const char *match = o->resource_version_match;
	if (req->info.verb == API_WATCH)
		return check_watch_match(req, err);
	if (o->has_send_initial_events)
		return invalid(req, FIELD_FORBIDDEN, "sendInitialEvents", "",
		    "sendInitialEvents is forbidden for list", err);
	if (!*match)
		return 0;
	if (strcmp(match, "Exact") != 0 && strcmp(match, "NotOlderThan"))
		return invalid(req, FIELD_NOT_SUPPORTED, "resourceVersionMatch", match,
		    "supported values: \"Exact\", \"NotOlderThan\", \"\"", err);
	if (!o->has_resource_version)
		return invalid(req, FIELD_FORBIDDEN, "resourceVersionMatch", "",
		    "resourceVersionMatch is forbidden unless resourceVersion is provided", err);
	if (*o->continue_token)
		return invalid(req, FIELD_FORBIDDEN, "resourceVersionMatch", "",
		    "resourceVersionMatch is forbidden when continue is provided", err);
	if (!strcmp(match, "Exact") && !strcmp(o->resource_version, "0"))
		return invalid(req, FIELD_FORBIDDEN, "resourceVersionMatch", "",
		    "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"", err);
	return 0;
}

/* Cluster-scoped kinds that name their fields leave metadata.namespace out; the others take it and match
 * nothing. */
static bool is_selectable(const struct resource_type *type, const char *field)
{
	bool names_fields = type->field_selectors || type->dynamic;
	if (!strcmp(field, "metadata.namespace"))
		return !names_fields || type->flags & RESOURCE_NAMESPACED;
	if (!strcmp(field, "metadata.name"))
		return true;
	return type->field_selectors && str_in(field, type->field_selectors);
}

static int parse_fields(struct api_request *req, struct error *err)
{
	struct api_request_options *o = &req->options;
	if (*o->field_selector_text &&
	    field_selector_parse(req->arena, o->field_selector_text, &o->fields, err))
		return -1;
	for (size_t i = 0; o->fields && i < o->fields->len; i++) {
		const char *field = o->fields->terms[i].field;
		if (req->type == resource_pods && !strcmp(field, "spec.host")) /* its name of long ago */
			o->fields->terms[i].field = field = "spec.nodeName";
		if (!is_selectable(req->type, field))
			return error_set(err, ERR_BAD_REQUEST, "field label not supported: %s", field);
	}
	return 0;
}

static int parse_list(struct api_request *req, struct error *err)
{
	struct api_request_options *o = &req->options;
	o->is_watch = req->info.verb == API_WATCH;
	o->label_selector_text = query_text(req, "labelSelector");
	o->field_selector_text = query_text(req, "fieldSelector");
	o->resource_version_match = query_text(req, "resourceVersionMatch");
	o->continue_token = query_text(req, "continue");
	o->allow_bookmarks = query_bool(req, "allowWatchBookmarks", NULL);
	o->send_initial_events = query_bool(req, "sendInitialEvents", &o->has_send_initial_events);
	if (query_int(req, "limit", &o->limit, NULL, err) ||
	    query_int(req, "timeoutSeconds", &o->timeout_s, NULL, err))
		return -1;
	if (*o->label_selector_text && selector_parse(req->arena, o->label_selector_text, &o->labels, err))
		return -1;
	if (o->labels && selector_is_everything(o->labels))
		o->labels = NULL;
	return parse_fields(req, err) || check_version_match(req, err) ? -1 : 0;
}

int api_parse_options(struct api_request *req, struct error *err)
{
	struct api_request_options *o = &req->options;
	o->resource_version = query_text(req, "resourceVersion");
	o->has_resource_version = *o->resource_version;
	const char *include = query_text(req, "includeObject");
	static const char *const includes[] = {"None", "Metadata", "Object", NULL};
	if (*include && req->output.as == AS_TABLE && !str_in(include, includes))
		return error_set(err, ERR_BAD_REQUEST,
		    "Table.includeObject: Invalid value: \"%s\": must be None, Metadata or Object", include);
	if (*include)
		req->output.include_object = include;
	switch (req->info.verb) {
	case API_GET:
		return 0;
	case API_LIST:
	case API_WATCH:
		return parse_list(req, err);
	case API_DELETECOLLECTION:
		return parse_list(req, err) || parse_write(req, err) ? -1 : 0;
	default:
		return parse_write(req, err);
	}
}

static int apply_delete_options(struct api_request *req, const MetaV1__DeleteOptions *body, struct error *err)
{
	struct api_request_options *o = &req->options;
	for (size_t i = 0; i < body->n_dry_run; i++)
		if (check_dry_run(req, body->dry_run[i], err))
			return -1;
	if (body->has_grace_period_seconds) {
		o->has_grace_period = true;
		o->grace_period_s = body->grace_period_seconds;
	}
	if (!str_empty(body->propagation_policy))
		o->propagation = body->propagation_policy;
	if (body->has_orphan_dependents) {
		o->has_orphan_dependents = true;
		o->orphan_dependents = body->orphan_dependents;
	}
	if (body->has_ignore_store_read_error_with_cluster_breaking_potential)
		o->ignore_store_read_error = body->ignore_store_read_error_with_cluster_breaking_potential;
	if (body->preconditions) {
		o->precondition_uid = body->preconditions->uid;
		o->precondition_rv = body->preconditions->resource_version;
	}
	return check_propagation(req, err);
}

int api_parse_delete_body(struct api_request *req, struct error *err)
{
	const struct schema *schema = schema_by_name("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
	const void *data = req->http->body;
	size_t size = req->http->body_size;
	ProtobufCMessage *msg = NULL;
	if (size == 0)
		return 0;
	int rc = 0;
	if (req->body_media == MEDIA_PROTOBUF) {
		struct codec_envelope envelope;
		rc = codec_open_envelope(req->arena, data, size, &envelope, err);
		if (!rc)
			rc = codec_from_proto(req->arena, schema, envelope.raw, envelope.raw_size, &msg, err);
	} else {
		struct json *tree = NULL;
		rc = req->body_media == MEDIA_YAML ? yaml_parse(req->arena, data, size, NULL, &tree, err)
						   : json_parse(req->arena, data, size, NULL, &tree, err);
		const char *kind = rc ? "" : json_get_string(tree, "kind", "");
		if (*kind && strcmp(kind, "DeleteOptions") != 0)
			return error_set(
			    err, ERR_BAD_REQUEST, "decoded object cannot be converted to DeleteOptions");
		if (!rc)
			rc = codec_from_json(req->arena, schema, tree, NULL, &msg, err);
	}
	if (rc) {
		err->code = ERR_BAD_REQUEST;
		return -1;
	}
	return apply_delete_options(req, (const MetaV1__DeleteOptions *)msg, err);
}
