#include "kubelet/pods/pod_facts.h"

#include <stdio.h>
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#define DEFAULT_GRACE_S 30
#define CRITICAL_PRIORITY 2000000000

/* An ephemeral container has the fields of a container under the same numbers: the wire form converts it. */
static const CoreV1__Container *container_of_ephemeral(
    struct arena *arena, const CoreV1__EphemeralContainerCommon *common)
{
	struct buf wire = BUF_INIT;
	ProtobufCMessage *msg = NULL;
	codec_to_proto(&wire, schema_of(common->base.descriptor), &common->base);
	codec_from_proto(
	    arena, schema_of(&core_v1__container__descriptor), buf_str(&wire), wire.size, &msg, NULL);
	buf_done(&wire);
	return (const CoreV1__Container *)msg;
}

struct pod_slots pod_slots_of(struct arena *arena, const CoreV1__Pod *pod)
{
	const CoreV1__PodSpec *spec = pod->spec;
	struct pod_slots slots = {0};
	slots.items = ARENA_ARRAY(arena, struct pod_slot,
	    spec->n_init_containers + spec->n_containers + spec->n_ephemeral_containers + 1);
	for (size_t i = 0; i < spec->n_init_containers; i++) {
		const CoreV1__Container *c = spec->init_containers[i];
		slots.items[slots.len++] = (struct pod_slot){
		    .kind = str_eq(c->restart_policy, "Always") ? SLOT_SIDECAR : SLOT_INIT, .spec = c};
	}
	for (size_t i = 0; i < spec->n_containers; i++)
		slots.items[slots.len++] = (struct pod_slot){.kind = SLOT_APP, .spec = spec->containers[i]};
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++) {
		const CoreV1__EphemeralContainer *e = spec->ephemeral_containers[i];
		const CoreV1__Container *c = container_of_ephemeral(arena, e->ephemeral_container_common);
		if (c)
			slots.items[slots.len++] = (struct pod_slot){
			    .kind = SLOT_EPHEMERAL, .spec = c, .target = e->target_container_name};
	}
	return slots;
}

/* ---- resources ---- */

static int64_t amount(const struct quantity *q, const char *resource)
{
	return str_eq(resource, "cpu") ? quantity_milli(q) : quantity_value(q);
}

int64_t container_request(const CoreV1__Container *c, const char *resource)
{
	struct quantity q;
	return quantity_in(c->resources, requests, resource, &q) ? amount(&q, resource) : 0;
}

int64_t container_limit(const CoreV1__Container *c, const char *resource)
{
	struct quantity q;
	return quantity_in(c->resources, limits, resource, &q) ? amount(&q, resource) : 0;
}

static int64_t pod_request(const CoreV1__Pod *pod, const char *resource)
{
	const CoreV1__PodSpec *spec = pod->spec;
	int64_t sum = 0, sidecars = 0, peak = 0;
	for (size_t i = 0; i < spec->n_containers; i++)
		sum += container_request(spec->containers[i], resource);
	for (size_t i = 0; i < spec->n_init_containers; i++) {
		int64_t r = container_request(spec->init_containers[i], resource);
		if (str_eq(spec->init_containers[i]->restart_policy, "Always")) {
			sidecars += r;
			r = 0;
		}
		if (sidecars + r > peak)
			peak = sidecars + r;
	}
	sum += sidecars;
	if (peak > sum)
		sum = peak;
	struct quantity q;
	if (quantity_in(spec, overhead, resource, &q))
		sum += amount(&q, resource);
	return sum;
}

int64_t pod_request_milli_cpu(const CoreV1__Pod *pod)
{
	return pod_request(pod, "cpu");
}

int64_t pod_request_bytes(const CoreV1__Pod *pod, const char *resource)
{
	return pod_request(pod, resource);
}

