#include "apiserver/options.h"
#include "apiserver/serving_flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static void set_defaults(struct api_options *o)
{
	*o = (struct api_options){
	    .bind_address = "0.0.0.0",
	    .secure_port = 6443,
	    .cert_dir = "/var/run/kubernetes",
	    .request_timeout_ms = 60000,
	    .min_request_timeout_s = 1800,
	    .max_requests_inflight = 400,
	    .max_mutating_requests_inflight = 200,
	    .etcd_prefix = "/registry",
	    .etcd_compaction_interval_ms = 5 * 60 * 1000,
	    .event_ttl_ms = 3600 * 1000,
	    .anonymous_auth = true,
	    .service_account_lookup = true,
	    .service_account_extend_token_expiration = true,
	    .service_node_port_range = "30000-32767",
	    .service_cluster_ip_range = "10.0.0.0/24",
	    .apiserver_count = 1,
	    .endpoint_reconciler_type = "lease",
	    .kubelet_timeout_ms = 5000,
	    .enable_priority_and_fairness = true,
	    .features = feature_gates_defaults,
	    .audit_log_format = "json",
	    .audit_log_mode = "blocking",
	    .audit_log_version = "audit.k8s.io/v1",
	};
}

#define STRING(flag, member, text)                                                                           \
	{                                                                                                    \
		flag, 0, FLAG_STRING, &o->member, text, NULL, NULL                                           \
	}
#define BOOL(flag, member, text)                                                                             \
	{                                                                                                    \
		flag, 0, FLAG_BOOL, &o->member, text, NULL, NULL                                             \
	}
#define INT(flag, member, text)                                                                              \
	{                                                                                                    \
		flag, 0, FLAG_INT, &o->member, text, NULL, NULL                                              \
	}
#define DURATION(flag, member, text)                                                                         \
	{                                                                                                    \
		flag, 0, FLAG_DURATION, &o->member, text, NULL, NULL                                         \
	}
#define LIST(flag, member, text)                                                                             \
	{                                                                                                    \
		flag, 0, FLAG_LIST, &o->member, text, NULL, NULL                                             \
	}
#define ARRAY(flag, member, text)                                                                            \
	{                                                                                                    \
		flag, 0, FLAG_ARRAY, &o->member, text, NULL, NULL                                            \
	}

enum { FLAGS_MAX = 112 };

