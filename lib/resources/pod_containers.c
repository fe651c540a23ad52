/* Containers of all three kinds: their names, ports, environment, resources, mounts and security context. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"

enum container_kind { CONTAINER_REGULAR, CONTAINER_INIT, CONTAINER_EPHEMERAL };

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
		if (!str_empty(port->host_ip))
			rule_format(e, CHILD(at, "hostIP"), port->host_ip, "ip");
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

static void check_env_from(const CoreV1__Container *c, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < c->n_env_from; i++) {
		const CoreV1__EnvFromSource *from = c->env_from[i];
		const struct field_path *at = AT(p, i);

		if (!str_empty(from->prefix))
			rule_format(e, CHILD(at, "prefix"), from->prefix, "env-var");
		if (from->config_map_ref)
			rule_name(e, CHILD(CHILD(at, "configMapRef"), "name"),
			    from->config_map_ref->local_object_reference->name, "dns-subdomain");
		if (from->secret_ref)
			rule_name(e, CHILD(CHILD(at, "secretRef"), "name"),
			    from->secret_ref->local_object_reference->name, "dns-subdomain");
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

static void check_propagation(
    const CoreV1__Container *c, const char *mode, const struct field_path *p, struct field_errors *e)
{
	bool privileged =
	    c->security_context && c->security_context->has_privileged && c->security_context->privileged;

	if (mode && RULE_ENUM(e, p, mode, "None", "HostToContainer", "Bidirectional"))
		rule_forbidden_if(e, p, !strcmp(mode, "Bidirectional") && !privileged,
		    "Bidirectional mount propagation is available only to privileged containers");
}

static void check_sub_path(const CoreV1__VolumeMount *m, const struct field_path *p, struct field_errors *e)
{
	if (!str_empty(m->sub_path))
		rule_format(e, CHILD(p, "subPath"), m->sub_path, "relative-path");
	if (str_empty(m->sub_path_expr))
		return;
	rule_invalid_if(e, CHILD(p, "subPathExpr"), !str_empty(m->sub_path), m->sub_path_expr,
	    "subPathExpr and subPath are mutually exclusive");
	rule_format(e, CHILD(p, "subPathExpr"), m->sub_path_expr, "relative-path");
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
		check_sub_path(m, at, e);
		check_propagation(c, m->mount_propagation, CHILD(p, "mountPropagation"), e);
		if (m->recursive_read_only)
			RULE_ENUM(e, CHILD(at, "recursiveReadOnly"), m->recursive_read_only, "Disabled",
			    "IfPossible", "Enabled");
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
		rule_invalid_if(e, CHILD(at, "name"), rule_seen(&names, e->arena, str_or(d->name, "")),
		    d->name, "must be unique");
		if (!v)
			field_errors_at(e, FIELD_NOT_FOUND, CHILD(at, "name"), d->name, "%s", "");
		else
			rule_invalid_if(e, CHILD(at, "name"),
			    !v->volume_source->persistent_volume_claim && !v->volume_source->ephemeral,
			    d->name,
			    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block "
			    "mode");
		if (!rule_required(e, CHILD(at, "devicePath"), d->device_path))
			continue;
		rule_invalid_if(e, CHILD(at, "devicePath"), rule_seen(&paths, e->arena, d->device_path),
		    d->device_path, "must be unique");
		rule_invalid_if(e, CHILD(at, "devicePath"), format_has_dotdot(d->device_path), d->device_path,
		    "must not contain '..'");
	}
}

static void check_user_id(struct field_errors *e, const struct field_path *p, bool set, int64_t id)
{
	if (set)
		rule_range(e, p, id, 0, INT32_MAX);
}

static void check_security_context(
    const CoreV1__SecurityContext *sc, const struct field_path *p, struct field_errors *e)
{
	if (!sc)
		return;
	check_user_id(e, CHILD(p, "runAsUser"), sc->has_run_as_user, sc->run_as_user);
	check_user_id(e, CHILD(p, "runAsGroup"), sc->has_run_as_group, sc->run_as_group);
	if (sc->proc_mount)
		RULE_ENUM(e, CHILD(p, "procMount"), sc->proc_mount, "Default", "Unmasked");
	podspec_validate_seccomp(sc->seccomp_profile, CHILD(p, "seccompProfile"), e);
	if (!sc->has_allow_privilege_escalation || sc->allow_privilege_escalation)
		return;
	rule_invalid_if(e, p, sc->has_privileged && sc->privileged, NULL,
	    "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
	for (size_t i = 0; sc->capabilities && i < sc->capabilities->n_add; i++)
		rule_invalid_if(e, p, str_eq(sc->capabilities->add[i], "CAP_SYS_ADMIN"), NULL,
		    "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
}

static void check_common(const CoreV1__Container *c, const struct volume_set *volumes,
    const struct field_path *p, struct field_errors *e)
{
	rule_name(e, CHILD(p, "name"), c->name, "dns-label");
	if (rule_required(e, CHILD(p, "image"), c->image))
		rule_invalid_if(e, CHILD(p, "image"),
		    c->image[0] == ' ' || c->image[strlen(c->image) - 1] == ' ', c->image,
		    "must not have leading or trailing whitespace");
	if (rule_required(e, CHILD(p, "terminationMessagePolicy"), c->termination_message_policy))
		rule_invalid_if(e, CHILD(p, "terminationMessagePolicy"),
		    strcmp(c->termination_message_policy, "File") &&
			strcmp(c->termination_message_policy, "FallbackToLogsOnError"),
		    c->termination_message_policy, "must be 'File' or 'FallbackToLogsOnError'");
	check_ports(c, CHILD(p, "ports"), e);
	check_env(c, CHILD(p, "env"), e);
	check_env_from(c, CHILD(p, "envFrom"), e);
	check_mounts(c, volumes, CHILD(p, "volumeMounts"), e);
	check_devices(c, volumes, CHILD(p, "volumeDevices"), e);
	if (rule_required(e, CHILD(p, "imagePullPolicy"), c->image_pull_policy))
		RULE_ENUM(
		    e, CHILD(p, "imagePullPolicy"), c->image_pull_policy, "Always", "IfNotPresent", "Never");
	podspec_validate_resources(c->resources, CHILD(p, "resources"), e);
	check_security_context(c->security_context, CHILD(p, "securityContext"), e);
}

static void check_hooks(const CoreV1__Container *c, const struct field_path *p, struct field_errors *e)
{
	podspec_validate_lifecycle(c->lifecycle, CHILD(p, "lifecycle"), e);
	podspec_validate_probe(c->liveness_probe, true, CHILD(p, "livenessProbe"), e);
	podspec_validate_probe(c->readiness_probe, false, CHILD(p, "readinessProbe"), e);
	podspec_validate_probe(c->startup_probe, true, CHILD(p, "startupProbe"), e);
}

/* An init container that is no sidecar has no hooks and no probes. */
static void check_no_hooks(const CoreV1__Container *c, const struct field_path *p, struct field_errors *e)
{
	static const char detail[] = "may not be set for init containers without restartPolicy=Always";

	rule_forbidden_if(e, CHILD(p, "lifecycle"), c->lifecycle, detail);
	rule_forbidden_if(e, CHILD(p, "livenessProbe"), c->liveness_probe, detail);
	rule_forbidden_if(e, CHILD(p, "readinessProbe"), c->readiness_probe, detail);
	rule_forbidden_if(e, CHILD(p, "startupProbe"), c->startup_probe, detail);
}

