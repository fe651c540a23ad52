/* Which format a body has and which one the answer gets: Content-Type and Accept. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apiserver/pipeline.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

#define TYPE_JSON "application/json"
#define TYPE_YAML "application/yaml"
#define TYPE_PROTOBUF "application/vnd.kubernetes.protobuf"

struct clause { /* one element of an Accept header */
	const char *type, *as, *group, *version, *stream;
	double q;
	size_t order;
};

static char *trim(char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	size_t size = strlen(s);
	while (size && (s[size - 1] == ' ' || s[size - 1] == '\t'))
		s[--size] = '\0';
	return s;
}

static void parse_clause(struct arena *arena, const char *text, struct clause *ret)
{
	size_t len = 0;
	char **parts = str_split(arena, text, ';', &len);
	*ret = (struct clause){.type = str_lower(arena, trim(parts[0])),
	    .as = "",
	    .group = "",
	    .version = "",
	    .stream = "",
	    .q = 1};
	for (size_t i = 1; i < len; i++) {
		char *key = trim(parts[i]), *value = strchr(key, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(key, "as"))
			ret->as = value;
		else if (!strcmp(key, "g"))
			ret->group = value;
		else if (!strcmp(key, "v"))
			ret->version = value;
		else if (!strcmp(key, "stream"))
			ret->stream = value;
		else if (!strcmp(key, "q"))
			ret->q = strtod(value, NULL);
	}
}

static bool media_of(const char *type, enum media *ret)
{
	if (!strcmp(type, "*/*") || !strcmp(type, "application/*") || !strcmp(type, TYPE_JSON))
		*ret = MEDIA_JSON;
	else if (!strcmp(type, TYPE_YAML))
		*ret = MEDIA_YAML;
	else if (!strcmp(type, TYPE_PROTOBUF))
		*ret = MEDIA_PROTOBUF;
	else
		return false;
	return true;
}

static bool shape_of(
    const struct api_request *req, const struct clause *c, enum media media, struct api_output *ret)
{
	if (!*c->as) {
		ret->as = AS_OBJECT;
		return true;
	}
	bool is_v1 = !strcmp(c->version, "v1"), is_v1beta1 = !strcmp(c->version, "v1beta1");
	if (strcmp(c->group, "meta.k8s.io") != 0 || (!is_v1 && !is_v1beta1))
		return false;
	ret->is_v1beta1 = is_v1beta1;
	if (!strcmp(c->as, "Table"))
		ret->as = AS_TABLE;
	else if (!strcmp(c->as, "PartialObjectMetadata"))
		ret->as = AS_PARTIAL;
	else if (!strcmp(c->as, "PartialObjectMetadataList"))
		ret->as = AS_PARTIAL_LIST;
	else
		return false;
	bool is_virtual =
	    req->type && (req->type->flags & RESOURCE_VIRTUAL) && !(req->type->verbs & VERB_GET);
	return !is_virtual && !(ret->as == AS_TABLE && media == MEDIA_PROTOBUF);
}

static int by_q(const void *a, const void *b)
{
	const struct clause *x = a, *y = b;
	if (x->q != y->q)
		return x->q < y->q ? 1 : -1;
	return x->order < y->order ? -1 : 1;
}

static int not_acceptable(struct error *err)
{
	return error_set(err, ERR_NOT_ACCEPTABLE,
	    "only the following media types are accepted: " TYPE_JSON ", " TYPE_YAML ", " TYPE_PROTOBUF);
}

/* A list can not be one PartialObjectMetadata, nor an object a list of them. */
static int check_shape(const struct api_request *req, struct error *err)
{
	if (req->output.as == AS_PARTIAL && req->info.verb == API_LIST)
		return error_set(err, ERR_NOT_ACCEPTABLE,
		    "you requested PartialObjectMetadata, but the requested object is a list");
	if (req->output.as == AS_PARTIAL_LIST && req->info.verb != API_LIST && req->info.verb != API_WATCH)
		return error_set(err, ERR_NOT_ACCEPTABLE,
		    "you requested PartialObjectMetadataList, but the requested object is not a list");
	return 0;
}

