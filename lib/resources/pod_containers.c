/* Containers of all three kinds: their names, ports, environment, resources, mounts and security context. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"
#include "lib/resources/volumes.h"

static void check_ports(const CoreV1__Container *c, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	for (size_t i = 0; i < c->n_ports; i++) {
		const CoreV1__ContainerPort *port = c->ports[i];
		const struct field_path *at = AT(p, i);

		if (!str_empty(port->name) && rule_format(e, CHILD(at, "name"), port->name, "port-name") &&
		    rule_seen(&names, e->arena, port->name))
			rule_duplicate(e, CHILD(at, "name"), port->name);
		if (rule_required_that(e, CHILD(at, "containerPort"), port->container_port, ""))
			rule_port(e, CHILD(at, "containerPort"), port->container_port);
		if (port->host_port)
			rule_port(e, CHILD(at, "hostPort"), port->host_port);
		if (rule_required(e, CHILD(at, "protocol"), port->protocol))
			RULE_ENUM(e, CHILD(at, "protocol"), port->protocol, "TCP", "UDP", "SCTP");
	}
}

static void check_key_ref(
    const char *name, const char *key, const struct field_path *p, struct field_errors *e)
{
	rule_format(e, CHILD(p, "name"), name, "dns-subdomain");
	rule_name(e, CHILD(p, "key"), key, "config-key");
}

static void check_value_from(const CoreV1__EnvVar *env, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__EnvVarSource *from = env->value_from;
	int sources = !!from->field_ref + !!from->resource_field_ref + !!from->config_map_key_ref +
		      !!from->secret_key_ref;

	if (from->field_ref)
		podspec_validate_field_ref(from->field_ref, false, CHILD(p, "fieldRef"), e);
	if (from->resource_field_ref)
		podspec_validate_resource_field_ref(
		    from->resource_field_ref, false, CHILD(p, "resourceFieldRef"), e);
	if (from->config_map_key_ref)
		check_key_ref(from->config_map_key_ref->local_object_reference->name,
		    from->config_map_key_ref->key, CHILD(p, "configMapKeyRef"), e);
	if (from->secret_key_ref)
		check_key_ref(from->secret_key_ref->local_object_reference->name, from->secret_key_ref->key,
		    CHILD(p, "secretKeyRef"), e);
	rule_invalid_if(e, p, !sources, "",
	    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
	rule_invalid_if(
	    e, p, sources && !str_empty(env->value), "", "may not be specified when `value` is not empty");
	rule_invalid_if(e, p, sources > 1 && str_empty(env->value), "",
	    "may not have more than one field specified at a time");
}

static void check_env(const CoreV1__Container *c, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < c->n_env; i++) {
		rule_name(e, CHILD(AT(p, i), "name"), c->env[i]->name, "env-var");
		if (c->env[i]->value_from)
			check_value_from(c->env[i], CHILD(AT(p, i), "valueFrom"), e);
	}
}

/* Upstream checks these names as it does prefixes of names: a dash at the end is fine. */
static void check_source_name(const char *name, const struct field_path *p, struct field_errors *e)
{
	if (rule_required(e, p, name))
		rule_format(e, p, rule_mask_trailing_dash(e->arena, name), "dns-subdomain");
}

static void check_env_from(const CoreV1__Container *c, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < c->n_env_from; i++) {
		const CoreV1__EnvFromSource *from = c->env_from[i];
		const struct field_path *at = AT(p, i);

		if (!str_empty(from->prefix))
			rule_format(e, CHILD(at, "prefix"), from->prefix, "env-var");
		if (from->config_map_ref)
			check_source_name(from->config_map_ref->local_object_reference->name,
			    CHILD(CHILD(at, "configMapRef"), "name"), e);
		if (from->secret_ref)
			check_source_name(from->secret_ref->local_object_reference->name,
			    CHILD(CHILD(at, "secretRef"), "name"), e);
		rule_invalid_if(e, p, !from->config_map_ref && !from->secret_ref, "",
		    "must specify one of: `configMapRef` or `secretRef`");
		rule_invalid_if(e, p, from->config_map_ref && from->secret_ref, "",
		    "may not have more than one field specified at a time");
	}
}

static const CoreV1__Volume *find_volume(const struct volume_set *volumes, const char *name)
{
	for (size_t i = 0; i < volumes->len; i++)
		if (str_eq(volumes->items[i]->name, name))
			return volumes->items[i];
	return NULL;
}

/* `p` of these is the list of mounts: upstream reports them without the index. */
static void check_propagation(
    const CoreV1__Container *c, const char *mode, const struct field_path *p, struct field_errors *e)
{
	bool privileged =
	    c->security_context && c->security_context->has_privileged && c->security_context->privileged;

	if (mode &&
	    RULE_ENUM(e, CHILD(p, "mountPropagation"), mode, "None", "HostToContainer", "Bidirectional"))
		rule_forbidden_if(e, CHILD(p, "mountPropagation"),
		    !strcmp(mode, "Bidirectional") && !privileged,
		    "Bidirectional mount propagation is available only to privileged containers");
}

