#include <stdio.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/pods/cri_config.h"
#include "kubelet/runtime/convert.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#define HOSTNAME_MAX 64

static CriV1__Int64Value *int_value(struct arena *arena, int64_t v)
{
	CriV1__Int64Value *out = CRI_NEW(arena, cri_v1__int64_value);
	out->value = v;
	return out;
}

static bool any_privileged(const CoreV1__Pod *pod)
{
	for (size_t i = 0; i < pod->spec->n_containers; i++)
		if (pod->spec->containers[i]->security_context &&
		    pod->spec->containers[i]->security_context->privileged)
			return true;
	for (size_t i = 0; i < pod->spec->n_init_containers; i++)
		if (pod->spec->init_containers[i]->security_context &&
		    pod->spec->init_containers[i]->security_context->privileged)
			return true;
	return false;
}

bool sysctl_is_allowed(const struct kubelet_config *config, const char *name, bool host_net, bool host_ipc)
{
	static const char *const safe[] = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
	    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
	    "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
	    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem",
	    "net.ipv4.tcp_wmem", NULL};
	if (host_net && str_has_prefix(name, "net."))
		return false;
	if (host_ipc && (str_has_prefix(name, "kernel.shm") || str_has_prefix(name, "kernel.msg") ||
			    str_has_prefix(name, "kernel.sem") || str_has_prefix(name, "fs.mqueue.")))
		return false;
	if (str_in(name, safe))
		return true;
	for (size_t i = 0; i < config->allowed_sysctls.len; i++) {
		const char *pattern = config->allowed_sysctls.items[i];
		size_t n = strlen(pattern);
		if (n && pattern[n - 1] == '*' ? strncmp(name, pattern, n - 1) == 0 : str_eq(name, pattern))
			return true;
	}
	return false;
}

static void add_security(struct arena *arena, const CoreV1__Pod *pod, CriV1__LinuxPodSandboxConfig *lin)
{
	CriV1__LinuxSandboxSecurityContext *sc = CRI_NEW(arena, cri_v1__linux_sandbox_security_context);
	CriV1__NamespaceOption *ns = CRI_NEW(arena, cri_v1__namespace_option);
	ns->network = pod->spec->host_network ? CRI_V1__NAMESPACE_MODE__NODE : CRI_V1__NAMESPACE_MODE__POD;
	ns->ipc = pod->spec->host_ipc ? CRI_V1__NAMESPACE_MODE__NODE : CRI_V1__NAMESPACE_MODE__POD;
	ns->pid = pod->spec->host_pid                  ? CRI_V1__NAMESPACE_MODE__NODE
		  : pod->spec->share_process_namespace ? CRI_V1__NAMESPACE_MODE__POD
						       : CRI_V1__NAMESPACE_MODE__CONTAINER;
	sc->namespace_options = ns;
	sc->privileged = any_privileged(pod);
	sc->seccomp = CRI_NEW(arena, cri_v1__security_profile);
	sc->seccomp->profile_type = CRI_V1__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault;
	const CoreV1__PodSecurityContext *own = pod->spec->security_context;
	lin->security_context = sc;
	if (!own)
		return;
	if (own->has_run_as_user)
		sc->run_as_user = int_value(arena, own->run_as_user);
	if (own->has_run_as_user && own->has_run_as_group)
		sc->run_as_group = int_value(arena, own->run_as_group);
	sc->supplemental_groups = ARENA_ARRAY(arena, int64_t, own->n_supplemental_groups + 1);
	if (own->has_fs_group)
		sc->supplemental_groups[sc->n_supplemental_groups++] = own->fs_group;
	for (size_t i = 0; i < own->n_supplemental_groups; i++)
		sc->supplemental_groups[sc->n_supplemental_groups++] = own->supplemental_groups[i];
	for (size_t i = 0; i < own->n_sysctls; i++)
		cri_map_add(arena, lin, sysctls, cri_v1__linux_pod_sandbox_config__sysctls_entry,
		    own->sysctls[i]->name, own->sysctls[i]->value);
}

