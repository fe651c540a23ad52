/* certificates.k8s.io/v1 CertificateSigningRequest. Who asks is filled in by admission. */
#include "lib/resources/csr_request.h"
#include "lib/resources/strategy.h"
#include "proto/certificates_v1.pb-c.h"

static const char *const usages[] = {"signing", "digital signature", "content commitment", "key encipherment",
    "key agreement", "data encipherment", "cert sign", "crl sign", "encipher only", "decipher only", "any",
    "server auth", "client auth", "code signing", "email protection", "s/mime", "ipsec end system",
    "ipsec tunnel", "ipsec user", "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc", NULL};

/* Why it is none, or NULL. */
static const char *request_error(const ProtobufCBinaryData *data)
{
	const char *why = NULL;
	struct csr_request *request = csr_request_parse(data->data, data->len, &why);

	if (request)
		why = NULL;
	csr_request_free(request);
	return why;
}

/* A domain of at least two labels, a slash, and a path of labels with dots between them. */
static void check_signer(const char *name, const struct field_path *p, struct field_errors *e)
{
	const char *slash = strchr(name, '/'), *dot = strchr(name, '.');
	const char *domain = slash ? arena_strndup(e->arena, name, (size_t)(slash - name)) : "";

	if (!rule_invalid_if(e, p, !slash || strchr(slash + 1, '/'), name,
		"must be a fully qualified domain and path of the form 'example.com/signer-name'"))
		return;
	if (slash - name > 253 || strlen(name) > 253 + 1 + 253 + 1 + 63)
		field_errors_at(e, FIELD_TOO_LONG, p, NULL, "may not be more than 253 bytes");
	for (const char *s = domain;; s += strcspn(s, ".") + 1) {
		size_t len = strcspn(s, ".");

		if (!rule_invalid_if(e, p, !format_is_dns_label(arena_strndup(e->arena, s, len)), name,
			"the domain must be DNS labels") ||
		    !s[len])
			break;
	}
	rule_invalid_if(e, p, !dot || dot > slash, name,
	    "should be a domain with at least two segments separated by dots");
	for (const char *s = slash + 1;; s += strcspn(s, ".") + 1) {
		size_t len = strcspn(s, ".");

		if (!rule_invalid_if(e, p, !format_is_dns_subdomain(arena_strndup(e->arena, s, len)), name,
			"the path must be DNS subdomains") ||
		    !s[len])
			break;
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CertificatesV1__CertificateSigningRequestSpec *spec =
	    MSG(CertificatesV1__CertificateSigningRequest, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	struct rule_seen seen = {0};
	const char *why;

	if (ctx->is_update)
		return;
	why = request_error(&spec->request);
	rule_invalid_if(e, CHILD(p, "request"), why != NULL, NULL, why);
	rule_required_that(e, CHILD(p, "usages"), spec->n_usages, "usages must be provided");
	for (size_t i = 0; i < spec->n_usages; i++) {
		rule_enum(e, AT(CHILD(p, "usages"), i), spec->usages[i], usages);
		if (rule_seen(&seen, e->arena, spec->usages[i]))
			rule_duplicate(e, AT(CHILD(p, "usages"), i), spec->usages[i]);
	}
	if (rule_required(e, CHILD(p, "signerName"), spec->signer_name)) {
		check_signer(spec->signer_name, CHILD(p, "signerName"), e);
		rule_invalid_if(e, CHILD(p, "signerName"),
		    !strcmp(spec->signer_name, "kubernetes.io/legacy-unknown"), spec->signer_name,
		    "the legacy signerName is not allowed via this API version");
	}
	if (spec->has_expiration_seconds)
		rule_invalid_if(e, CHILD(p, "expirationSeconds"), spec->expiration_seconds < 600, NULL,
		    "may not specify a duration less than 600 seconds (10 minutes)");
}

static const CertificatesV1__CertificateSigningRequestCondition *condition_of(
    const struct object *obj, const char *type)
{
	const CertificatesV1__CertificateSigningRequestStatus *s =
	    MSG(CertificatesV1__CertificateSigningRequest, obj)->status;

	for (size_t i = 0; s && i < s->n_conditions; i++)
		if (str_eq(s->conditions[i]->type, type))
			return s->conditions[i];
	return NULL;
}

/* Times that the writer left out: now, or for a status that stays, when it began. */
static void stamp_conditions(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	const CertificatesV1__CertificateSigningRequestStatus *s =
	    MSG(CertificatesV1__CertificateSigningRequest, obj)->status;

	for (size_t i = 0; s && i < s->n_conditions; i++) {
		CertificatesV1__CertificateSigningRequestCondition *c = s->conditions[i];
		const CertificatesV1__CertificateSigningRequestCondition *was = condition_of(old, c->type);

		if (!c->last_update_time)
			c->last_update_time = time_new(obj->arena, ctx->now_s);
		if (!c->last_transition_time && was && was->last_transition_time &&
		    str_eq(was->status, c->status))
			c->last_transition_time = api_clone(obj->arena, was->last_transition_time);
		if (!c->last_transition_time)
			c->last_transition_time = time_new(obj->arena, ctx->now_s);
	}
}

/* A request is what it was when it was made; an approval changes the conditions and nothing else. */
static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	CertificatesV1__CertificateSigningRequest *csr = MSG(CertificatesV1__CertificateSigningRequest, obj),
						  *was = MSG(CertificatesV1__CertificateSigningRequest, old);

	csr->spec = api_clone(obj->arena, was->spec);
	if (!str_eq(ctx->subresource, "approval") || !csr->status)
		return;
	CertificatesV1__CertificateSigningRequestStatus *sent = csr->status;
	csr->status = was->status ? api_clone(obj->arena, was->status) : sent;
	csr->status->conditions = sent->conditions;
	csr->status->n_conditions = sent->n_conditions;
	stamp_conditions(obj, old, ctx);
}

/* Decisions and failures are True or not there at all. */
static void check_conditions(const CertificatesV1__CertificateSigningRequestStatus *s,
    const struct field_path *p, struct field_errors *e)
{
	static const char *const only_true[] = {"Approved", "Denied", "Failed", NULL};
	struct rule_seen seen = {0};
	const char *decision = NULL;

	for (size_t i = 0; s && i < s->n_conditions; i++) {
		const CertificatesV1__CertificateSigningRequestCondition *c = s->conditions[i];
		const struct field_path *type = CHILD(AT(p, i), "type"), *status = CHILD(AT(p, i), "status");
		const char *name = str_or(c->type, "");

		rule_required(e, type, name);
		if (rule_required(e, status, c->status) && str_in(name, only_true))
			RULE_ENUM(e, status, c->status, "True");
		else if (!str_empty(c->status))
			RULE_ENUM(e, status, c->status, "False", "True", "Unknown");
		if (!strcmp(name, "Approved") || !strcmp(name, "Denied")) {
			rule_invalid_if(e, type, decision && strcmp(decision, name), name,
			    "Approved and Denied conditions are mutually exclusive");
			decision = name;
		}
		if (rule_seen(&seen, e->arena, name))
			rule_duplicate(e, type, name);
	}
}

/* A decision stands: approval may add one of the two, nothing may take one away, and the status as such is
 * for signers. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	static const char *const types[] = {"Approved", "Denied", "Failed"};
	const struct field_path *p = PATH_ROOT("status");

	for (size_t i = 0; i < 3; i++) {
		bool is_decision = i < 2;
		const CertificatesV1__CertificateSigningRequestCondition *c = condition_of(obj, types[i]),
									 *was = condition_of(old, types[i]);
		bool is_added = c && !was && is_decision && str_eq(ctx->subresource, "status");

		rule_forbidden_if(e, CHILD(p, "conditions"), (was && !c) || is_added,
		    arena_printf(e->arena, "updates may not %s a condition of type \"%s\"",
			is_added ? "add" : "remove", types[i]));
	}
	check_conditions(
	    MSG(CertificatesV1__CertificateSigningRequest, obj)->status, CHILD(p, "conditions"), e);
}

static const char *const field_names[] = {"spec.signerName", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	return MSG(CertificatesV1__CertificateSigningRequest, obj)->spec->signer_name;
}

static const char *condition_text(
    const CertificatesV1__CertificateSigningRequestStatus *s, struct arena *arena)
{
	bool approved = false, denied = false, failed = false;
	const char *text;

	for (size_t i = 0; i < s->n_conditions; i++) {
		approved = approved || str_eq(s->conditions[i]->type, "Approved");
		denied = denied || str_eq(s->conditions[i]->type, "Denied");
		failed = failed || str_eq(s->conditions[i]->type, "Failed");
	}
	text = denied ? "Denied" : approved ? "Approved" : "Pending";
	if (failed)
		text = arena_printf(arena, "%s,Failed", text);
	return s->certificate.len ? arena_printf(arena, "%s,Issued", text) : text;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_AGE, COLUMN("SignerName"),
    COLUMN("Requestor"), COLUMN("RequestedDuration"), COLUMN("Condition")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CertificatesV1__CertificateSigningRequest *csr =
	    MSG(CertificatesV1__CertificateSigningRequest, obj);

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_age(ctx, obj->meta->creation_timestamp);
	ret[2] = cell_or_none(ctx, csr->spec->signer_name);
	ret[3] = cell_text(ctx, csr->spec->username);
	ret[4] = cell_text(ctx,
	    csr->spec->has_expiration_seconds ? cell_since(ctx, csr->spec->expiration_seconds) : "<none>");
	ret[5] = cell_text(ctx, condition_text(csr->status, ctx->arena));
}

const struct resource_type csr_strategy = {.prepare_update = prepare_update,
    .prepare_status_update = stamp_conditions,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