static void check_recursive_read_only(
    const CoreV1__VolumeMount *m, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *at = CHILD(p, "recursiveReadOnly");

	if (!m->recursive_read_only ||
	    !RULE_ENUM(e, at, m->recursive_read_only, "Disabled", "Enabled", "IfPossible") ||
	    !strcmp(m->recursive_read_only, "Disabled"))
		return;
	rule_forbidden_if(e, at, !m->read_only, "may only be specified when readOnly is true");
	rule_forbidden_if(e, at, m->mount_propagation && strcmp(m->mount_propagation, "None"),
	    "may only be specified when mountPropagation is None or not specified");
}

static void check_sub_path(const CoreV1__VolumeMount *m, const struct field_path *p,
    const struct field_path *at, struct field_errors *e)
{
	if (!str_empty(m->sub_path))
		volume_validate_descending_path(m->sub_path, CHILD(p, "subPath"), e);
	if (str_empty(m->sub_path_expr))
		return;
	rule_invalid_if(e, CHILD(at, "subPathExpr"), !str_empty(m->sub_path), m->sub_path_expr,
	    "subPathExpr and subPath are mutually exclusive");
	volume_validate_descending_path(m->sub_path_expr, CHILD(p, "subPathExpr"), e);
}

static void check_mounts(const CoreV1__Container *c, const struct volume_set *volumes,
    const struct field_path *p, struct field_errors *e)
{
	struct rule_seen paths = {0};

	for (size_t i = 0; i < c->n_volume_mounts; i++) {
		const CoreV1__VolumeMount *m = c->volume_mounts[i];
		const struct field_path *at = AT(p, i);

		rule_required(e, CHILD(at, "name"), m->name);
		if (!find_volume(volumes, m->name))
			field_errors_at(e, FIELD_NOT_FOUND, CHILD(at, "name"), m->name, "%s", "");
		rule_required(e, CHILD(at, "mountPath"), m->mount_path);
		rule_invalid_if(e, CHILD(at, "mountPath"),
		    rule_seen(&paths, e->arena, str_or(m->mount_path, "")), m->mount_path, "must be unique");
		for (size_t j = 0; j < c->n_volume_devices; j++) {
			rule_invalid_if(e, CHILD(at, "name"), str_eq(c->volume_devices[j]->name, m->name),
			    m->name, "must not already exist in volumeDevices");
			rule_invalid_if(e, CHILD(at, "mountPath"),
			    str_eq(c->volume_devices[j]->device_path, m->mount_path), m->mount_path,
			    "must not already exist as a path in volumeDevices");
		}
		check_sub_path(m, p, at, e);
		check_propagation(c, m->mount_propagation, p, e);
		check_recursive_read_only(m, p, e);
	}
}

static void check_devices(const CoreV1__Container *c, const struct volume_set *volumes,
    const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0}, paths = {0};

	for (size_t i = 0; i < c->n_volume_devices; i++) {
		const CoreV1__VolumeDevice *d = c->volume_devices[i];
		const struct field_path *at = AT(p, i);
		const CoreV1__Volume *v = find_volume(volumes, d->name);

		rule_required(e, CHILD(at, "name"), d->name);
		rule_invalid_if(e, CHILD(at, "name"),
		    !str_empty(d->name) && rule_seen(&names, e->arena, d->name), d->name, "must be unique");
		if (!v)
			field_errors_at(e, FIELD_NOT_FOUND, CHILD(at, "name"), d->name, "%s", "");
		else
			rule_invalid_if(e, CHILD(at, "name"),
			    !v->volume_source->persistent_volume_claim && !v->volume_source->ephemeral,
			    d->name,
			    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block "
			    "mode");
		rule_required(e, CHILD(at, "devicePath"), d->device_path);
		rule_invalid_if(e, CHILD(at, "devicePath"), rule_has_seen(&paths, str_or(d->device_path, "")),
		    d->device_path, "must be unique");
		if (rule_invalid_if(e, CHILD(at, "devicePath"), format_has_dotdot(str_or(d->device_path, "")),
			d->device_path, "can not contain backsteps ('..')"))
			rule_seen(&paths, e->arena, str_or(d->device_path, ""));
		for (size_t j = 0; j < c->n_volume_mounts; j++) {
			rule_invalid_if(e, CHILD(at, "name"), str_eq(c->volume_mounts[j]->name, d->name),
			    d->name, "must not already exist in volumeMounts");
			rule_invalid_if(e, CHILD(at, "devicePath"),
			    str_eq(c->volume_mounts[j]->mount_path, d->device_path), d->device_path,
			    "must not already exist as a path in volumeMounts");
		}
	}
}

