#include <stdio.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/pods/cri_config.h"
#include "kubelet/runtime/convert.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#define SHARES_PER_CPU 1024
#define SHARES_MIN 2
#define SHARES_MAX 262144
#define QUOTA_PERIOD_US 100000
#define QUOTA_MIN_US 1000
#define OOM_GUARANTEED (-997)
#define OOM_BEST_EFFORT 1000

int64_t cpu_shares_of_milli(int64_t milli)
{
	int64_t shares = milli * SHARES_PER_CPU / 1000;
	return shares < SHARES_MIN ? SHARES_MIN : shares > SHARES_MAX ? SHARES_MAX : shares;
}

int64_t cpu_quota_of_milli(int64_t milli)
{
	if (milli == 0)
		return 0;
	int64_t quota = milli * QUOTA_PERIOD_US / 1000;
	return quota < QUOTA_MIN_US ? QUOTA_MIN_US : quota;
}

int64_t container_oom_score_adj(const CoreV1__Pod *pod, const CoreV1__Container *c, int64_t node_memory_bytes)
{
	if (pod_is_critical(pod))
		return OOM_GUARANTEED;
	switch (pod_qos_of(pod)) {
	case QOS_GUARANTEED:
		return OOM_GUARANTEED;
	case QOS_BEST_EFFORT:
		return OOM_BEST_EFFORT;
	default:
		break;
	}
	int64_t request = container_request(c, "memory");
	int64_t adj = 1000 - (node_memory_bytes ? 1000 * request / node_memory_bytes : 0);
	if (adj < 1000 + OOM_GUARANTEED)
		return 1000 + OOM_GUARANTEED;
	return adj == OOM_BEST_EFFORT ? adj - 1 : adj;
}

static CriV1__Int64Value *int_value(struct arena *arena, int64_t v)
{
	CriV1__Int64Value *out = CRI_NEW(arena, cri_v1__int64_value);
	out->value = v;
	return out;
}

/* ---- user ---- */

struct user {
	bool has_uid, has_gid, non_root;
	int64_t uid, gid;
};

static struct user user_of(const CoreV1__PodSecurityContext *pod, const CoreV1__SecurityContext *own)
{
	struct user u = {0};
	if (pod) {
		u = (struct user){.has_uid = pod->has_run_as_user,
		    .uid = pod->run_as_user,
		    .has_gid = pod->has_run_as_group,
		    .gid = pod->run_as_group,
		    .non_root = pod->has_run_as_non_root && pod->run_as_non_root};
	}
	if (own && own->has_run_as_user) {
		u.has_uid = true;
		u.uid = own->run_as_user;
	}
	if (own && own->has_run_as_group) {
		u.has_gid = true;
		u.gid = own->run_as_group;
	}
	if (own && own->has_run_as_non_root)
		u.non_root = own->run_as_non_root;
	return u;
}

static int check_non_root(const struct container_input *in, const struct user *u, struct error *err)
{
	const MetaV1__ObjectMeta *meta = in->pod->meta;
	if (!u->non_root)
		return 0;
	const char *why = NULL;
	if (u->has_uid)
		why = u->uid == 0 ? "its runAsUser is root" : NULL;
	else if (!str_empty(in->image_username))
		why = "the image's user is a name, which can't be told from root";
	else if (!in->image_has_user || in->image_uid == 0)
		why = "the image runs as root";
	if (!why)
		return 0;
	return error_set(err, ERR_INVALID,
	    "container has runAsNonRoot but %s (pod: \"%s_%s(%s)\", container: %s)", why, meta->name,
	    meta->namespace_, meta->uid, in->slot->spec->name);
}

/* ---- security context ---- */

static const char *const masked_paths[] = {"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
    "/sys/firmware", "/sys/devices/virtual/powercap"};
static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

static CriV1__SecurityProfile *seccomp_of(struct arena *arena, const struct container_input *in)
{
	const CoreV1__PodSecurityContext *pod = pod_of(in->pod)->spec->security_context;
	const CoreV1__SecurityContext *own = in->slot->spec->security_context;
	const CoreV1__SeccompProfile *p = own && own->seccomp_profile ? own->seccomp_profile
					  : pod                       ? pod->seccomp_profile
								      : NULL;
	CriV1__SecurityProfile *out = CRI_NEW(arena, cri_v1__security_profile);
	out->profile_type = CRI_V1__SECURITY_PROFILE__PROFILE_TYPE__Unconfined;
	if (p && str_eq(p->type, "RuntimeDefault")) {
		out->profile_type = CRI_V1__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault;
	} else if (p && str_eq(p->type, "Localhost")) {
		out->profile_type = CRI_V1__SECURITY_PROFILE__PROFILE_TYPE__Localhost;
		out->localhost_ref = arena_printf(
		    arena, "%s/seccomp/%s", in->config->root_dir, str_or(p->localhost_profile, ""));
	}
	return out;
}

