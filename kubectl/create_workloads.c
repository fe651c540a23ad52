/* kubectl create deployment, job, cronjob, service. */
#include <stdio.h>
#include <string.h>

#include "kubectl/create.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"

/* "registry:5000/library/nginx:1.2@sha256:..." -> "nginx". */
static const char *image_name(struct arena *arena, const char *image)
{
	const char *slash = strrchr(image, '/'), *base = slash ? slash + 1 : image;
	return arena_strndup(arena, base, strcspn(base, ":@"));
}

static struct json *labels(struct arena *arena, const char *key, const char *value)
{
	struct json *map = json_new_object(arena);
	json_set(arena, map, key, json_new_string(arena, value));
	return map;
}

static void split_command(const struct generator *g, const char *const **ret, size_t *ret_len)
{
	size_t own = g->args.dash >= 0 ? (size_t)g->args.dash : g->args.len;
	*ret = g->args.items + own;
	*ret_len = g->args.len - own;
}

static int run_deployment(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct flag_list images = {0};
	int64_t replicas = 1, port = -1;
	const struct flag flags[] = {{"image", 0, FLAG_LIST, &images, "Image; may repeat"},
	    {"replicas", 'r', FLAG_INT, &replicas, "Number of pods"},
	    {"port", 0, FLAG_INT, &port, "Port of the container"}, FLAG_END};
	const char *const *command;
	size_t len;
	if (generator_parse(&g, "kubectl create deployment NAME --image=image -- [COMMAND] [args...]", flags,
		argc, argv, err))
		return -1;
	split_command(&g, &command, &len);
	if (!images.len)
		return error_set(err, ERR_PARSE, "required flag(s) \"image\" not set");
	if (images.len > 1 && len)
		return error_set(err, ERR_PARSE, "cannot specify multiple --image options and command");
	struct arena *a = k->arena;
	struct json *d = tree_new(a, "apps/v1", "Deployment", g.name, NULL), *containers = json_new_array(a);
	json_set(a, json_get(d, "metadata"), "labels", labels(a, "app", g.name));
	tree_set(a, d, "spec.replicas", json_new_int(a, replicas));
	tree_set(a, d, "spec.selector.matchLabels", labels(a, "app", g.name));
	tree_set(a, d, "spec.strategy", json_new_object(a));
	tree_set(a, d, "spec.template.metadata.creationTimestamp", json_new_null(a));
	tree_set(a, d, "spec.template.metadata.labels", labels(a, "app", g.name));
	for (size_t i = 0; i < images.len; i++) {
		struct json *c =
		    generator_container(a, image_name(a, images.items[i]), images.items[i], command, len);
		if (port >= 0 && i == 0) {
			struct json *ports = json_new_array(a), *one = json_new_object(a);
			json_set(a, one, "containerPort", json_new_int(a, port));
			json_push(a, ports, one);
			json_set(a, c, "ports", ports);
		}
		json_push(a, containers, c);
	}
	tree_set(a, d, "spec.template.spec.containers", containers);
	json_set(a, d, "status", json_new_object(a));
	return generator_finish(&g, d, err);
}

const struct command create_deployment = {
    "deployment", "deploy,dep", NULL, "Create a deployment with the specified name", run_deployment};

static struct json *job_spec(struct arena *a, const char *name, const char *image, const char *const *command,
    size_t len, const char *restart)
{
	struct json *spec = json_new_object(a), *containers = json_new_array(a);
	json_push(a, containers, generator_container(a, name, image, command, len));
	tree_set(a, spec, "template.metadata.creationTimestamp", json_new_null(a));
	tree_set(a, spec, "template.spec.containers", containers);
	tree_set_text(a, spec, "template.spec.restartPolicy", restart);
	return spec;
}

