/* options: the command line of kube-apiserver, with upstream's flag names; unknown flags are errors. */
#ifndef CUBE_APISERVER_OPTIONS_H
#define CUBE_APISERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/feature_gates.h"
#include "lib/base/flags.h"

struct error;

struct api_options {
	/* serving */
	const char *bind_address, *advertise_address, *external_hostname;
	int64_t secure_port;
	const char *tls_cert_file, *tls_private_key_file, *cert_dir;
	struct flag_list tls_sni_cert_keys, tls_cipher_suites;
	const char *tls_min_version;
	bool shutdown_send_retry_after;
	int64_t shutdown_watch_grace_ms;
	int64_t shutdown_delay_ms, request_timeout_ms, min_request_timeout_s;
	int64_t max_requests_inflight, max_mutating_requests_inflight;
	/* etcd */
	struct flag_list etcd_servers;
	const char *etcd_cafile, *etcd_certfile, *etcd_keyfile, *etcd_prefix, *storage_media_type;
	int64_t etcd_compaction_interval_ms, event_ttl_ms;
	/* who */
	const char *client_ca_file, *token_auth_file;
	bool anonymous_auth, enable_bootstrap_token_auth;
	struct flag_list authorization_modes;
	const char *authorization_webhook_config_file, *authentication_token_webhook_config_file;
	const char *authorization_policy_file;
	/* audit log */
	const char *audit_policy_file, *audit_log_path, *audit_log_format, *audit_log_mode,
	    *audit_log_version;
	int64_t audit_log_maxage_days, audit_log_maxbackup, audit_log_maxsize_mb;
	const char *audit_webhook_config_file, *audit_webhook_mode;
	struct flag_list service_account_issuers, service_account_key_files, api_audiences;
	const char *service_account_signing_key_file, *service_account_jwks_uri;
	int64_t service_account_max_token_expiration_ms;
	bool service_account_lookup, service_account_extend_token_expiration;
	struct flag_list requestheader_allowed_names, requestheader_extra_headers_prefix,
	    requestheader_group_headers, requestheader_username_headers;
	const char *requestheader_client_ca_file, *proxy_client_cert_file, *proxy_client_key_file;
	/* admission */
	struct flag_list enable_admission_plugins, disable_admission_plugins;
	const char *admission_control_config_file;
	bool allow_privileged;
	/* services */
	const char *service_cluster_ip_range, *service_node_port_range;
	int64_t apiserver_count;
	const char *endpoint_reconciler_type;
	/* kubelets */
	const char *kubelet_client_certificate, *kubelet_client_key, *kubelet_certificate_authority;
	struct flag_list kubelet_preferred_address_types;
	int64_t kubelet_timeout_ms;
	/* the rest */
	struct flag_list feature_gates, runtime_config;
	struct feature_gates features; /* what feature_gates says */
	int64_t verbosity;
	bool profiling, enable_priority_and_fairness, enable_aggregator_routing;
	bool is_insecure; /* plain HTTP, for tests */
	bool want_help, want_version;
};

/* Fills the defaults, then what argv says; freed by options_done(). */
int options_parse(struct api_options *options, int argc, char **argv, struct error *err);
void options_done(struct api_options *options); /* also after a failed parse */

#endif
