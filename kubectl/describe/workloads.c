/* Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, autoscalers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/describe/describe.h"
#include "kubectl/rollout.h"
#include "lib/api/values.h"

static long long number(struct describe *d, const char *path)
{
	return (long long)tree_int(d->object, path, 0);
}

static void put_conditions(struct describe *d)
{
	const struct json *conditions = tree_at(d->object, "status.conditions");
	if (!tree_len(conditions))
		return;
	put(d, 0, "Conditions:\n  Type\tStatus\tReason\n");
	put(d, 0, "  ----\t------\t------\n");
	tree_for_each(conditions, c) put(d, 0, "  %s \t%s\t%s\n", json_get_string(c, "type", ""),
	    json_get_string(c, "status", ""), json_get_string(c, "reason", ""));
}

/* Pods that the object owns, by phase. */
static void put_pod_phases(struct describe *d)
{
	static const char *const phases[] = {"Running", "Pending", "Succeeded", "Failed"};
	long long counts[4] = {0};
	const struct json *selector = tree_at(d->object, "spec.selector");
	bool is_plain =
	    selector && !json_get(selector, "matchLabels") && !json_get(selector, "matchExpressions");
	const char *labels = is_plain ? selector_text(d, selector) : label_selector_text(d, selector);
	const struct json *pods =
	    list_other(d, "pods", tree_namespace(d->object), labels[0] == '<' ? NULL : labels, NULL);
	tree_for_each(pods, pod)
	{
		bool owned = false;
		tree_for_each(tree_at(pod, "metadata.ownerReferences"), owner) owned =
		    owned || str_eq(json_get_string(owner, "uid", ""), text_at(d, "metadata.uid"));
		for (size_t i = 0; owned && i < 4; i++)
			counts[i] += str_eq(tree_text(pod, "status.phase", ""), phases[i]);
	}
	put(d, 0, "Pods Status:\t%lld Running / %lld Waiting / %lld Succeeded / %lld Failed\n", counts[0],
	    counts[1], counts[2], counts[3]);
}

static const char *sets_text(struct describe *d, struct json *const *sets, size_t len)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < len; i++)
		buf_printf(&out, "%s%s (%lld/%lld replicas created)", i ? ", " : "", tree_name(sets[i]),
		    (long long)tree_int(sets[i], "status.replicas", 0),
		    (long long)tree_int(sets[i], "spec.replicas", 1));
	const char *text = len ? arena_strdup(d->arena, buf_str(&out)) : "<none>";
	buf_done(&out);
	return text;
}

static void put_replica_sets(struct describe *d)
{
	struct json **sets, *current = NULL;
	size_t len, old = 0;
	struct error ignored = ERROR_INIT;
	if (rollout_replica_sets(d->k, d->object, &sets, &len, &ignored) || !len)
		return;
	current = rollout_current_set(d->object, sets, len);
	struct json **others = ARENA_ARRAY(d->arena, struct json *, len + 1);
	for (size_t i = 0; i < len; i++)
		if (sets[i] != current)
			others[old++] = sets[i];
	put(d, 0, "OldReplicaSets:\t%s\n", sets_text(d, others, old));
	put(d, 0, "NewReplicaSet:\t%s\n", sets_text(d, &current, current ? 1 : 0));
}

