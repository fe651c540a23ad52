#include "kubelet/pods/admission.h"

#include <stdio.h>
#include <string.h>

#include "kubelet/pods/cri_config.h"
#include "kubelet/pods/pod_facts.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/str.h"

static bool reject(struct admission_verdict *v, const char *reason, const char *message)
{
	snprintf(v->reason, sizeof v->reason, "%s", reason);
	snprintf(v->message, sizeof v->message, "%s", message);
	return false;
}

/* ---- node selector and affinity ---- */

static bool requirement_matches(const char *value, const CoreV1__NodeSelectorRequirement *r)
{
	bool in = false;
	int64_t have, want;
	for (size_t i = 0; value && i < r->n_values; i++)
		in |= str_eq(value, r->values[i]);
	if (str_eq(r->operator_, "In"))
		return in;
	if (str_eq(r->operator_, "NotIn"))
		return !in;
	if (str_eq(r->operator_, "Exists"))
		return value != NULL;
	if (str_eq(r->operator_, "DoesNotExist"))
		return value == NULL;
	if (!value || r->n_values != 1 || !str_to_int64(value, &have) || !str_to_int64(r->values[0], &want))
		return false;
	return str_eq(r->operator_, "Gt") ? have > want : str_eq(r->operator_, "Lt") && have < want;
}

static bool term_matches(const CoreV1__Node *node, const CoreV1__NodeSelectorTerm *t)
{
	if (!t->n_match_expressions && !t->n_match_fields)
		return false;
	for (size_t i = 0; i < t->n_match_expressions; i++)
		if (!requirement_matches(api_map_get(node->metadata, labels, t->match_expressions[i]->key),
			t->match_expressions[i]))
			return false;
	for (size_t i = 0; i < t->n_match_fields; i++)
		if (!requirement_matches(node->metadata->name, t->match_fields[i]))
			return false;
	return true;
}

static bool affinity_matches(const CoreV1__Node *node, const CoreV1__Pod *pod)
{
	const CoreV1__PodSpec *spec = pod->spec;
	for (size_t i = 0; i < spec->n_node_selector; i++)
		if (!str_eq(api_map_get(node->metadata, labels, spec->node_selector[i]->key),
			spec->node_selector[i]->value))
			return false;
	const CoreV1__NodeSelector *required =
	    spec->affinity && spec->affinity->node_affinity
		? spec->affinity->node_affinity->required_during_scheduling_ignored_during_execution
		: NULL;
	for (size_t i = 0; required && i < required->n_node_selector_terms; i++)
		if (term_matches(node, required->node_selector_terms[i]))
			return true;
	return required == NULL;
}

/* ---- resources ---- */

static bool fits(const CoreV1__Node *node, const CoreV1__Pod *pod, const struct object *const *others,
    size_t len, const char *resource, struct admission_verdict *v)
{
	struct quantity q;
	bool cpu = str_eq(resource, "cpu");
	int64_t wanted = pod_request_bytes(pod, resource), used = 0;
	if (!wanted)
		return true;
	int64_t have = quantity_in(node->status, allocatable, resource, &q)
			   ? cpu ? quantity_milli(&q) : quantity_value(&q)
			   : 0;
	for (size_t i = 0; i < len; i++)
		used += pod_request_bytes(pod_of(others[i]), resource);
	if (used + wanted <= have)
		return true;
	char reason[64], message[256];
	snprintf(reason, sizeof reason, "OutOf%.50s", resource);
	snprintf(message, sizeof message,
	    "Node didn't have enough resource: %s, requested: %lld, used: %lld, capacity: %lld", resource,
	    (long long)wanted, (long long)used, (long long)have);
	return reject(v, reason, message);
}

/* ---- host ports ---- */

static bool ports_clash(const CoreV1__Pod *a, const CoreV1__Pod *b)
{
	for (size_t i = 0; i < a->spec->n_containers; i++) {
		const CoreV1__Container *ca = a->spec->containers[i];
		for (size_t p = 0; p < ca->n_ports; p++) {
			const CoreV1__ContainerPort *x = ca->ports[p];
			if (!x->host_port)
				continue;
			for (size_t k = 0; k < b->spec->n_containers; k++) {
				for (size_t o = 0; o < b->spec->containers[k]->n_ports; o++) {
					const CoreV1__ContainerPort *y = b->spec->containers[k]->ports[o];
					const char *ix = str_or(x->host_ip, "0.0.0.0"),
						   *iy = str_or(y->host_ip, "0.0.0.0");
					if (y->host_port == x->host_port &&
					    str_eq(x->protocol, y->protocol) &&
					    (str_eq(ix, iy) || str_eq(ix, "0.0.0.0") ||
						str_eq(iy, "0.0.0.0")))
						return true;
				}
			}
		}
	}
	return false;
}

bool admission_check(const struct kubelet_config *config, const CoreV1__Node *node, const struct object *obj,
    const struct object *const *others, size_t len, struct admission_verdict *v)
{
	const CoreV1__Pod *pod = pod_of(obj);
	struct quantity q;
	char text[256];
	const CoreV1__PodSecurityContext *sc = pod->spec->security_context;
	for (size_t i = 0; sc && i < sc->n_sysctls; i++) {
		if (!sysctl_is_allowed(
			config, sc->sysctls[i]->name, pod->spec->host_network, pod->spec->host_ipc)) {
			snprintf(text, sizeof text, "forbidden sysctl: \"%s\" not allowed on this node",
			    sc->sysctls[i]->name);
			return reject(v, "SysctlForbidden", text);
		}
	}
	if (quantity_in(node->status, allocatable, "pods", &q) && (int64_t)len >= quantity_value(&q))
		return reject(v, "OutOfpods", "Node didn't have enough resource: pods");
	static const char *const resources[] = {"cpu", "memory", "ephemeral-storage"};
	for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
		if (!fits(node, pod, others, len, resources[i], v))
			return false;
	if (!affinity_matches(node, pod))
		return reject(v, "NodeAffinity",
		    "Predicate NodeAffinity failed: the node doesn't match the pod's node selector");
	for (size_t i = 0; i < len; i++)
		if (ports_clash(pod, pod_of(others[i])))
			return reject(v, "NodePorts", "Predicate NodePorts failed: a host port is taken");
	if (pod->spec->os && !str_empty(pod->spec->os->name) && !str_eq(pod->spec->os->name, "linux"))
		return reject(v, "PodOSNotSupported", "the pod is for another operating system");
	return true;
}
