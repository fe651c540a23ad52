/* config: what the kubelet's flags say. Filled once by main.c, read-only after; every module borrows it. */
#ifndef CUBE_KUBELET_CONFIG_H
#define CUBE_KUBELET_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/flags.h"

struct kubelet_config {
	const char *node_name;            /* --hostname-override, or the host's name */
	const char *node_ip;              /* --node-ip, or the address of the default route */
	const char *root_dir;             /* --root-dir: pods/, plugins/, pki/ */
	const char *pod_log_dir;          /* --pod-logs-dir */
	const char *runtime_endpoint;     /* --container-runtime-endpoint: unix:///path, or "hollow" */
	const char *cgroup_driver;        /* --cgroup-driver: cgroupfs */
	const char *cgroup_root;          /* --cgroup-root: parent of kubepods, "/" by default */
	const char *cluster_domain;       /* --cluster-domain */
	struct flag_list cluster_dns;     /* --cluster-dns */
	const char *resolv_conf;          /* --resolv-conf */
	const char *pod_cidr;             /* --pod-cidr: only for a node without API server */
	struct flag_list node_labels;     /* --node-labels k=v */
	struct flag_list node_taints;     /* --register-with-taints k=v:Effect */
	struct flag_list allowed_sysctls; /* --allowed-unsafe-sysctls */
	bool register_node;               /* --register-node */
	bool fail_swap_on;
	int64_t max_pods;
	const char *address;          /* --address */
	int64_t port, read_only_port; /* --read-only-port: 0 is none */
	const char *cert_file, *key_file, *client_ca_file;
	bool anonymous_auth;            /* --anonymous-auth */
	bool auth_webhook;              /* --authentication-token-webhook */
	const char *authorization_mode; /* AlwaysAllow or Webhook */
	const char *volume_plugin_dir;
	const char *pod_manifest_path;
	struct flag_list eviction_hard; /* memory.available<100Mi, nodefs.available<10%, ... */
	struct flag_list system_reserved, kube_reserved; /* cpu=100m, memory=... */
	int64_t status_update_ms;                        /* --node-status-report-frequency */
	int64_t lease_duration_s;                        /* 40 */
	int64_t sync_ms;                                 /* --sync-frequency: safety relist of the runtime */
	int64_t image_gc_high, image_gc_low;             /* percent */
	int64_t container_log_max_size, container_log_max_files;
	int64_t max_container_backoff_ms;
	bool make_iptables_chains;
	bool serialize_image_pulls;
	/* Detected at start. */
	bool cgroup_v2;
	int64_t memory_bytes, cpus; /* of the machine */
	int64_t allocatable_memory;
	bool may_lower_oom_score; /* CAP_SYS_RESOURCE */
	bool cgroups_enabled;     /* --cgroups-per-qos */
};

#endif