void describe_deployment(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put(d, 0, "CreationTimestamp:\t%s\n", time_text(d, text_at(d, "metadata.creationTimestamp")));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "Selector:\t%s\n", label_selector_text(d, tree_at(d->object, "spec.selector")));
	put(d, 0, "Replicas:\t%lld desired | %lld updated | %lld total | %lld available | %lld unavailable\n",
	    number(d, "spec.replicas"), number(d, "status.updatedReplicas"), number(d, "status.replicas"),
	    number(d, "status.availableReplicas"), number(d, "status.unavailableReplicas"));
	put(d, 0, "StrategyType:\t%s\n", text_at(d, "spec.strategy.type"));
	put(d, 0, "MinReadySeconds:\t%lld\n", number(d, "spec.minReadySeconds"));
	if (tree_at(d->object, "spec.strategy.rollingUpdate"))
		put(d, 0, "RollingUpdateStrategy:\t%s max unavailable, %s max surge\n",
		    text_at(d, "spec.strategy.rollingUpdate.maxUnavailable"),
		    text_at(d, "spec.strategy.rollingUpdate.maxSurge"));
	put_pod_template(d, tree_at(d->object, "spec.template"));
	put_conditions(d);
	put_replica_sets(d);
	put_events(d);
}

void describe_replica_set(struct describe *d)
{
	const struct json *selector = tree_at(d->object, "spec.selector");
	bool is_rc = str_eq(json_get_string(d->object, "kind", ""), "ReplicationController");
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put(d, 0, "Selector:\t%s\n", is_rc ? selector_text(d, selector) : label_selector_text(d, selector));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	if (controller_text(d, d->object))
		put(d, 0, "Controlled By:\t%s\n", controller_text(d, d->object));
	put(d, 0, "Replicas:\t%lld current / %lld desired\n", number(d, "status.replicas"),
	    number(d, "spec.replicas"));
	put_pod_phases(d);
	put_pod_template(d, tree_at(d->object, "spec.template"));
	put_conditions(d);
	put_events(d);
}

static void put_claim_templates(struct describe *d)
{
	const struct json *claims = tree_at(d->object, "spec.volumeClaimTemplates");
	put(d, 0, tree_len(claims) ? "Volume Claims:\n" : "Volume Claims:\t<none>\n");
	tree_for_each(claims, claim)
	{
		put(d, 1, "Name:\t%s\n", tree_name(claim));
		put(d, 1, "StorageClass:\t%s\n", tree_text(claim, "spec.storageClassName", ""));
		put_labels(d, 1, "Labels", tree_at(claim, "metadata.labels"));
		put_annotations(d, 1, "Annotations", tree_at(claim, "metadata.annotations"));
		put(d, 1, "Capacity:\t%s\n",
		    tree_show_at(d->arena, claim, "spec.resources.requests.storage", "<default>"));
		put(d, 1, "Access Modes:\t[%s]\n",
		    tree_len(tree_at(claim, "spec.accessModes"))
			? tree_at(claim, "spec.accessModes")->items[0]->text
			: "");
	}
}

void describe_stateful_set(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put(d, 0, "CreationTimestamp:\t%s\n", time_text(d, text_at(d, "metadata.creationTimestamp")));
	put(d, 0, "Selector:\t%s\n", label_selector_text(d, tree_at(d->object, "spec.selector")));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "Replicas:\t%lld desired | %lld total\n", number(d, "spec.replicas"),
	    number(d, "status.replicas"));
	put(d, 0, "Update Strategy:\t%s\n", text_at(d, "spec.updateStrategy.type"));
	if (tree_at(d->object, "spec.updateStrategy.rollingUpdate.partition"))
		put(d, 1, "Partition:\t%s\n", text_at(d, "spec.updateStrategy.rollingUpdate.partition"));
	put_pod_phases(d);
	put_pod_template(d, tree_at(d->object, "spec.template"));
	put_claim_templates(d);
	put_conditions(d);
	put_events(d);
}

void describe_daemon_set(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put(d, 0, "Selector:\t%s\n", label_selector_text(d, tree_at(d->object, "spec.selector")));
	put(d, 0, "Node-Selector:\t%s\n",
	    selector_text(d, tree_at(d->object, "spec.template.spec.nodeSelector")));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "Desired Number of Nodes Scheduled: %lld\n", number(d, "status.desiredNumberScheduled"));
	put(d, 0, "Current Number of Nodes Scheduled: %lld\n", number(d, "status.currentNumberScheduled"));
	put(d, 0, "Number of Nodes Scheduled with Up-to-date Pods: %lld\n",
	    number(d, "status.updatedNumberScheduled"));
	put(d, 0, "Number of Nodes Scheduled with Available Pods: %lld\n",
	    number(d, "status.numberAvailable"));
	put(d, 0, "Number of Nodes Misscheduled: %lld\n", number(d, "status.numberMisscheduled"));
	put_pod_phases(d);
	put_pod_template(d, tree_at(d->object, "spec.template"));
	put_events(d);
}