static int64_t pod_limit(const CoreV1__Pod *pod, const char *resource)
{
	const CoreV1__PodSpec *spec = pod->spec;
	int64_t sum = 0, sidecars = 0, peak = 0;
	for (size_t i = 0; i < spec->n_containers; i++) {
		int64_t l = container_limit(spec->containers[i], resource);
		if (!l)
			return 0;
		sum += l;
	}
	for (size_t i = 0; i < spec->n_init_containers; i++) {
		int64_t l = container_limit(spec->init_containers[i], resource);
		bool sidecar = str_eq(spec->init_containers[i]->restart_policy, "Always");
		if (!l && sidecar)
			return 0;
		if (sidecar)
			sidecars += l;
		else if (sidecars + l > peak)
			peak = sidecars + l;
	}
	sum += sidecars;
	struct quantity q;
	int64_t overhead = quantity_in(spec, overhead, resource, &q) ? amount(&q, resource) : 0;
	return (peak > sum ? peak : sum) + overhead;
}

int64_t pod_limit_milli_cpu(const CoreV1__Pod *pod)
{
	return pod_limit(pod, "cpu");
}

int64_t pod_limit_memory(const CoreV1__Pod *pod)
{
	return pod_limit(pod, "memory");
}

static void qos_of_containers(CoreV1__Container *const *list, size_t len, bool *any, bool *guaranteed)
{
	static const char *const resources[] = {"cpu", "memory"};
	for (size_t i = 0; i < len; i++) {
		for (size_t r = 0; r < 2; r++) {
			int64_t request = container_request(list[i], resources[r]);
			int64_t limit = container_limit(list[i], resources[r]);
			if (request || limit)
				*any = true;
			if (!limit || (request && request != limit))
				*guaranteed = false;
		}
	}
}

enum pod_qos pod_qos_of(const CoreV1__Pod *pod)
{
	bool any = false, guaranteed = true;
	qos_of_containers(pod->spec->containers, pod->spec->n_containers, &any, &guaranteed);
	qos_of_containers(pod->spec->init_containers, pod->spec->n_init_containers, &any, &guaranteed);
	if (!any)
		return QOS_BEST_EFFORT;
	return guaranteed ? QOS_GUARANTEED : QOS_BURSTABLE;
}

const char *pod_qos_name(enum pod_qos qos)
{
	static const char *const names[] = {"Guaranteed", "Burstable", "BestEffort"};
	return names[qos];
}

/* ---- the rest ---- */

bool pod_is_static(const CoreV1__Pod *pod)
{
	const char *source = api_map_get(pod->metadata, annotations, "kubernetes.io/config.source");
	return source && !str_eq(source, "api");
}

bool pod_is_terminal_phase(const char *phase)
{
	return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

bool pod_is_critical(const CoreV1__Pod *pod)
{
	return pod_is_static(pod) || (pod->spec->has_priority && pod->spec->priority >= CRITICAL_PRIORITY);
}

int64_t pod_grace_s(const struct object *obj)
{
	const CoreV1__Pod *pod = pod_of(obj);
	if (obj->meta->deletion_timestamp && obj->meta->has_deletion_grace_period_seconds)
		return obj->meta->deletion_grace_period_seconds;
	if (pod->spec->has_termination_grace_period_seconds)
		return pod->spec->termination_grace_period_seconds;
	return DEFAULT_GRACE_S;
}

const char *container_hash(const CoreV1__Container *c, char out[17])
{
	char text[1024];
	int n = snprintf(text, sizeof text, "%s\n%s", c->name, c->image);
	snprintf(out, 17, "%08x", str_hash32(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1));
	return out;
}

void pod_host_names(const CoreV1__Pod *pod, const char *cluster_domain, char hostname[64], char fqdn[256])
{
	const char *name = str_or(pod->spec->hostname, pod->metadata->name);
	snprintf(hostname, 64, "%.63s", name);
	/* What is cut off may leave a character that a label can't end with. */
	for (size_t n = strlen(hostname); n && (hostname[n - 1] == '-' || hostname[n - 1] == '.'); n--)
		hostname[n - 1] = 0;
	fqdn[0] = 0;
	if (!str_empty(pod->spec->subdomain))
		snprintf(fqdn, 256, "%s.%s.%s.svc.%s", hostname, pod->spec->subdomain,
		    pod->metadata->namespace_, cluster_domain);
}