/* --from=cronjob/NAME: a job as the cron job would make it. */
static int job_of_cron_job(struct generator *g, const char *from, struct json **ret, struct error *err)
{
	struct kubectl *k = g->k;
	const char *args[] = {from, NULL};
	struct target target;
	if (target_find_one(k, &(struct target_query){.args = args, .args_len = 1}, &target, err))
		return -1;
	if (!str_eq(target.mapping->kind, "CronJob"))
		return error_set(err, ERR_PARSE, "from must be an existing cronjob");
	struct json *job = tree_new(k->arena, "batch/v1", "Job", g->name, NULL);
	const struct json *template = tree_at(target.tree, "spec.jobTemplate");
	struct json *owner = json_new_object(k->arena), *owners = json_new_array(k->arena);
	if (tree_at(template, "metadata.labels"))
		tree_set(k->arena, job, "metadata.labels",
		    json_clone(k->arena, tree_at(template, "metadata.labels")));
	tree_set_text(k->arena, job, "metadata.annotations", "");
	struct json *annotations = json_new_object(k->arena);
	json_set(
	    k->arena, annotations, "cronjob.kubernetes.io/instantiate", json_new_string(k->arena, "manual"));
	tree_set(k->arena, job, "metadata.annotations", annotations);
	tree_set_text(k->arena, owner, "apiVersion", "batch/v1");
	tree_set_text(k->arena, owner, "kind", "CronJob");
	tree_set_text(k->arena, owner, "name", target.name);
	tree_set_text(k->arena, owner, "uid", tree_text(target.tree, "metadata.uid", ""));
	json_set(k->arena, owner, "controller", json_new_bool(k->arena, true));
	json_push(k->arena, owners, owner);
	tree_set(k->arena, job, "metadata.ownerReferences", owners);
	json_set(k->arena, job, "spec", json_clone(k->arena, json_get(template, "spec")));
	*ret = job;
	return 0;
}

static int run_job(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	const char *image = NULL, *from = NULL;
	const struct flag flags[] = {{"image", 0, FLAG_STRING, &image, "Image"},
	    {"from", 0, FLAG_STRING, &from, "cronjob/NAME to make the job of"}, FLAG_END};
	const char *const *command;
	size_t len;
	struct json *job = NULL;
	if (generator_parse(&g,
		"kubectl create job NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]", flags,
		argc, argv, err))
		return -1;
	split_command(&g, &command, &len);
	if (!image == !from)
		return error_set(err, ERR_PARSE, "either --image or --from must be specified");
	if (from) {
		if (job_of_cron_job(&g, from, &job, err))
			return -1;
	} else {
		job = tree_new(k->arena, "batch/v1", "Job", g.name, NULL);
		json_set(k->arena, job, "spec", job_spec(k->arena, g.name, image, command, len, "Never"));
	}
	json_set(k->arena, job, "status", json_new_object(k->arena));
	return generator_finish(&g, job, err);
}

const struct command create_job = {"job", NULL, NULL, "Create a job with the specified name", run_job};

static int run_cron_job(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	const char *image = NULL, *schedule = NULL, *restart = "OnFailure";
	const struct flag flags[] = {{"image", 0, FLAG_STRING, &image, "Image"},
	    {"schedule", 0, FLAG_STRING, &schedule, "Schedule, as of cron"},
	    {"restart", 0, FLAG_STRING, &restart, "OnFailure or Never"}, FLAG_END};
	const char *const *command;
	size_t len;
	if (generator_parse(&g,
		"kubectl create cronjob NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...]",
		flags, argc, argv, err))
		return -1;
	split_command(&g, &command, &len);
	if (!image || !schedule)
		return error_set(
		    err, ERR_PARSE, "required flag(s) \"%s\" not set", image ? "schedule" : "image");
	struct arena *a = k->arena;
	struct json *job = tree_new(a, "batch/v1", "CronJob", g.name, NULL);
	tree_set_text(a, job, "spec.jobTemplate.metadata.name", g.name);
	tree_set(a, job, "spec.jobTemplate.metadata.creationTimestamp", json_new_null(a));
	tree_set(a, job, "spec.jobTemplate.spec", job_spec(a, g.name, image, command, len, restart));
	tree_set_text(a, job, "spec.schedule", schedule);
	json_set(a, job, "status", json_new_object(a));
	return generator_finish(&g, job, err);
}

const struct command create_cron_job = {
    "cronjob", "cj", NULL, "Create a cron job with the specified name", run_cron_job};