void describe_job(struct describe *d)
{
	char out[TIME_TEXT_MAX];
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put(d, 0, "Selector:\t%s\n", label_selector_text(d, tree_at(d->object, "spec.selector")));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	if (controller_text(d, d->object))
		put(d, 0, "Controlled By:\t%s\n", controller_text(d, d->object));
	put(d, 0, "Parallelism:\t%s\n", text_or(d, "spec.parallelism", "<unset>"));
	put(d, 0, "Completions:\t%s\n", text_or(d, "spec.completions", "<unset>"));
	if (*text_at(d, "spec.completionMode"))
		put(d, 0, "Completion Mode:\t%s\n", text_at(d, "spec.completionMode"));
	if (tree_at(d->object, "spec.suspend"))
		put(d, 0, "Suspend:\t%s\n", text_at(d, "spec.suspend"));
	if (tree_at(d->object, "spec.backoffLimit"))
		put(d, 0, "Backoff Limit:\t%s\n", text_at(d, "spec.backoffLimit"));
	if (tree_at(d->object, "spec.ttlSecondsAfterFinished"))
		put(d, 0, "TTL Seconds After Finished:\t%s\n", text_at(d, "spec.ttlSecondsAfterFinished"));
	int64_t start = tree_time(d->object, "status.startTime"),
		end = tree_time(d->object, "status.completionTime");
	if (start)
		put(d, 0, "Start Time:\t%s\n", time_text(d, text_at(d, "status.startTime")));
	if (end)
		put(d, 0, "Completed At:\t%s\n", time_text(d, text_at(d, "status.completionTime")));
	if (start && end)
		put(d, 0, "Duration:\t%s\n", time_human_duration(end - start, out));
	if (tree_at(d->object, "spec.activeDeadlineSeconds"))
		put(d, 0, "Active Deadline Seconds:\t%ss\n", text_at(d, "spec.activeDeadlineSeconds"));
	if (tree_at(d->object, "status.ready"))
		put(d, 0, "Pods Statuses:\t%lld Active (%lld Ready) / %lld Succeeded / %lld Failed\n",
		    number(d, "status.active"), number(d, "status.ready"), number(d, "status.succeeded"),
		    number(d, "status.failed"));
	else
		put(d, 0, "Pods Statuses:\t%lld Active / %lld Succeeded / %lld Failed\n",
		    number(d, "status.active"), number(d, "status.succeeded"), number(d, "status.failed"));
	put_pod_template(d, tree_at(d->object, "spec.template"));
	put_events(d);
}

