/*
 * PodSecurity: namespaces choose by labels which Pod Security Standard their pods must keep (enforce), is
 * noted in the audit log (audit) or warned about (warn). Workloads that make pods are noted and warned about
 * only.
 */
#include "apiserver/admission/plugin.h"

#include "apiserver/admission/pod_security_checks.h"
#include "apiserver/audit/audit.h"
#include "lib/base/buf.h"
#include "proto/apps_v1.pb-c.h"
#include "proto/batch_v1.pb-c.h"

#define PREFIX "pod-security.kubernetes.io/"

static const char *const level_names[] = {"privileged", "baseline", "restricted", NULL};

struct policy {
	enum pod_security_level level;
	const char *version;
};

/* Unknown levels count as the strictest: a typing error must not open a namespace. */
static struct policy read_policy(const MetaV1__ObjectMeta *ns, const char *mode, struct arena *arena)
{
	const char *level = api_map_get(ns, labels, arena_printf(arena, PREFIX "%s", mode));
	const char *version = api_map_get(ns, labels, arena_printf(arena, PREFIX "%s-version", mode));
	struct policy p = {POD_SECURITY_PRIVILEGED, str_or(version, "latest")};

	if (!level)
		return p;
	p.level = POD_SECURITY_RESTRICTED;
	for (size_t i = 0; level_names[i]; i++)
		if (str_eq(level, level_names[i]))
			p.level = (enum pod_security_level)i;
	return p;
}

/* The pod that an object makes, NULL when it makes none. */
static const CoreV1__PodTemplateSpec *template_of(const struct object *obj)
{
#define TEMPLATE(Type, lower, expr)                                                                          \
	do {                                                                                                 \
		const Type *o = OBJECT_AS(obj, Type, lower);                                                 \
		if (o)                                                                                       \
			return o->expr;                                                                      \
	} while (0)
	TEMPLATE(AppsV1__Deployment, apps_v1__deployment, spec->template_);
	TEMPLATE(AppsV1__ReplicaSet, apps_v1__replica_set, spec->template_);
	TEMPLATE(AppsV1__StatefulSet, apps_v1__stateful_set, spec->template_);
	TEMPLATE(AppsV1__DaemonSet, apps_v1__daemon_set, spec->template_);
	TEMPLATE(BatchV1__Job, batch_v1__job, spec->template_);
	TEMPLATE(CoreV1__ReplicationController, core_v1__replication_controller, spec->template_);
	TEMPLATE(CoreV1__PodTemplate, core_v1__pod_template, template_);
	TEMPLATE(BatchV1__CronJob, batch_v1__cron_job, spec->job_template->spec->template_);
#undef TEMPLATE
	return NULL;
}

static void warn(struct api_request *req, const struct policy *p, const MetaV1__ObjectMeta *meta,
    const CoreV1__PodSpec *spec)
{
	struct buf why = BUF_INIT;

	pod_security_evaluate(p->level, meta, spec, &why);
	if (why.size > 0)
		api_warn(req, "would violate PodSecurity \"%s:%s\": %s", level_names[p->level], p->version,
		    buf_str(&why));
	buf_done(&why);
}

static void note(struct api_request *req, const struct policy *p, const MetaV1__ObjectMeta *meta,
    const CoreV1__PodSpec *spec)
{
	struct buf why = BUF_INIT;

	if (!req->audit || p->level == POD_SECURITY_PRIVILEGED)
		return;
	pod_security_evaluate(p->level, meta, spec, &why);
	if (why.size > 0)
		audit_annotate(req, PREFIX "audit-violations", "would violate PodSecurity \"%s:%s\": %s",
		    level_names[p->level], p->version, buf_str(&why));
	buf_done(&why);
}

static int enforce(struct api_request *req, const struct object *obj, const struct policy *p,
    const CoreV1__Pod *pod, struct error *err)
{
	struct buf why = BUF_INIT;
	int result = API_NEXT;

	pod_security_evaluate(p->level, pod->metadata, pod->spec, &why);
	if (why.size > 0)
		result = admission_forbid(req, obj, err, "violates PodSecurity \"%s:%s\": %s",
		    level_names[p->level], p->version, buf_str(&why));
	buf_done(&why);
	return result;
}

static bool is_version(const char *text)
{
	return str_eq(text, "latest") || (str_has_prefix(text, "v1.") && text[3] >= '0' && text[3] <= '9');
}

