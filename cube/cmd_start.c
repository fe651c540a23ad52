#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cube/api.h"
#include "cube/command.h"
#include "cube/components.h"
#include "cube/files.h"
#include "cube/host.h"
#include "cube/image.h"
#include "cube/phases.h"
#include "cube/pki.h"
#include "cube/preflight.h"
#include "cube/supervisor.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

struct start_options {
	const char *data_dir, *node_name, *node_ip, *pod_cidr, *service_cidr, *cluster_domain;
	int64_t api_port, kubelet_port, timeout_ms;
	bool wait, quiet;
};

/* Settings are fixed by the first start: a different answer later would not fit certificates and objects made
 * by then. */
static int settle_text(
    const struct cluster *c, const char *flag, const char *given, const char **setting, struct error *err)
{
	if (!given || str_eq(given, *setting))
		return 0;
	if (cluster_exists(c))
		return error_set(err, ERR_BAD_REQUEST,
		    "--%s %s: this cluster was made with %s; `cube delete` first", flag, given, *setting);
	*setting = given;
	return 0;
}

static int settle(struct cluster *c, const struct start_options *o, struct error *err)
{
	if (settle_text(c, "node-name", o->node_name, &c->node_name, err) < 0 ||
	    settle_text(c, "node-ip", o->node_ip, &c->node_ip, err) < 0 ||
	    settle_text(c, "pod-cidr", o->pod_cidr, &c->pod_cidr, err) < 0 ||
	    settle_text(c, "service-cidr", o->service_cidr, &c->service_cidr, err) < 0 ||
	    settle_text(c, "cluster-domain", o->cluster_domain, &c->cluster_domain, err) < 0)
		return -1;
	if (!cluster_exists(c) && o->node_ip)
		c->owns_node_ip = false;
	if (o->api_port)
		c->api_port = o->api_port;
	if (o->kubelet_port)
		c->kubelet_port = o->kubelet_port;
	return cluster_derive(c, err);
}

/* The pause image comes from our own static binary, so that no pod sandbox ever needs a registry. */
static int load_pause_image(const struct cluster *c, int64_t timeout_ms, struct error *err)
{
	const char *archive = arena_printf(c->arena, "%s/../share/cube/pause.tar", c->bin_dir);
	const char *socket = cluster_path(c, "containerd/containerd.sock"),
		   *done = cluster_path(c, "containerd/pause-loaded");
	int64_t end = phases_now_ms() + timeout_ms;
	char *names;

	while (access(socket, F_OK) < 0) {
		if (phases_now_ms() > end)
			return error_set(err, ERR_TIMEOUT, "containerd does not listen: see %s",
			    cluster_path(c, "logs/containerd.log"));
		usleep(5000);
	}
	if (access(done, F_OK) == 0)
		return 0;
	for (;;) {
		struct error attempt = ERROR_INIT;

		if (image_load(c, archive, &names, &attempt) == 0)
			return file_write(done, "", 0, 0644, err);
		if (attempt.code == ERR_NOT_FOUND || phases_now_ms() > end)
			return error_set(err, attempt.code, "load the pause image: %s", attempt.message);
		usleep(20000);
	}
}

static int start_cluster(
    struct cluster *c, const struct start_options *o, struct phases *phases, struct error *err)
{
	bool running = cluster_exists(c) && supervisor_pid_of(c, "supervisor") != 0;

	if (!running && preflight(c, err) < 0)
		return -1;
	phases_step(phases, running ? "already running" : "this host has what is needed");
	if (!running) {
		if (directory_make(c->data_dir, 0755, err) < 0 || host_detect(c, err) < 0 ||
		    components_write_config(c, err) < 0)
			return -1;
		/* From here on `cube delete` knows that there is something to undo. */
		if (cluster_save(c, err) < 0)
			return -1;
	}
	if (pki_ensure(c, err) < 0)
		return -1;
	phases_step(phases, "certificates and kubeconfigs");
	if (host_prepare(c, err) < 0)
		return -1;
	phases_step(phases, "node address %s, mount namespace", c->node_ip);
	if (supervisor_start(c, err) < 0)
		return -1;
	phases_step(phases, "processes started");
	return 0;
}