/* -- services
 * ----------------------------------------------------------------------------------------------------- */

static int parse_tcp(
    struct arena *a, const char *text, int64_t node_port, struct json *ports, struct error *err)
{
	const char *colon = strchr(text, ':');
	const char *first = colon ? arena_strndup(a, text, (size_t)(colon - text)) : text,
		   *target = colon ? colon + 1 : text;
	int64_t number, target_number;
	if (!str_to_int64(first, &number) || number < 1 || number > 65535)
		return error_set(err, ERR_PARSE, "invalid port value: %s", first);
	struct json *port = json_new_object(a);
	tree_set_text(a, port, "name", colon ? arena_printf(a, "%s-%s", first, target) : first);
	if (node_port)
		json_set(a, port, "nodePort", json_new_int(a, node_port));
	json_set(a, port, "port", json_new_int(a, number));
	tree_set_text(a, port, "protocol", "TCP");
	json_set(a, port, "targetPort",
	    str_to_int64(target, &target_number) ? json_new_int(a, target_number)
						 : json_new_string(a, target));
	json_push(a, ports, port);
	return 0;
}

static int make_service(struct kubectl *k, const char *type, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct flag_list tcp = {0};
	const char *cluster_ip = NULL, *external = NULL;
	int64_t node_port = 0;
	const struct flag flags[] = {{"tcp", 0, FLAG_LIST, &tcp, "PORT[:TARGET_PORT]; may repeat"},
	    {"clusterip", 0, FLAG_STRING, &cluster_ip, "Address, or None"},
	    {"node-port", 0, FLAG_INT, &node_port, "Port of the nodes"},
	    {"external-name", 0, FLAG_STRING, &external, "Name that the service stands for"}, FLAG_END};
	if (generator_parse(&g,
		arena_printf(k->arena, "%s NAME [--tcp=<port>:<targetPort>] [flags]", k->command_path), flags,
		argc, argv, err))
		return -1;
	struct arena *a = k->arena;
	struct json *s = tree_new(a, "v1", "Service", g.name, NULL), *ports = json_new_array(a);
	if (!tcp.len && !external && !str_eq(cluster_ip, "None"))
		return error_set(err, ERR_PARSE, "at least one tcp port specifier must be provided");
	json_set(a, json_get(s, "metadata"), "labels", labels(a, "app", g.name));
	for (size_t i = 0; i < tcp.len; i++)
		if (parse_tcp(a, tcp.items[i], node_port, ports, err))
			return -1;
	json_set(a, s, "spec", json_new_object(a));
	if (cluster_ip)
		tree_set_text(a, s, "spec.clusterIP", cluster_ip);
	if (external)
		tree_set_text(a, s, "spec.externalName", external);
	if (ports->len)
		tree_set(a, s, "spec.ports", ports);
	tree_set(a, s, "spec.selector", labels(a, "app", g.name));
	tree_set_text(a, s, "spec.type", type);
	tree_set(a, s, "status.loadBalancer", json_new_object(a));
	return generator_finish(&g, s, err);
}

#define SERVICE(symbol, verb, type, text)                                                                    \
	static int run_##symbol(struct kubectl *k, int argc, char **argv, struct error *err)                 \
	{                                                                                                    \
		return make_service(k, type, argc, argv, err);                                               \
	}                                                                                                    \
	static const struct command service_##symbol = {verb, NULL, NULL, text, run_##symbol};
SERVICE(cluster_ip, "clusterip", "ClusterIP", "Create a ClusterIP service")
SERVICE(node_port, "nodeport", "NodePort", "Create a NodePort service")
SERVICE(load_balancer, "loadbalancer", "LoadBalancer", "Create a LoadBalancer service")
SERVICE(external_name, "externalname", "ExternalName", "Create an ExternalName service")

static const struct command *const services[] = {
    &service_cluster_ip, &service_external_name, &service_load_balancer, &service_node_port, NULL};

static int run_service(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(
	    k, services, "Create a service using a specified subcommand.", argc, argv, err);
}

const struct command create_service = {
    "service", "svc", NULL, "Create a service using a specified subcommand", run_service};