void describe_cron_job(struct describe *d)
{
	put_head(d);
	put(d, 0, "Schedule:\t%s\n", text_at(d, "spec.schedule"));
	put(d, 0, "Concurrency Policy:\t%s\n", text_at(d, "spec.concurrencyPolicy"));
	put(d, 0, "Suspend:\t%s\n", str_eq(text_at(d, "spec.suspend"), "true") ? "True" : "False");
	put(d, 0, "Successful Job History Limit:\t%s\n",
	    text_or(d, "spec.successfulJobsHistoryLimit", "<unset>"));
	put(d, 0, "Failed Job History Limit:\t%s\n", text_or(d, "spec.failedJobsHistoryLimit", "<unset>"));
	put(d, 0, "Starting Deadline Seconds:\t%s%s\n", text_or(d, "spec.startingDeadlineSeconds", "<unset>"),
	    tree_at(d->object, "spec.startingDeadlineSeconds") ? "s" : "");
	put(d, 0, "Selector:\t%s\n",
	    label_selector_text(d, tree_at(d->object, "spec.jobTemplate.spec.selector")));
	put(d, 0, "Parallelism:\t%s\n", text_or(d, "spec.jobTemplate.spec.parallelism", "<unset>"));
	put(d, 0, "Completions:\t%s\n", text_or(d, "spec.jobTemplate.spec.completions", "<unset>"));
	put_pod_template(d, tree_at(d->object, "spec.jobTemplate.spec.template"));
	put(d, 0, "Last Schedule Time:\t%s\n", time_text(d, text_at(d, "status.lastScheduleTime")));
	put(d, 0, "Active Jobs:\t");
	const struct json *active = tree_at(d->object, "status.active");
	put(d, 0, "%s", tree_len(active) ? "" : "<none>");
	tree_for_each(active, job) put(d, 0, "%s%s", job_i ? ", " : "", json_get_string(job, "name", ""));
	put(d, 0, "\n");
	put_events(d);
}

static void put_metric(struct describe *d, const struct json *metric, const struct json *current)
{
	const char *name = tree_text(metric, "resource.name", "");
	const struct json *target = tree_at(metric, "resource.target");
	if (!*name) {
		put(d, 1, "%s metric\n", json_get_string(metric, "type", ""));
		return;
	}
	if (json_get(target, "averageUtilization"))
		put(d, 1, "resource %s on pods  (as a percentage of request):\t%s%s / %s%%\n", name,
		    tree_show_at(d->arena, current, "resource.current.averageUtilization", "<unknown>"),
		    tree_at(current, "resource.current.averageUtilization")
			? arena_printf(
			      d->arena, "%% (%s)", tree_text(current, "resource.current.averageValue", ""))
			: "",
		    tree_show_at(d->arena, target, "averageUtilization", ""));
	else
		put(d, 1, "resource %s on pods:\t%s / %s\n", name,
		    tree_show_at(d->arena, current, "resource.current.averageValue", "<unknown>"),
		    tree_show_at(d->arena, target, "averageValue", ""));
}

void describe_autoscaler(struct describe *d)
{
	put_head(d);
	put(d, 0, "CreationTimestamp:\t%s\n", time_text(d, text_at(d, "metadata.creationTimestamp")));
	put(d, 0, "Reference:\t%s/%s\n", text_at(d, "spec.scaleTargetRef.kind"),
	    text_at(d, "spec.scaleTargetRef.name"));
	put(d, 0, "Metrics:\t( current / target )\n");
	const struct json *current = tree_at(d->object, "status.currentMetrics");
	tree_for_each(tree_at(d->object, "spec.metrics"), metric)
	    put_metric(d, metric, metric_i < tree_len(current) ? current->items[metric_i] : NULL);
	put(d, 0, "Min replicas:\t%s\n", text_or(d, "spec.minReplicas", "<unset>"));
	put(d, 0, "Max replicas:\t%s\n", text_at(d, "spec.maxReplicas"));
	put(d, 0, "%s pods:\t", text_at(d, "spec.scaleTargetRef.kind"));
	put(d, 0, "%lld current / %lld desired\n", number(d, "status.currentReplicas"),
	    number(d, "status.desiredReplicas"));
	const struct json *conditions = tree_at(d->object, "status.conditions");
	if (tree_len(conditions)) {
		put(d, 0, "Conditions:\n  Type\tStatus\tReason\tMessage\n  ----\t------\t------\t-------\n");
		tree_for_each(conditions, c) put(d, 1, "%s\t%s\t%s\t%s\n", json_get_string(c, "type", ""),
		    json_get_string(c, "status", ""), json_get_string(c, "reason", ""),
		    json_get_string(c, "message", ""));
	}
	put_events(d);
}