/* Labels that say nothing sensible are refused when they are set. */
static int check_labels(const struct object *obj, struct arena *arena, struct error *err)
{
	static const char *const modes[] = {"enforce", "audit", "warn", NULL};
	struct field_errors errors;

	field_errors_init(&errors, arena);
	for (size_t i = 0; modes[i]; i++) {
		const char *key = arena_printf(arena, PREFIX "%s", modes[i]);
		const char *version_key = arena_printf(arena, PREFIX "%s-version", modes[i]);
		const char *level = api_map_get(obj->meta, labels, key),
			   *version = api_map_get(obj->meta, labels, version_key);
		if (level && !str_in(level, level_names))
			field_errors_add(&errors, FIELD_INVALID,
			    arena_printf(arena, "metadata.labels[%s]", key), level,
			    "must be one of privileged, baseline, restricted");
		if (version && !is_version(version))
			field_errors_add(&errors, FIELD_INVALID,
			    arena_printf(arena, "metadata.labels[%s]", version_key), version,
			    "must be \"latest\" or \"v1.x\"");
	}
	return errors.len == 0 ? API_NEXT
			       : field_errors_to_error(&errors, "", "Namespace", object_name(obj), err);
}

/* Tightening a namespace tells which of its pods would not be let in again. */
struct existing {
	struct api_request *req;
	struct policy policy;
	struct buf names;
	size_t len;
};

static bool look_at_pod(void *arg, const struct object *obj)
{
	struct existing *e = arg;
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;
	struct buf why = BUF_INIT;

	pod_security_evaluate(e->policy.level, pod->metadata, pod->spec, &why);
	if (why.size > 0 && e->len++ < 10)
		buf_printf(&e->names, "%s%s: %s", e->names.size ? "; " : "", object_name(obj), buf_str(&why));
	buf_done(&why);
	return true;
}

static void warn_about_existing(struct api_request *req, const struct object *obj, const struct object *old)
{
	struct existing e = {.req = req, .policy = read_policy(obj->meta, "enforce", req->arena)};

	if (e.policy.level <= read_policy(old->meta, "enforce", req->arena).level)
		return;
	reader_each(auth_reader(req->server), resource_pods, object_name(obj), look_at_pod, &e);
	if (e.len > 0)
		api_warn(req,
		    "existing pods in namespace \"%s\" violate the new PodSecurity enforce level \"%s:%s\": "
		    "%s",
		    object_name(obj), level_names[e.policy.level], e.policy.version, buf_str(&e.names));
	buf_done(&e.names);
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const char *sub = str_or(req->info.subresource, "");
	bool is_namespace = !sub[0] && OBJECT_AS(obj, CoreV1__Namespace, core_v1__namespace);
	const CoreV1__Pod *pod = OBJECT_AS(obj, CoreV1__Pod, core_v1__pod);

	if (is_namespace) {
		if (check_labels(obj, req->arena, err) < 0)
			return API_FAIL;
		if (old)
			warn_about_existing(req, obj, old);
		return API_NEXT;
	}
	if (str_empty(req->info.ns) || (sub[0] && !str_eq(sub, "ephemeralcontainers")))
		return API_NEXT;
	/* What the standards look at in a pod's spec does not change after creation but for ephemeral
	 * containers. */
	if (pod && !is_create(req) && !sub[0])
		return API_NEXT;
	const CoreV1__PodTemplateSpec *template = pod ? NULL : template_of(obj);
	const struct object *ns =
	    pod || template ? reader_get(auth_reader(req->server), resource_namespaces, "", req->info.ns)
			    : NULL;
	if (!ns)
		return API_NEXT;
	const struct policy warned = read_policy(ns->meta, "warn", req->arena);
	const struct policy enforced = read_policy(ns->meta, "enforce", req->arena);
	const struct policy noted = read_policy(ns->meta, "audit", req->arena);
	if (template) {
		note(req, &noted, template->metadata, template->spec);
		if (warned.level != POD_SECURITY_PRIVILEGED)
			warn(req, &warned, template->metadata, template->spec);
		return API_NEXT;
	}
	audit_annotate(req, PREFIX "enforce-policy", "%s:%s", level_names[enforced.level], enforced.version);
	note(req, &noted, pod->metadata, pod->spec);
	if (enforced.level != POD_SECURITY_PRIVILEGED && enforce(req, obj, &enforced, pod, err) < 0)
		return API_FAIL;
	if (warned.level != POD_SECURITY_PRIVILEGED)
		warn(req, &warned, pod->metadata, pod->spec);
	return API_NEXT;
}

const struct admission_plugin admission_pod_security = {
    .name = "PodSecurity",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .validate = check,
};