static void add_groups(
    struct arena *arena, const CoreV1__PodSecurityContext *pod, CriV1__LinuxContainerSecurityContext *sc)
{
	if (!pod)
		return;
	sc->supplemental_groups = ARENA_ARRAY(arena, int64_t, pod->n_supplemental_groups + 1);
	for (size_t i = 0; i < pod->n_supplemental_groups; i++)
		sc->supplemental_groups[sc->n_supplemental_groups++] = pod->supplemental_groups[i];
	if (pod->has_fs_group)
		sc->supplemental_groups[sc->n_supplemental_groups++] = pod->fs_group;
	if (str_eq(pod->supplemental_groups_policy, "Strict"))
		sc->supplemental_groups_policy = CRI_V1__SUPPLEMENTAL_GROUPS_POLICY__Strict;
}

static void add_paths(
    struct arena *arena, const CoreV1__SecurityContext *own, CriV1__LinuxContainerSecurityContext *sc)
{
	if (own && str_eq(own->proc_mount, "Unmasked"))
		return;
	for (size_t i = 0; i < sizeof masked_paths / sizeof *masked_paths; i++)
		cri_append(arena, sc, masked_paths, arena_strdup(arena, masked_paths[i]));
	for (size_t i = 0; i < sizeof readonly_paths / sizeof *readonly_paths; i++)
		cri_append(arena, sc, readonly_paths, arena_strdup(arena, readonly_paths[i]));
}

static CriV1__NamespaceOption *namespaces_of(struct arena *arena, const struct container_input *in)
{
	const CoreV1__PodSpec *spec = pod_of(in->pod)->spec;
	CriV1__NamespaceOption *ns = CRI_NEW(arena, cri_v1__namespace_option);
	ns->network = spec->host_network ? CRI_V1__NAMESPACE_MODE__NODE : CRI_V1__NAMESPACE_MODE__POD;
	ns->ipc = spec->host_ipc ? CRI_V1__NAMESPACE_MODE__NODE : CRI_V1__NAMESPACE_MODE__POD;
	ns->pid = spec->host_pid                  ? CRI_V1__NAMESPACE_MODE__NODE
		  : spec->share_process_namespace ? CRI_V1__NAMESPACE_MODE__POD
						  : CRI_V1__NAMESPACE_MODE__CONTAINER;
	if (in->target_id && ns->pid == CRI_V1__NAMESPACE_MODE__CONTAINER) {
		ns->pid = CRI_V1__NAMESPACE_MODE__TARGET;
		ns->target_id = arena_strdup(arena, in->target_id);
	}
	return ns;
}

static CriV1__LinuxContainerSecurityContext *security_of(
    struct arena *arena, const struct container_input *in, const struct user *u)
{
	const CoreV1__PodSecurityContext *pod = pod_of(in->pod)->spec->security_context;
	const CoreV1__SecurityContext *own = in->slot->spec->security_context;
	CriV1__LinuxContainerSecurityContext *sc = CRI_NEW(arena, cri_v1__linux_container_security_context);
	sc->namespace_options = namespaces_of(arena, in);
	sc->seccomp = seccomp_of(arena, in);
	if (u->has_uid)
		sc->run_as_user = int_value(arena, u->uid);
	else if (!str_empty(in->image_username))
		sc->run_as_username = arena_strdup(arena, in->image_username);
	else
		sc->run_as_user = int_value(arena, in->image_has_user ? in->image_uid : 0);
	if (u->has_gid)
		sc->run_as_group = int_value(arena, u->gid);
	add_groups(arena, pod, sc);
	add_paths(arena, own, sc);
	if (!own)
		return sc;
	sc->privileged = own->has_privileged && own->privileged;
	sc->readonly_rootfs = own->has_read_only_root_filesystem && own->read_only_root_filesystem;
	sc->no_new_privs = own->has_allow_privilege_escalation && !own->allow_privilege_escalation;
	if (own->capabilities) {
		sc->capabilities = CRI_NEW(arena, cri_v1__capability);
		sc->capabilities->add_capabilities = own->capabilities->add;
		sc->capabilities->n_add_capabilities = own->capabilities->n_add;
		sc->capabilities->drop_capabilities = own->capabilities->drop;
		sc->capabilities->n_drop_capabilities = own->capabilities->n_drop;
	}
	return sc;
}

/* ---- resources ---- */