static int wait_for_cluster(
    struct cluster *c, const struct start_options *o, struct phases *phases, struct error *err)
{
	struct api *api = api_open(c, err);
	int rc = api ? api_wait_ready(api, o->timeout_ms, err) : -1;

	if (rc == 0) {
		phases_step(phases, "API server answers on https://127.0.0.1:%lld", (long long)c->api_port);
		rc = api_create_bootstrap(api, err);
	}
	if (rc == 0)
		rc = load_pause_image(c, o->timeout_ms, err);
	if (rc == 0)
		phases_step(phases, "bootstrap objects, pause image");
	if (rc == 0 && o->wait) {
		rc = api_wait_node_ready(api, c->node_name, o->timeout_ms, err);
		if (rc == 0)
			phases_step(phases, "node %s is Ready", c->node_name);
	}
	api_close(api);
	return rc;
}

int cmd_start(int argc, char **argv)
{
	struct start_options o = {.data_dir = CLUSTER_DEFAULT_DATA_DIR, .timeout_ms = 60000, .wait = true};
	const struct flag flags[] = {
	    FLAG_DATA_DIR(o.data_dir),
	    {"node-name", 0, FLAG_STRING, &o.node_name, "Name of the node; the host name unless given", NULL,
		NULL},
	    {"node-ip", 0, FLAG_STRING, &o.node_ip,
		"Address of the node that others reach; its own link with 10.245.0.1 unless given", NULL,
		NULL},
	    {"api-port", 0, FLAG_INT, &o.api_port, "Port of the API server (6443)", NULL, NULL},
	    {"kubelet-port", 0, FLAG_INT, &o.kubelet_port, "Port of the kubelet (10250)", NULL, NULL},
	    {"pod-cidr", 0, FLAG_STRING, &o.pod_cidr, "Addresses of pods (10.244.0.0/16)", NULL, NULL},
	    {"service-cidr", 0, FLAG_STRING, &o.service_cidr, "Addresses of Services (10.96.0.0/16)", NULL,
		NULL},
	    {"cluster-domain", 0, FLAG_STRING, &o.cluster_domain, "DNS domain (cluster.local)", NULL, NULL},
	    {"wait", 0, FLAG_BOOL, &o.wait, "Wait until the node is Ready", NULL, NULL},
	    {"timeout", 0, FLAG_DURATION, &o.timeout_ms, "How long to wait (60s)", NULL, NULL},
	    {"quiet", 'q', FLAG_BOOL, &o.quiet, "Print nothing but errors", NULL, NULL},
	    FLAG_END,
	};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct phases phases;
	struct cluster cluster;
	const char **args, *kubeconfig;
	size_t len;
	int rc = command_parse("start", flags, argc, argv, &args, &len, NULL);

	if (rc)
		return rc < 0 ? EXIT_USAGE : 0;
	if (len) {
		fprintf(stderr, "cube start: takes no arguments, got \"%s\"\n", args[0]);
		return EXIT_USAGE;
	}
	if (command_open(arena, o.data_dir, false, &cluster) != 0)
		return 1;
	phases_begin(&phases, o.quiet);
	if (settle(&cluster, &o, &err) < 0 || start_cluster(&cluster, &o, &phases, &err) < 0)
		return command_fail(&err);
	kubeconfig = command_kubeconfig(arena);
	if (pki_write_user_kubeconfig(&cluster, kubeconfig, &err) < 0)
		return command_fail(&err);
	phases_step(&phases, "context \"%s\" in %s", CLUSTER_CONTEXT, kubeconfig);
	if (wait_for_cluster(&cluster, &o, &phases, &err) < 0) {
		fprintf(stderr, "cube: %s\n`cube status` shows what runs, `cube logs COMPONENT` why\n",
		    err.message);
		return 1;
	}
	phases_end(&phases, "started");
	arena_free(arena);
	return 0;
}