static void check_resize_policy(const CoreV1__Container *c, const CoreV1__PodSpec *spec,
    const struct field_path *p, struct field_errors *e)
{
	struct rule_seen seen = {0};

	for (size_t i = 0; i < c->n_resize_policy; i++) {
		const CoreV1__ContainerResizePolicy *policy = c->resize_policy[i];

		if (rule_seen(&seen, e->arena, str_or(policy->resource_name, "")))
			rule_duplicate(e, AT(p, i), policy->resource_name);
		if (rule_required(e, p, policy->resource_name))
			RULE_ENUM(e, p, policy->resource_name, "cpu", "memory");
		if (rule_required(e, p, policy->restart_policy))
			RULE_ENUM(e, p, policy->restart_policy, "NotRequired", "RestartContainer");
		rule_invalid_if(e, p,
		    str_eq(spec->restart_policy, "Never") && !str_eq(policy->restart_policy, "NotRequired"),
		    policy->restart_policy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
	}
}

static bool is_padded(const char *s)
{
	return s && *s && (isspace((unsigned char)s[0]) || isspace((unsigned char)s[strlen(s) - 1]));
}

static void check_common(const CoreV1__Container *c, const struct podspec_scope *scope,
    const struct field_path *p, struct field_errors *e)
{
	rule_name(e, CHILD(p, "name"), c->name, "dns-label");
	rule_required(e, CHILD(p, "image"), c->image);
	/* upstream lets templates have it */
	rule_invalid_if(e, CHILD(p, "image"), scope->pod && is_padded(c->image), c->image,
	    "must not have leading or trailing whitespace");
	if (rule_required(e, CHILD(p, "terminationMessagePolicy"), c->termination_message_policy))
		rule_invalid_if(e, CHILD(p, "terminationMessagePolicy"),
		    strcmp(c->termination_message_policy, "File") &&
			strcmp(c->termination_message_policy, "FallbackToLogsOnError"),
		    c->termination_message_policy, "must be 'File' or 'FallbackToLogsOnError'");
	check_ports(c, CHILD(p, "ports"), e);
	check_env(c, CHILD(p, "env"), e);
	check_env_from(c, CHILD(p, "envFrom"), e);
	check_mounts(c, &scope->volumes, CHILD(p, "volumeMounts"), e);
	check_devices(c, &scope->volumes, CHILD(p, "volumeDevices"), e);
	if (rule_required(e, CHILD(p, "imagePullPolicy"), c->image_pull_policy))
		RULE_ENUM(
		    e, CHILD(p, "imagePullPolicy"), c->image_pull_policy, "Always", "IfNotPresent", "Never");
	podspec_validate_resources(c->resources, CHILD(p, "resources"), e);
	check_resize_policy(c, scope->spec, CHILD(p, "resizePolicy"), e);
	podspec_validate_container_security(c->security_context, CHILD(p, "securityContext"), e);
}

static void check_hooks(const CoreV1__Container *c, const CoreV1__PodSpec *spec, const struct field_path *p,
    struct field_errors *e)
{
	podspec_validate_lifecycle(c->lifecycle, spec, CHILD(p, "lifecycle"), e);
	podspec_validate_probe(c->liveness_probe, PROBE_LIVENESS, CHILD(p, "livenessProbe"), e);
	podspec_validate_probe(c->readiness_probe, PROBE_READINESS, CHILD(p, "readinessProbe"), e);
	podspec_validate_probe(c->startup_probe, PROBE_STARTUP, CHILD(p, "startupProbe"), e);
}

/* What is refused to an init container that is no sidecar, and to an ephemeral one. */
static void check_no_hooks(
    const CoreV1__Container *c, const char *detail, const struct field_path *p, struct field_errors *e)
{
	rule_forbidden_if(e, CHILD(p, "lifecycle"), c->lifecycle, detail);
	rule_forbidden_if(e, CHILD(p, "livenessProbe"), c->liveness_probe, detail);
	rule_forbidden_if(e, CHILD(p, "readinessProbe"), c->readiness_probe, detail);
	rule_forbidden_if(e, CHILD(p, "startupProbe"), c->startup_probe, detail);
}

/* Of containers that run together no two may have the same port of the node. */
static void check_host_ports(
    size_t len, CoreV1__Container **list, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen used = {0};

	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < list[i]->n_ports; j++) {
			const CoreV1__ContainerPort *port = list[i]->ports[j];

			if (port->host_port &&
			    rule_seen(&used, e->arena,
				arena_printf(e->arena, "%s/%s/%d", str_or(port->protocol, ""),
				    str_or(port->host_ip, ""), port->host_port)))
				rule_duplicate(e, CHILD(AT(CHILD(AT(p, i), "ports"), j), "hostPort"), NULL);
		}
}