static void check_list(size_t len, CoreV1__Container **list, enum container_kind kind,
    const struct volume_set *volumes, struct rule_seen *names, const struct field_path *p,
    struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const CoreV1__Container *c = list[i];
		const struct field_path *at = AT(p, i);
		bool sidecar = kind == CONTAINER_INIT && str_eq(c->restart_policy, "Always");

		check_common(c, volumes, at, e);
		if (kind == CONTAINER_INIT && !sidecar)
			check_no_hooks(c, at, e);
		else
			check_hooks(c, at, e);
		rule_forbidden_if(e, CHILD(at, "restartPolicy"),
		    kind == CONTAINER_REGULAR && c->restart_policy, "may not be set for non-init containers");
		if (kind == CONTAINER_INIT && c->restart_policy)
			RULE_ENUM(e, CHILD(at, "restartPolicy"), c->restart_policy, "Always");
		if (!str_empty(c->name) && rule_seen(names, e->arena, c->name))
			rule_duplicate(e, CHILD(at, "name"), c->name);
	}
}

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

void podspec_validate_containers(const CoreV1__PodSpec *spec, const struct volume_set *volumes,
    const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	rule_required_that(e, CHILD(p, "containers"), spec->n_containers, "");
	check_list(spec->n_containers, spec->containers, CONTAINER_REGULAR, volumes, &names,
	    CHILD(p, "containers"), e);
	check_host_ports(spec->n_containers, spec->containers, CHILD(p, "containers"), e);
	check_list(spec->n_init_containers, spec->init_containers, CONTAINER_INIT, volumes, &names,
	    CHILD(p, "initContainers"), e);
}

void podspec_validate_ephemeral_containers(const CoreV1__PodSpec *spec, const struct volume_set *volumes,
    const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	for (size_t i = 0; i < spec->n_containers; i++)
		rule_seen(&names, e->arena, str_or(spec->containers[i]->name, ""));
	for (size_t i = 0; i < spec->n_init_containers; i++)
		rule_seen(&names, e->arena, str_or(spec->init_containers[i]->name, ""));
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++) {
		const CoreV1__EphemeralContainer *ec = spec->ephemeral_containers[i];
		const CoreV1__Container *c = (const CoreV1__Container *)ec->ephemeral_container_common;
		const struct field_path *at = AT(p, i);

		check_common(c, volumes, at, e);
		if (!str_empty(c->name) && rule_seen(&names, e->arena, c->name))
			rule_duplicate(e, CHILD(at, "name"), c->name);
		if (!str_empty(ec->target_container_name) &&
		    !rule_seen(&names, e->arena, ec->target_container_name))
			field_errors_at(e, FIELD_NOT_FOUND, CHILD(at, "targetContainerName"),
			    ec->target_container_name, "%s", "");
		rule_forbidden_if(
		    e, CHILD(at, "ports"), c->n_ports, "cannot be set for an Ephemeral Container");
		rule_forbidden_if(e, CHILD(at, "livenessProbe"), c->liveness_probe,
		    "cannot be set for an Ephemeral Container");
		rule_forbidden_if(e, CHILD(at, "readinessProbe"), c->readiness_probe,
		    "cannot be set for an Ephemeral Container");
		rule_forbidden_if(e, CHILD(at, "startupProbe"), c->startup_probe,
		    "cannot be set for an Ephemeral Container");
		rule_forbidden_if(
		    e, CHILD(at, "lifecycle"), c->lifecycle, "cannot be set for an Ephemeral Container");
		rule_forbidden_if(e, CHILD(at, "resources"),
		    c->resources->n_limits || c->resources->n_requests,
		    "cannot be set for an Ephemeral Container");
	}
}
