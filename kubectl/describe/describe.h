/*
 * describe: what `kubectl describe` prints: one function a kind, text with tab-separated cells that is
 * aligned at the end, paragraph by paragraph. Kinds without a function of their own are printed member by
 * member.
 */
#ifndef CUBE_KUBECTL_DESCRIBE_DESCRIBE_H
#define CUBE_KUBECTL_DESCRIBE_DESCRIBE_H

#include "kubectl/kubectl.h"
#include "kubectl/tree.h"

struct mapping;
struct target;

struct describe {
	struct kubectl *k;
	struct arena *arena;
	struct buf out;
	const struct mapping *mapping;
	const struct json *object;
	bool show_events;
};

/* Prints one object, its tree filled, to standard output. */
int describe_object(struct kubectl *k, const struct target *target, bool show_events, struct error *err);

/* -- for the files of this folder
 * --------------------------------------------------------------------------------- */

/* level: indentation of two spaces each. */
void put(struct describe *d, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Text of a scalar at a path of the object; "" when absent. */
const char *text_at(struct describe *d, const char *path);
const char *text_or(struct describe *d, const char *path, const char *fallback);
/* "Name:", "Namespace:" (when it has one), "Labels:", "Annotations:". */
void put_head(struct describe *d);
/* A map one entry a line under one title: "Labels:\ta=b\n\tc=d\n"; <none> when empty. */
void put_labels(struct describe *d, int level, const char *title, const struct json *map);
void put_annotations(struct describe *d, int level, const char *title, const struct json *map);
const char *selector_text(struct describe *d, const struct json *map);      /* a=b,c=d or <none> */
const char *label_selector_text(struct describe *d, const struct json *ls); /* of a LabelSelector */
/* A ResourceList: "Limits:" and a line each. */
void put_resources(struct describe *d, int level, const char *title, const struct json *list);
const char *time_text(struct describe *d, const char *rfc3339); /* Mon, 02 Jan 2006 15:04:05 +0000 */
const char *controller_text(struct describe *d, const struct json *object); /* "ReplicaSet/web-1", or NULL */
void put_events(struct describe *d);
/* Lists of another kind in the object's namespace; NULL when it cannot be read. */
struct json *list_other(struct describe *d, const char *resource, const char *ns, const char *label_selector,
    const char *field_selector);
const char *plural_s(size_t n);

/* pod_template.c */
void put_containers(struct describe *d, int level, const char *title, const struct json *containers,
    const struct json *statuses);
void put_volumes(struct describe *d, int level, const struct json *volumes);
void put_pod_template(struct describe *d, const struct json *template);
void put_tolerations(struct describe *d, const char *title, const struct json *tolerations);
void put_node_selectors(struct describe *d, const struct json *spec);

/* role.c: a row for each resource of RBAC rules, verbs joined. */
void put_rules(struct describe *d, int level, const struct json *rules);

/* The kinds. */
void describe_pod(struct describe *d);
void describe_deployment(struct describe *d);
void describe_replica_set(struct describe *d);
void describe_stateful_set(struct describe *d);
void describe_daemon_set(struct describe *d);
void describe_job(struct describe *d);
void describe_cron_job(struct describe *d);
void describe_service(struct describe *d);
void describe_endpoints(struct describe *d);
void describe_endpoint_slice(struct describe *d);
void describe_priority_class(struct describe *d);
void describe_ingress(struct describe *d);
void describe_node(struct describe *d);
void describe_claim(struct describe *d);
void describe_volume(struct describe *d);
void describe_storage_class(struct describe *d);
void describe_namespace(struct describe *d);
void describe_config_map(struct describe *d);
void describe_secret(struct describe *d);
void describe_service_account(struct describe *d);
void describe_role(struct describe *d);
void describe_role_binding(struct describe *d);
void describe_autoscaler(struct describe *d);
void describe_generic(struct describe *d);

#endif