static void check_regular(const struct podspec_scope *scope, struct rule_seen *names,
    const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodSpec *spec = scope->spec;

	if (!rule_required_that(e, p, spec->n_containers, ""))
		return;
	for (size_t i = 0; i < spec->n_containers; i++) {
		const CoreV1__Container *c = spec->containers[i];
		const struct field_path *at = AT(p, i);

		check_common(c, scope, at, e);
		if (rule_seen(names, e->arena, str_or(c->name, "")))
			rule_duplicate(e, CHILD(at, "name"), c->name);
		check_hooks(c, spec, at, e);
		rule_forbidden_if(e, CHILD(at, "restartPolicy"), c->restart_policy,
		    "may not be set for non-init containers");
	}
	check_host_ports(spec->n_containers, spec->containers, p, e);
}

static void check_init(const struct podspec_scope *scope, struct rule_seen *names, const struct field_path *p,
    struct field_errors *e)
{
	static const char detail[] = "may not be set for init containers without restartPolicy=Always";
	const CoreV1__PodSpec *spec = scope->spec;

	for (size_t i = 0; i < spec->n_init_containers; i++) {
		const CoreV1__Container *c = spec->init_containers[i];
		const struct field_path *at = AT(p, i);
		bool sidecar = str_eq(c->restart_policy, "Always");

		check_common(c, scope, at, e);
		if (c->restart_policy)
			RULE_ENUM(e, CHILD(at, "restartPolicy"), c->restart_policy, "Always");
		if (rule_has_seen(names, str_or(c->name, "")))
			rule_duplicate(e, CHILD(at, "name"), c->name);
		else if (!str_empty(c->name))
			rule_seen(names, e->arena, c->name);
		/* they run one by one; upstream's index is that within a list of one */
		check_host_ports(1, &spec->init_containers[i], p, e);
		if (sidecar)
			check_hooks(c, spec, at, e);
		else
			check_no_hooks(c, detail, at, e);
		rule_invalid_if(e, CHILD(at, "resizePolicy"), !sidecar && c->n_resize_policy, NULL,
		    "must not be set for init containers");
	}
}

static void check_ephemeral(const CoreV1__Container *c, const struct field_path *at, struct field_errors *e)
{
	static const char detail[] = "cannot be set for an Ephemeral Container";

	rule_forbidden_if(e, CHILD(at, "ports"), c->n_ports, detail);
	check_no_hooks(c, detail, at, e);
	rule_forbidden_if(e, CHILD(at, "resources"),
	    c->resources->n_limits || c->resources->n_requests || c->resources->n_claims, detail);
	rule_forbidden_if(e, CHILD(at, "resizePolicy"), c->n_resize_policy, detail);
	rule_forbidden_if(e, CHILD(at, "restartPolicy"), c->restart_policy, detail);
	for (size_t i = 0; i < c->n_volume_mounts; i++) {
		const struct field_path *mount = AT(CHILD(at, "volumeMounts"), i);

		rule_forbidden_if(
		    e, CHILD(mount, "subPath"), !str_empty(c->volume_mounts[i]->sub_path), detail);
		rule_forbidden_if(
		    e, CHILD(mount, "subPathExpr"), !str_empty(c->volume_mounts[i]->sub_path_expr), detail);
	}
}

static void check_ephemerals(
    const struct podspec_scope *scope, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodSpec *spec = scope->spec;
	struct rule_seen names = {0}, targets = {0};

	for (size_t i = 0; i < spec->n_containers; i++)
		rule_seen(&targets, e->arena, str_or(spec->containers[i]->name, ""));
	for (size_t i = 0; i < spec->n_init_containers; i++)
		rule_seen(&targets, e->arena, str_or(spec->init_containers[i]->name, ""));
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++) {
		const CoreV1__EphemeralContainer *ec = spec->ephemeral_containers[i];
		const CoreV1__Container *c = (const CoreV1__Container *)ec->ephemeral_container_common;
		const struct field_path *at = AT(p, i);

		check_common(c, scope, at, e);
		if (rule_has_seen(&targets, str_or(c->name, "")) ||
		    rule_seen(&names, e->arena, str_or(c->name, "")))
			rule_duplicate(e, CHILD(at, "name"), c->name);
		if (!str_empty(ec->target_container_name) &&
		    !rule_has_seen(&targets, ec->target_container_name))
			field_errors_at(e, FIELD_NOT_FOUND, CHILD(at, "targetContainerName"),
			    ec->target_container_name, "%s", "");
		check_ephemeral(c, at, e);
	}
}

void podspec_validate_containers(
    const struct podspec_scope *scope, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	check_regular(scope, &names, CHILD(p, "containers"), e);
	check_init(scope, &names, CHILD(p, "initContainers"), e);
	check_ephemerals(scope, CHILD(p, "ephemeralContainers"), e);
}
