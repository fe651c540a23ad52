/* v1 Service: defaults, what an update keeps, the table row. The rules are in service_validation.c. */
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/resources/service_rules.h"
#include "lib/resources/strategy.h"

bool service_has_node_ports(const CoreV1__ServiceSpec *spec)
{
	return str_eq(spec->type, "NodePort") ||
	       (str_eq(spec->type, "LoadBalancer") &&
		   (!spec->has_allocate_load_balancer_node_ports || spec->allocate_load_balancer_node_ports));
}

bool service_has_cluster_ip(const CoreV1__ServiceSpec *spec)
{
	return !str_eq(spec->type, "ExternalName");
}

static bool is_external(const CoreV1__ServiceSpec *spec)
{
	return str_eq(spec->type, "LoadBalancer") || str_eq(spec->type, "NodePort") ||
	       (str_eq(spec->type, "ClusterIP") && spec->n_external_ips);
}

static void default_affinity(CoreV1__ServiceSpec *spec, struct arena *arena)
{
	if (str_eq(spec->session_affinity, "None"))
		spec->session_affinity_config = NULL;
	if (!str_eq(spec->session_affinity, "ClientIP"))
		return;
	if (!spec->session_affinity_config)
		spec->session_affinity_config = API_NEW(arena, core_v1__session_affinity_config);
	if (!spec->session_affinity_config->client_ip)
		spec->session_affinity_config->client_ip = API_NEW(arena, core_v1__client_ipconfig);
	if (!spec->session_affinity_config->client_ip->has_timeout_seconds) {
		spec->session_affinity_config->client_ip->has_timeout_seconds = true;
		spec->session_affinity_config->client_ip->timeout_seconds = 10800;
	}
}

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__ServiceSpec *spec = MSG(CoreV1__Service, obj)->spec;

	default_affinity(spec, obj->arena);
	for (size_t i = 0; i < spec->n_ports; i++) {
		CoreV1__ServicePort *port = spec->ports[i];

		if (!port->target_port ||
		    (intstr_is_string(port->target_port) ? str_empty(port->target_port->str_val)
							 : !port->target_port->int_val))
			port->target_port = intstr_new_int(obj->arena, port->port);
	}
	if (is_external(spec) && str_empty(spec->external_traffic_policy))
		spec->external_traffic_policy = (char *)"Cluster";
	if (!spec->internal_traffic_policy && service_has_cluster_ip(spec))
		spec->internal_traffic_policy = (char *)"Cluster";
	if (str_eq(spec->type, "LoadBalancer") && !spec->has_allocate_load_balancer_node_ports) {
		spec->has_allocate_load_balancer_node_ports = true;
		spec->allocate_load_balancer_node_ports = true;
	}
}

/* clusterIP is the first of clusterIPs, whichever of the two the client knows. */
static void mirror_cluster_ip(CoreV1__ServiceSpec *spec, struct arena *arena)
{
	if (!str_empty(spec->cluster_ip) && !spec->n_cluster_ips)
		api_append(arena, spec, cluster_ips, spec->cluster_ip);
}

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	mirror_cluster_ip(MSG(CoreV1__Service, obj)->spec, obj->arena);
}

/* Old clients set one of clusterIP and clusterIPs only: a change of one is a change of both. */
static void normalize_cluster_ips(
    CoreV1__ServiceSpec *spec, const CoreV1__ServiceSpec *was, struct arena *arena)
{
	bool ip_changed = !str_eq(spec->cluster_ip, was->cluster_ip);
	bool ips_changed = spec->n_cluster_ips != was->n_cluster_ips;

	for (size_t i = 0; !ips_changed && i < spec->n_cluster_ips; i++)
		ips_changed = strcmp(spec->cluster_ips[i], was->cluster_ips[i]) != 0;
	if (!ip_changed || ips_changed)
		return;
	spec->n_cluster_ips = 0;
	spec->cluster_ips = NULL;
	if (!str_empty(spec->cluster_ip))
		api_append(arena, spec, cluster_ips, spec->cluster_ip);
}

static void keep_node_ports(CoreV1__ServiceSpec *spec, const CoreV1__ServiceSpec *was)
{
	for (size_t i = 0; i < spec->n_ports; i++)
		for (size_t j = 0; !spec->ports[i]->node_port && j < was->n_ports; j++)
			if (spec->ports[i]->port == was->ports[j]->port &&
			    str_eq(spec->ports[i]->protocol, was->ports[j]->protocol))
				spec->ports[i]->node_port = was->ports[j]->node_port;
}