static CriV1__LinuxContainerResources *resources_of(struct arena *arena, const struct container_input *in)
{
	const CoreV1__Container *c = in->slot->spec;
	CriV1__LinuxContainerResources *r = CRI_NEW(arena, cri_v1__linux_container_resources);
	int64_t request = container_request(c, "cpu"), limit = container_limit(c, "cpu");
	r->cpu_shares = cpu_shares_of_milli(request ? request : limit);
	r->cpu_quota = cpu_quota_of_milli(limit);
	r->cpu_period = QUOTA_PERIOD_US;
	r->memory_limit_in_bytes = container_limit(c, "memory");
	r->oom_score_adj = container_oom_score_adj(pod_of(in->pod), c, in->node_memory_bytes);
	if (r->oom_score_adj < 0 && !in->config->may_lower_oom_score)
		r->oom_score_adj = 0;
	if (in->config->cgroup_v2)
		cri_map_add(arena, r, unified, cri_v1__linux_container_resources__unified_entry,
		    "memory.oom.group", "1");
	return r;
}

/* ---- labels and annotations: what a restarted kubelet recognises its containers by ---- */

static void add_labels(struct arena *arena, const struct container_input *in, CriV1__ContainerConfig *config)
{
	const MetaV1__ObjectMeta *meta = in->pod->meta;
	const CoreV1__Container *c = in->slot->spec;
	const struct {
		const char *key, *value;
	} labels[] = {{LABEL_POD_NAME, meta->name}, {LABEL_POD_NAMESPACE, meta->namespace_},
	    {LABEL_POD_UID, meta->uid}, {LABEL_CONTAINER_NAME, c->name}};
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		cri_map_add(arena, config, labels, cri_v1__container_config__labels_entry, labels[i].key,
		    labels[i].value);
	char hash[17];
	const struct {
		const char *key, *value;
	} annotations[] = {{ANNOTATION_HASH, container_hash(c, hash)},
	    {ANNOTATION_RESTART_COUNT, arena_printf(arena, "%d", in->restart_count)},
	    {ANNOTATION_TERMINATION_PATH, c->termination_message_path},
	    {ANNOTATION_TERMINATION_POLICY, c->termination_message_policy},
	    {"io.kubernetes.pod.terminationGracePeriod",
		arena_printf(arena, "%lld", (long long)pod_grace_s(in->pod))}};
	for (size_t i = 0; i < sizeof annotations / sizeof *annotations; i++)
		cri_map_add(arena, config, annotations, cri_v1__container_config__annotations_entry,
		    annotations[i].key, annotations[i].value);
	struct buf ports = BUF_INIT;
	for (size_t i = 0; i < c->n_ports; i++) {
		const CoreV1__ContainerPort *p = c->ports[i];
		buf_printf(&ports, "%s{\"name\":\"%s\",\"containerPort\":%d,\"protocol\":\"%s\"}",
		    i ? "," : "[", p->name, p->container_port, p->protocol);
	}
	if (ports.size) {
		buf_putc(&ports, ']');
		cri_map_add(arena, config, annotations, cri_v1__container_config__annotations_entry,
		    "io.kubernetes.container.ports", ports.data);
	}
	buf_done(&ports);
}

static void add_expanded(
    struct arena *arena, char *const *in, size_t len, const struct env *env, size_t *ret_len, char ***ret)
{
	for (size_t i = 0; i < len; i++)
		cri_append_(arena, ret_len, (void ***)ret, (char *)env_expand(arena, in[i], env, NULL));
}

int container_config_build(
    struct arena *arena, const struct container_input *in, CriV1__ContainerConfig **ret, struct error *err)
{
	const CoreV1__Container *c = in->slot->spec;
	struct user user = user_of(pod_of(in->pod)->spec->security_context, c->security_context);
	if (check_non_root(in, &user, err))
		return -1;
	CriV1__ContainerConfig *config = CRI_NEW(arena, cri_v1__container_config);
	config->metadata = CRI_NEW(arena, cri_v1__container_metadata);
	config->metadata->name = c->name;
	config->metadata->attempt = (uint32_t)in->restart_count;
	config->image = CRI_NEW(arena, cri_v1__image_spec);
	config->image->image = arena_strdup(arena, in->image_ref);
	config->image->user_specified_image = c->image;
	add_expanded(arena, c->command, c->n_command, in->env, &config->n_command, &config->command);
	add_expanded(arena, c->args, c->n_args, in->env, &config->n_args, &config->args);
	config->working_dir = c->working_dir;
	for (size_t i = 0; i < in->env->len; i++) {
		CriV1__KeyValue *kv = CRI_NEW(arena, cri_v1__key_value);
		kv->key = arena_strdup(arena, in->env->items[i].name);
		kv->value = arena_strdup(arena, in->env->items[i].value);
		cri_append(arena, config, envs, kv);
	}
	config->mounts = in->mounts;
	config->n_mounts = in->mounts_len;
	add_labels(arena, in, config);
	config->log_path = arena_printf(arena, "%s/%d.log", c->name, in->restart_count);
	config->stdin = c->stdin;
	config->stdin_once = c->stdin_once;
	config->tty = c->tty;
	config->linux_ = CRI_NEW(arena, cri_v1__linux_container_config);
	config->linux_->resources = resources_of(arena, in);
	config->linux_->security_context = security_of(arena, in, &user);
	*ret = config;
	return 0;
}
