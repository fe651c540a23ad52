/* options: what kube-controller-manager's flags say; controllers read it as ctx->options. */
#ifndef CUBE_CONTROLLER_MANAGER_OPTIONS_H
#define CUBE_CONTROLLER_MANAGER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/client/controller.h"

struct controller_manager_options {
	const char *cluster_cidr, *service_cluster_ip_range;
	bool allocate_node_cidrs;
	int64_t node_cidr_mask_size; /* 24 */
	const char *root_ca_file;
	const char *root_ca; /* the file's text, or NULL */
	const char *service_account_private_key_file;
	int64_t node_monitor_grace_period_ms;  /* 40 s: no lease for so long means Unknown */
	int64_t node_monitor_period_ms;        /* 5 s */
	int64_t terminated_pod_gc_threshold;   /* 12500 */
	const char *host_path_provisioner_dir; /* volumes of the default class are made below it; NULL: no
						  provisioner */
};

static inline const struct controller_manager_options *options_of(const struct controller_context *ctx)
{
	return ctx->options;
}

#endif
