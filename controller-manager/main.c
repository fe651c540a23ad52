/* kube-controller-manager: runs the controllers of controllers.def, each a pure reconcile function. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller-manager/host_path_reclaimer.h"
#include "controller-manager/options.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/controller.h"
#include "lib/client/daemon.h"

#define CONTROLLER(name) extern const struct controller controller_##name;
#include "controller-manager/controllers.def"
#undef CONTROLLER

static const struct controller *const controllers[] = {
#define CONTROLLER(name) &controller_##name,
#include "controller-manager/controllers.def"
#undef CONTROLLER
};
enum { CONTROLLERS_LEN = sizeof controllers / sizeof controllers[0] };

struct program {
	struct daemon daemon;
	struct controller_manager_options options;
	struct controller_runner *runner;
	struct host_path_reclaimer *reclaimer;
	struct buf root_ca;
	struct flag_list chosen;
};

static void start(void *arg)
{
	controller_runner_start(((struct program *)arg)->runner);
}

static void stop(void *arg)
{
	daemon_exit(&((struct program *)arg)->daemon, 0);
}

static void metrics(void *arg, struct buf *out)
{
	controller_runner_metrics(((struct program *)arg)->runner, out);
}

/* --controllers=*,-foo,bar: `*` means all, a minus takes one away, a name alone adds it. */
static bool is_chosen(const struct flag_list *list, const char *name)
{
	bool all = list->len == 0, named = false, refused = false;

	for (size_t i = 0; i < list->len; i++) {
		all |= str_eq(list->items[i], "*");
		named |= str_eq(list->items[i], name);
		refused |= list->items[i][0] == '-' && str_eq(list->items[i] + 1, name);
	}
	return (all || named) && !refused;
}

static void check_names(const struct flag_list *list)
{
	const char *names[CONTROLLERS_LEN + 1] = {NULL};

	for (size_t i = 0; i < CONTROLLERS_LEN; i++)
		names[i] = controllers[i]->name;
	for (size_t i = 0; i < list->len; i++) {
		const char *name = list->items[i] + (list->items[i][0] == '-'),
			   *near = str_nearest(name, names);

		if (str_eq(name, "*") || str_in(name, names))
			continue;
		fprintf(stderr, "kube-controller-manager: --controllers: no controller \"%s\"%s%s\n", name,
		    near ? "; did you mean " : "", near ? near : "");
		exit(2);
	}
}

static void read_root_ca(struct program *p)
{
	FILE *file;
	size_t n;

	if (!p->options.root_ca_file)
		return;
	file = fopen(p->options.root_ca_file, "re");
	if (!file) {
		fprintf(stderr, "kube-controller-manager: --root-ca-file %s: %s\n", p->options.root_ca_file,
		    strerror(errno));
		exit(2);
	}
	while ((n = fread(buf_reserve(&p->root_ca, 4096), 1, 4096, file)) > 0)
		p->root_ca.size += n;
	fclose(file);
	buf_append(&p->root_ca, "", 0);
	p->options.root_ca = buf_str(&p->root_ca);
}

int main(int argc, char **argv)
{
	struct program p = {.options = {.node_cidr_mask_size = 24,
				.node_monitor_grace_period_ms = 40000,
				.node_monitor_period_ms = 5000,
				.terminated_pod_gc_threshold = 12500}};
	struct controller_manager_options *o = &p.options;
	const struct flag flags[] = {
	    {"allocate-node-cidrs", 0, FLAG_BOOL, &o->allocate_node_cidrs,
		"Give every node a part of --cluster-cidr for its pods", NULL, NULL},
	    {"cluster-cidr", 0, FLAG_STRING, &o->cluster_cidr, "Addresses of pods", NULL, NULL},
	    {"node-cidr-mask-size", 0, FLAG_INT, &o->node_cidr_mask_size, "Size of a node's part", NULL,
		NULL},
	    {"service-cluster-ip-range", 0, FLAG_STRING, &o->service_cluster_ip_range,
		"Addresses of Services", NULL, NULL},
	    {"root-ca-file", 0, FLAG_STRING, &o->root_ca_file,
		"Published as kube-root-ca.crt in every namespace", NULL, NULL},
	    {"service-account-private-key-file", 0, FLAG_STRING, &o->service_account_private_key_file,
		"Signs legacy tokens", NULL, NULL},
	    {"node-monitor-grace-period", 0, FLAG_DURATION, &o->node_monitor_grace_period_ms,
		"Silence after which a node is Unknown", NULL, NULL},
	    {"node-monitor-period", 0, FLAG_DURATION, &o->node_monitor_period_ms,
		"How often nodes' leases are looked at", NULL, NULL},
	    {"terminated-pod-gc-threshold", 0, FLAG_INT, &o->terminated_pod_gc_threshold,
		"Finished pods that may stay", NULL, NULL},
	    {"host-path-provisioner-dir", 0, FLAG_STRING, &o->host_path_provisioner_dir,
		"Where volumes of the class provisioned by cube.local/host-path are made", NULL, NULL},
	    {"controllers", 0, FLAG_LIST, &p.chosen, "Controllers to run: *, NAME, -NAME", NULL, NULL},
	    {NULL, 0, FLAG_STRING, NULL, NULL, NULL, NULL},
	};
	int status;

	daemon_init(&p.daemon,
	    &(struct daemon_options){.name = "kube-controller-manager",
		.flags = flags,
		.default_port = 10257,
		.leader_elect = true},
	    argc, argv);
	check_names(&p.chosen);
	read_root_ca(&p);
	p.runner =
	    controller_runner_new(p.daemon.loop, p.daemon.client, p.daemon.informers, p.daemon.events, o);
	for (size_t i = 0; i < CONTROLLERS_LEN; i++) {
		if (is_chosen(&p.chosen, controllers[i]->name))
			controller_runner_add(p.runner, controllers[i]);
	}
	p.reclaimer = host_path_reclaimer_new(&p.daemon, o->host_path_provisioner_dir);
	daemon_set_metrics(&p.daemon, metrics, &p);
	status = daemon_run(&p.daemon, start, stop, &p);
	host_path_reclaimer_free(p.reclaimer);
	controller_runner_free(p.runner);
	daemon_done(&p.daemon);
	buf_done(&p.root_ca);
	free(p.chosen.items);
	return status;
}