static void add_ports(struct arena *arena, CoreV1__Container *const *list, size_t len, bool host_network,
    CriV1__PodSandboxConfig *config)
{
	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; k < list[i]->n_ports; k++) {
			const CoreV1__ContainerPort *p = list[i]->ports[k];
			CriV1__PortMapping *m = CRI_NEW(arena, cri_v1__port_mapping);
			m->protocol = str_eq(p->protocol, "UDP")    ? CRI_V1__PROTOCOL__UDP
				      : str_eq(p->protocol, "SCTP") ? CRI_V1__PROTOCOL__SCTP
								    : CRI_V1__PROTOCOL__TCP;
			m->container_port = p->container_port;
			m->host_port = host_network ? 0 : p->host_port;
			m->host_ip = arena_strdup(arena, str_or(p->host_ip, ""));
			cri_append(arena, config, port_mappings, m);
		}
	}
}

static void add_labels(struct arena *arena, const struct sandbox_input *in, CriV1__PodSandboxConfig *config)
{
	const MetaV1__ObjectMeta *meta = in->pod->meta;
	for (size_t i = 0; i < meta->n_labels; i++)
		cri_map_add(arena, config, labels, cri_v1__pod_sandbox_config__labels_entry,
		    meta->labels[i]->key, meta->labels[i]->value);
	cri_map_add(
	    arena, config, labels, cri_v1__pod_sandbox_config__labels_entry, LABEL_POD_NAME, meta->name);
	cri_map_add(arena, config, labels, cri_v1__pod_sandbox_config__labels_entry, LABEL_POD_NAMESPACE,
	    meta->namespace_);
	cri_map_add(
	    arena, config, labels, cri_v1__pod_sandbox_config__labels_entry, LABEL_POD_UID, meta->uid);
	for (size_t i = 0; i < meta->n_annotations; i++)
		cri_map_add(arena, config, annotations, cri_v1__pod_sandbox_config__annotations_entry,
		    meta->annotations[i]->key, meta->annotations[i]->value);
	char seen[TIME_TEXT_MAX];
	cri_map_add(arena, config, annotations, cri_v1__pod_sandbox_config__annotations_entry,
	    "kubernetes.io/config.seen",
	    time_format_micro(in->now_ns / 1000000000, (int32_t)(in->now_ns % 1000000000), seen));
	if (!pod_is_static(pod_of(in->pod)))
		cri_map_add(arena, config, annotations, cri_v1__pod_sandbox_config__annotations_entry,
		    "kubernetes.io/config.source", "api");
}

int sandbox_config_build(
    struct arena *arena, const struct sandbox_input *in, CriV1__PodSandboxConfig **ret, struct error *err)
{
	const CoreV1__Pod *pod = pod_of(in->pod);
	CriV1__PodSandboxConfig *config = CRI_NEW(arena, cri_v1__pod_sandbox_config);
	config->metadata = CRI_NEW(arena, cri_v1__pod_sandbox_metadata);
	config->metadata->name = in->pod->meta->name;
	config->metadata->namespace_ = in->pod->meta->namespace_;
	config->metadata->uid = in->pod->meta->uid;
	config->metadata->attempt = in->attempt;
	if (!pod->spec->host_network) {
		char hostname[64], fqdn[256];
		pod_host_names(pod, in->config->cluster_domain, hostname, fqdn);
		bool as_fqdn = pod->spec->set_hostname_as_fqdn && *fqdn;
		if (as_fqdn && strlen(fqdn) > HOSTNAME_MAX)
			return error_set(err, ERR_INVALID,
			    "the pod's FQDN %s is longer than the %d characters of a hostname", fqdn,
			    HOSTNAME_MAX);
		config->hostname = arena_strdup(arena, as_fqdn ? fqdn : hostname);
	}
	config->log_directory = arena_strdup(arena, in->log_directory);
	config->dns_config = in->dns;
	add_labels(arena, in, config);
	add_ports(arena, pod->spec->containers, pod->spec->n_containers, pod->spec->host_network, config);
	add_ports(
	    arena, pod->spec->init_containers, pod->spec->n_init_containers, pod->spec->host_network, config);
	config->linux_ = CRI_NEW(arena, cri_v1__linux_pod_sandbox_config);
	config->linux_->cgroup_parent = arena_strdup(arena, in->cgroup_parent);
	add_security(arena, pod, config->linux_);
	*ret = config;
	return 0;
}