int api_negotiate_output(struct api_request *req, struct error *err)
{
	const char *accept = http_request_header(req->http, "Accept");
	struct api_output *out = &req->output;
	const char *pretty = http_request_query(req->http, "pretty", 0);
	out->is_pretty = pretty && strcasecmp(pretty, "false") != 0 && strcmp(pretty, "0") != 0;
	if (str_empty(accept))
		return 0;
	size_t len = 0;
	bool has_asked_protobuf = false;
	char **texts = str_split(req->arena, accept, ',', &len);
	struct clause *clauses = ARENA_ARRAY(req->arena, struct clause, len);
	for (size_t i = 0; i < len; i++) {
		parse_clause(req->arena, texts[i], &clauses[i]);
		clauses[i].order = i;
	}
	qsort(clauses, len, sizeof *clauses, by_q);
	for (size_t i = 0; i < len; i++) {
		enum media media;
		if (clauses[i].q <= 0 || !media_of(clauses[i].type, &media) ||
		    !shape_of(req, &clauses[i], media, out))
			continue;
		if (media == MEDIA_PROTOBUF && req->type && !req->type->schema && out->as == AS_OBJECT) {
			has_asked_protobuf = true; /* custom resources have no protobuf form */
			continue;
		}
		out->media = media;
		out->is_stream = !strcmp(clauses[i].stream, "watch");
		return check_shape(req, err);
	}
	*out = (struct api_output){
	    .include_object = out->include_object, .media = has_asked_protobuf ? MEDIA_PROTOBUF : MEDIA_JSON};
	return not_acceptable(err);
}

static int unsupported(struct error *err, const char *list)
{
	return error_set(err, ERR_UNSUPPORTED_MEDIA,
	    "the body of the request was in an unknown format - accepted media types include: %s", list);
}

static int negotiate_patch(struct api_request *req, const char *type, struct error *err)
{
	static const struct {
		const char *type;
		enum patch_type patch;
	} patches[] = {{"application/json-patch+json", PATCH_JSON},
	    {"application/merge-patch+json", PATCH_MERGE},
	    {"application/strategic-merge-patch+json", PATCH_STRATEGIC},
	    {"application/apply-patch+yaml", PATCH_APPLY}};
	bool is_custom = req->type && !req->type->schema;
	for (size_t i = 0; i < 4; i++) {
		if (strcmp(type, patches[i].type) != 0 || (is_custom && patches[i].patch == PATCH_STRATEGIC))
			continue;
		req->patch_type = patches[i].patch;
		return 0;
	}
	return unsupported(err, is_custom
				    ? "application/json-patch+json, application/merge-patch+json, "
				      "application/apply-patch+yaml"
				    : "application/json-patch+json, application/merge-patch+json, "
				      "application/strategic-merge-patch+json, application/apply-patch+yaml");
}

int api_negotiate_body(struct api_request *req, struct error *err)
{
	const char *header = http_request_header(req->http, "Content-Type");
	struct clause c;
	parse_clause(req->arena, header ? header : "", &c);
	if (req->info.verb == API_PATCH)
		return negotiate_patch(req, c.type, err);
	if (!*c.type || !strcmp(c.type, "*/*"))
		return 0;
	if (!media_of(c.type, &req->body_media) || strchr(c.type, '*'))
		return unsupported(err, TYPE_JSON ", " TYPE_YAML ", " TYPE_PROTOBUF);
	return 0;
}

const char *api_content_type(const struct api_request *req)
{
	bool is_watch = req->info.verb == API_WATCH;
	switch (req->output.media) {
	case MEDIA_PROTOBUF:
		return is_watch ? TYPE_PROTOBUF ";stream=watch" : TYPE_PROTOBUF;
	case MEDIA_YAML:
		return TYPE_YAML;
	default:
		return is_watch && req->output.is_stream ? TYPE_JSON ";stream=watch" : TYPE_JSON;
	}
}
