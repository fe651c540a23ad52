/*
 * policy: which requests are audited, and how much of them is written down. A Policy of audit.k8s.io/v1 in
 * YAML or JSON, read once at the start; deciding is pure.
 *
 * The first rule that matches decides; a request that no rule matches is not audited. A rule matches when
 * each of its lists that is not empty does. The sense of the fields is that of upstream's reference,
 * "kube-apiserver Audit Configuration (v1)".
 */
#ifndef CUBE_APISERVER_AUDIT_POLICY_H
#define CUBE_APISERVER_AUDIT_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct audit_policy;
struct error;

enum audit_level { AUDIT_NONE, AUDIT_METADATA, AUDIT_REQUEST, AUDIT_REQUEST_RESPONSE, AUDIT_LEVELS };
enum audit_stage { AUDIT_REQUEST_RECEIVED, AUDIT_RESPONSE_STARTED, AUDIT_RESPONSE_COMPLETE, AUDIT_PANIC };

extern const char *const audit_level_names[]; /* end with NULL, as the next */
extern const char *const audit_stage_names[];

/* What is asked. Strings are never NULL; user is "" and groups NULL before somebody is authenticated. */
struct audit_attributes {
	const char *user;
	const char *const *groups; /* ends with NULL */
	const char *verb;
	bool is_resource; /* else only path counts */
	const char *group, *resource, *subresource, *ns, *name;
	const char *path;
};

struct audit_decision {
	enum audit_level level;
	unsigned omitted; /* stages that are not written: bits 1 << enum audit_stage */
	bool omit_managed_fields;
};

/*
 * Unknown and duplicate fields are refused, as are levels, stages and combinations that mean nothing: the
 * error lists all that is wrong, with field paths.
 */
int audit_policy_parse(const char *text, size_t size, struct audit_policy **ret, struct error *err);
int audit_policy_load(const char *file, struct audit_policy **ret, struct error *err); /* names the file */
void audit_policy_free(struct audit_policy *policy);

struct audit_decision audit_policy_decide(
    const struct audit_policy *policy, const struct audit_attributes *attributes);

#endif