static void make_flags(struct api_options *o, struct flag out[FLAGS_MAX])
{
	const struct flag flags[] = {
	    STRING("bind-address", bind_address, "IP address to listen on"),
	    STRING("advertise-address", advertise_address,
		"IP address that members of the cluster reach this server at"),
	    STRING("external-hostname", external_hostname, "hostname for externalized URLs"),
	    INT("secure-port", secure_port, "port to serve HTTPS on; 0 picks a free one"),
	    STRING("tls-cert-file", tls_cert_file, "certificate to serve with, PEM"),
	    STRING("tls-private-key-file", tls_private_key_file, "its key, PEM"),
	    STRING("cert-dir", cert_dir, "where a self-signed certificate is kept when none is given"),
	    ARRAY("tls-sni-cert-key", tls_sni_cert_keys, "not supported: refused"),
	    LIST("tls-cipher-suites", tls_cipher_suites, "cipher suites of TLS 1.2, by their IANA names"),
	    STRING("tls-min-version", tls_min_version, "VersionTLS12 or VersionTLS13"),
	    DURATION("shutdown-delay-duration", shutdown_delay_ms, "how long to go on serving after SIGTERM"),
	    BOOL("shutdown-send-retry-after", shutdown_send_retry_after,
		"while stopping, go on listening and answer 429 until what is under way has finished"),
	    DURATION("shutdown-watch-termination-grace-period", shutdown_watch_grace_ms,
		"0 only: watches end at once, in good order"),
	    DURATION("request-timeout", request_timeout_ms, "longest time for a request that is no watch"),
	    INT("min-request-timeout", min_request_timeout_s,
		"shortest time in seconds that a watch is kept open"),
	    INT("max-requests-inflight", max_requests_inflight, "reading requests at a time"),
	    INT("max-mutating-requests-inflight", max_mutating_requests_inflight,
		"writing requests at a time"),
	    LIST("etcd-servers", etcd_servers, "URLs of etcd; memory: keeps everything in memory"),
	    STRING("etcd-cafile", etcd_cafile, "CA of etcd's certificate"),
	    STRING("etcd-certfile", etcd_certfile, "client certificate for etcd"),
	    STRING("etcd-keyfile", etcd_keyfile, "its key"),
	    STRING("etcd-prefix", etcd_prefix, "prefix of all keys in etcd"),
	    STRING("storage-media-type", storage_media_type,
		"application/vnd.kubernetes.protobuf; no other is supported"),
	    DURATION("etcd-compaction-interval", etcd_compaction_interval_ms,
		"how often history is dropped; 0 for never"),
	    DURATION("event-ttl", event_ttl_ms, "how long events are kept"),
	    STRING("client-ca-file", client_ca_file, "CA of client certificates"),
	    STRING("token-auth-file", token_auth_file, "static tokens, CSV"),
	    BOOL("anonymous-auth", anonymous_auth, "let requests without credentials in as system:anonymous"),
	    BOOL("enable-bootstrap-token-auth", enable_bootstrap_token_auth, "accept bootstrap tokens"),
	    LIST("authorization-mode", authorization_modes, "AlwaysAllow, AlwaysDeny, Node, RBAC; in order"),
	    STRING("authorization-webhook-config-file", authorization_webhook_config_file,
		"not supported: refused"),
	    STRING("authentication-token-webhook-config-file", authentication_token_webhook_config_file,
		"not supported: refused"),
	    STRING("authorization-policy-file", authorization_policy_file, "not supported: refused"),
	    STRING("audit-policy-file", audit_policy_file, "what is audited: a Policy of audit.k8s.io/v1"),
	    STRING("audit-log-path", audit_log_path, "file of the audit log; - for standard output"),
	    STRING("audit-log-format", audit_log_format, "json; no other is supported"),
	    STRING("audit-log-mode", audit_log_mode,
		"blocking, or blocking-strict: a request whose arrival cannot be logged is refused"),
	    STRING("audit-log-version", audit_log_version, "audit.k8s.io/v1; no other is supported"),
	    INT("audit-log-maxage", audit_log_maxage_days, "days that old log files are kept; 0 for ever"),
	    INT("audit-log-maxbackup", audit_log_maxbackup, "old log files to keep; 0 for all"),
	    INT("audit-log-maxsize", audit_log_maxsize_mb,
		"megabytes of a log file before the next is begun; 0 for 100"),
	    STRING("audit-webhook-config-file", audit_webhook_config_file, "not supported: refused"),
	    STRING("audit-webhook-mode", audit_webhook_mode, "not supported: refused"),
	    ARRAY("service-account-issuer", service_account_issuers, "issuer of service account tokens"),
	    ARRAY("service-account-key-file", service_account_key_files,
		"keys that verify service account tokens"),
	    STRING(
		"service-account-signing-key-file", service_account_signing_key_file, "key that signs them"),
	    STRING("service-account-jwks-uri", service_account_jwks_uri,
		"where the verifying keys are published"),
	    LIST("api-audiences", api_audiences, "audiences that tokens for this server carry"),
	    DURATION("service-account-max-token-expiration", service_account_max_token_expiration_ms,
		"longest life of a token"),
	    BOOL("service-account-lookup", service_account_lookup, "tokens die with their service account"),
	    BOOL("service-account-extend-token-expiration", service_account_extend_token_expiration,
		"tokens of pods live a year for clients that do not reload them"),
	    LIST("requestheader-allowed-names", requestheader_allowed_names, "common names of front proxies"),
	    LIST("requestheader-extra-headers-prefix", requestheader_extra_headers_prefix,
		"prefixes of extra headers"),
	    LIST("requestheader-group-headers", requestheader_group_headers, "headers that name groups"),
	    LIST("requestheader-username-headers", requestheader_username_headers,
		"headers that name the user"),
	    STRING("requestheader-client-ca-file", requestheader_client_ca_file, "CA of front proxies"),
	    STRING(
		"proxy-client-cert-file", proxy_client_cert_file, "client certificate for extension servers"),
	    STRING("proxy-client-key-file", proxy_client_key_file, "its key"),
	    LIST("enable-admission-plugins", enable_admission_plugins,
		"admission plugins besides the default ones"),
	    LIST("disable-admission-plugins", disable_admission_plugins,
		"default admission plugins to leave out"),
	    STRING("admission-control-config-file", admission_control_config_file, "not supported: refused"),
	    BOOL("allow-privileged", allow_privileged, "let containers be privileged"),
	    STRING("service-cluster-ip-range", service_cluster_ip_range, "CIDR of cluster IPs"),
	    STRING("service-node-port-range", service_node_port_range, "range of node ports"),
	    INT("apiserver-count", apiserver_count,
		"how many servers there are, for --endpoint-reconciler-type=master-count"),
	    STRING("endpoint-reconciler-type", endpoint_reconciler_type,
		"how servers keep the endpoints of the service kubernetes: lease, master-count or none"),
	    STRING(
		"kubelet-client-certificate", kubelet_client_certificate, "client certificate for kubelets"),
	    STRING("kubelet-client-key", kubelet_client_key, "its key"),
	    STRING("kubelet-certificate-authority", kubelet_certificate_authority,
		"CA of kubelets' certificates"),
	    LIST("kubelet-preferred-address-types", kubelet_preferred_address_types,
		"which node address to use"),
	    DURATION("kubelet-timeout", kubelet_timeout_ms, "time for a kubelet to answer"),
	    LIST("feature-gates", feature_gates, "Name=true|false; the names are listed below"),
	    LIST("runtime-config", runtime_config, "group/version=true; nothing can be switched off"),
	    {"v", 'v', FLAG_INT, &o->verbosity, "log level; from 4 on debug", NULL, NULL},
	    BOOL("profiling", profiling, "false, the default here: nothing is served under /debug/pprof"),
	    BOOL("enable-priority-and-fairness", enable_priority_and_fairness,
		"queue requests by priority levels; false: only count those in flight"),
	    BOOL("enable-aggregator-routing", enable_aggregator_routing,
		"always so: extension servers are reached by their endpoints"),
	    BOOL("insecure-http", is_insecure, "serve plain HTTP: for tests"),
	    {"help", 'h', FLAG_BOOL, &o->want_help, "this text", NULL, NULL},
	    BOOL("version", want_version, "print the version"),
	    {0},
	};
	_Static_assert(sizeof flags / sizeof flags[0] <= FLAGS_MAX, "FLAGS_MAX is too small");
	memcpy(out, flags, sizeof flags);
}