static bool same_strings(size_t a_len, char **a, size_t b_len, char **b)
{
	for (size_t i = 0; i < a_len && i < b_len; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return a_len == b_len;
}

/* What was allocated for the old type and that the new one has no use for, unless the client changed it. */
static void drop_type_dependent(CoreV1__ServiceSpec *spec, const CoreV1__ServiceSpec *was)
{
	bool same_ports = spec->n_ports == was->n_ports;

	if (service_has_cluster_ip(was) && !service_has_cluster_ip(spec)) {
		if (same_strings(
			spec->n_cluster_ips, spec->cluster_ips, was->n_cluster_ips, was->cluster_ips)) {
			spec->cluster_ip = (char *)"";
			spec->n_cluster_ips = 0;
		}
		if (same_strings(
			spec->n_ip_families, spec->ip_families, was->n_ip_families, was->ip_families))
			spec->n_ip_families = 0;
		if (str_eq(spec->ip_family_policy, was->ip_family_policy))
			spec->ip_family_policy = NULL;
	}
	for (size_t i = 0; same_ports && i < spec->n_ports; i++)
		same_ports = spec->ports[i]->node_port == was->ports[i]->node_port;
	if (service_has_node_ports(was) && !service_has_node_ports(spec) && same_ports)
		for (size_t i = 0; i < spec->n_ports; i++)
			spec->ports[i]->node_port = 0;
	if (is_external(was) && !is_external(spec) &&
	    str_eq(spec->external_traffic_policy, was->external_traffic_policy))
		spec->external_traffic_policy = (char *)"";
	if (str_eq(was->type, "LoadBalancer") && !str_eq(spec->type, "LoadBalancer")) {
		spec->has_allocate_load_balancer_node_ports = false;
		spec->load_balancer_class = NULL;
	}
	if (spec->health_check_node_port == was->health_check_node_port &&
	    !(str_eq(spec->type, "LoadBalancer") && str_eq(spec->external_traffic_policy, "Local")))
		spec->health_check_node_port = 0;
}

static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	CoreV1__ServiceSpec *spec = MSG(CoreV1__Service, obj)->spec;
	const CoreV1__ServiceSpec *was = MSG(CoreV1__Service, old)->spec;
	CoreV1__ServiceSpec *kept = api_clone_message(obj->arena, &was->base);

	normalize_cluster_ips(spec, was, obj->arena);
	drop_type_dependent(spec, was);
	if (service_has_cluster_ip(spec) && service_has_cluster_ip(was)) {
		if (str_empty(spec->cluster_ip))
			spec->cluster_ip = kept->cluster_ip;
		if (!spec->n_cluster_ips && str_eq(spec->cluster_ip, was->cluster_ip)) {
			spec->cluster_ips = kept->cluster_ips;
			spec->n_cluster_ips = kept->n_cluster_ips;
		}
	}
	if (service_has_cluster_ip(spec) && service_has_cluster_ip(was) && !spec->n_ip_families) {
		spec->ip_families = kept->ip_families;
		spec->n_ip_families = kept->n_ip_families;
	}
	if (service_has_cluster_ip(spec) && !spec->ip_family_policy)
		spec->ip_family_policy = kept->ip_family_policy;
	if (service_has_node_ports(spec) && service_has_node_ports(was))
		keep_node_ports(spec, was);
	if (str_eq(spec->type, "LoadBalancer") && str_eq(spec->external_traffic_policy, "Local") &&
	    !spec->health_check_node_port)
		spec->health_check_node_port = was->health_check_node_port;
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	service_validate(MSG(CoreV1__Service, obj), e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	service_validate_update(MSG(CoreV1__Service, obj), MSG(CoreV1__Service, old), e);
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	service_validate_status(MSG(CoreV1__Service, obj), e);
}

static const char *const field_names[] = {"spec.clusterIP", "spec.type", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	const CoreV1__ServiceSpec *spec = MSG(CoreV1__Service, obj)->spec;

	return strcmp(name, "spec.type") ? spec->cluster_ip : spec->type;
}

static const char *load_balancer_text(const CoreV1__Service *svc, const struct resource_context *ctx)
{
	const CoreV1__LoadBalancerStatus *lb = svc->status->load_balancer;
	struct buf out = BUF_INIT;
	const char *text;

	for (size_t i = 0; lb && i < lb->n_ingress; i++) {
		const char *where = str_or(lb->ingress[i]->ip, lb->ingress[i]->hostname);

		if (!str_empty(where))
			buf_printf(&out, "%s%s", out.size ? "," : "", where);
	}
	for (size_t i = 0; i < svc->spec->n_external_ips; i++)
		buf_printf(&out, "%s%s", out.size ? "," : "", svc->spec->external_ips[i]);
	text = out.size ? arena_strdup(ctx->arena, buf_str(&out)) : "<pending>";
	buf_done(&out);
	return text;
}

static const char *external_ip_text(const CoreV1__Service *svc, const struct resource_context *ctx)
{
	if (str_eq(svc->spec->type, "ExternalName"))
		return svc->spec->external_name;
	if (str_eq(svc->spec->type, "LoadBalancer"))
		return load_balancer_text(svc, ctx);
	return cell_join(ctx, svc->spec->n_external_ips, svc->spec->external_ips, ",");
}

static const char *ports_text(const CoreV1__ServiceSpec *spec, const struct resource_context *ctx)
{
	struct buf out = BUF_INIT;
	const char *text;

	for (size_t i = 0; i < spec->n_ports; i++) {
		const CoreV1__ServicePort *port = spec->ports[i];

		buf_printf(&out, "%s%d", i ? "," : "", port->port);
		if (port->node_port > 0)
			buf_printf(&out, ":%d", port->node_port);
		buf_printf(&out, "/%s", port->protocol);
	}
	text = spec->n_ports ? arena_strdup(ctx->arena, buf_str(&out)) : "<none>";
	buf_done(&out);
	return text;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Type"), COLUMN("Cluster-IP"),
    COLUMN("External-IP"), COLUMN("Port(s)"), COLUMN_AGE, COLUMN_WIDE("Selector")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__Service *svc = MSG(CoreV1__Service, obj);

	ret[0] = cell_text(ctx, svc->metadata->name);
	ret[1] = cell_text(ctx, svc->spec->type);
	ret[2] =
	    cell_or_none(ctx, svc->spec->n_cluster_ips ? svc->spec->cluster_ips[0] : svc->spec->cluster_ip);
	ret[3] = cell_text(ctx, external_ip_text(svc, ctx));
	ret[4] = cell_text(ctx, ports_text(svc->spec, ctx));
	ret[5] = cell_age(ctx, svc->metadata->creation_timestamp);
	ret[6] = cell_text(ctx, cell_labels(ctx, svc->spec->n_selector, svc->spec->selector));
}

const struct resource_type service_strategy = {.name_format = "dns1035-label",
    .defaults = defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