/* A policy that is accepted and then not applied would leave the server more open than its operator believes.
 */
static int refuse_unfinished(const struct api_options *o, struct error *err)
{
	const struct {
		const char *name, *value;
	} unfinished[] = {
	    {"authorization-webhook-config-file", o->authorization_webhook_config_file},
	    {"authentication-token-webhook-config-file", o->authentication_token_webhook_config_file},
	    {"authorization-policy-file", o->authorization_policy_file},
	    {"admission-control-config-file", o->admission_control_config_file},
	    {"audit-webhook-config-file", o->audit_webhook_config_file},
	    {"audit-webhook-mode", o->audit_webhook_mode},
	};
	for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++)
		if (!str_empty(unfinished[i].value))
			return error_set(err, ERR_NOT_IMPLEMENTED, "--%s is not supported: leave it out",
			    unfinished[i].name);
	return 0;
}

static int check_times(const struct api_options *o, struct error *err)
{
	if (o->request_timeout_ms <= 0)
		return error_set(err, ERR_BAD_REQUEST, "--request-timeout must be more than 0");
	if (o->shutdown_delay_ms < 0)
		return error_set(err, ERR_BAD_REQUEST, "--shutdown-delay-duration must not be negative");
	if (o->shutdown_watch_grace_ms != 0)
		return error_set(err, ERR_NOT_IMPLEMENTED,
		    "--shutdown-watch-termination-grace-period is not supported, watches end at once: leave "
		    "it out");
	return 0;
}

static int check_endpoints(const struct api_options *o, struct error *err)
{
	static const char *const types[] = {"lease", "master-count", "none", NULL};
	if (!str_in(o->endpoint_reconciler_type, types))
		return error_set(err, ERR_BAD_REQUEST,
		    "--endpoint-reconciler-type %s is not known: lease, master-count or none is wanted",
		    o->endpoint_reconciler_type);
	if (o->apiserver_count < 1)
		return error_set(err, ERR_BAD_REQUEST,
		    "--apiserver-count %lld: a number of 1 or more is wanted", (long long)o->apiserver_count);
	return 0;
}

static void print_help(const struct flag *flags)
{
	struct buf gates = BUF_INIT;
	flags_print_help(flags, "kube-apiserver [flags]");
	feature_gates_print(&gates);
	printf("\nFeature gates:\n%s", buf_str(&gates));
	buf_done(&gates);
}

int options_parse(struct api_options *o, int argc, char **argv, struct error *err)
{
	struct flag flags[FLAGS_MAX];
	set_defaults(o);
	make_flags(o, flags);
	const char **args = NULL;
	size_t len = 0;
	if (flags_parse(flags, argc, argv, &args, &len, NULL, err))
		return -1;
	bool has_args = len > 0;
	if (has_args)
		error_set(err, ERR_BAD_REQUEST, "unexpected argument \"%s\"", args[0]);
	free(args);
	if (has_args)
		return -1;
	if (o->want_help)
		print_help(flags);
	if (feature_gates_parse(&o->features, o->feature_gates.items, o->feature_gates.len, err))
		return -1;
	return refuse_unfinished(o, err) || check_times(o, err) || check_endpoints(o, err) ||
		       serving_flags_check(o, err)
		   ? -1
		   : 0;
}

void options_done(struct api_options *o)
{
	struct flag flags[FLAGS_MAX];
	make_flags(o, flags);
	flags_done(flags);
}
