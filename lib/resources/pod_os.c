/* What a pod may say depends on the operating system it names: Linux and Windows exclude each other's
 * options. */
#include "lib/base/str.h"
#include "lib/resources/podspec.h"

typedef void container_visit(
    const CoreV1__Container *c, const struct field_path *p, void *arg, struct field_errors *e);

static void visit_list(size_t len, CoreV1__Container **list, const struct field_path *p,
    container_visit *visit, void *arg, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++)
		visit(list[i], AT(p, i), arg, e);
}

static void visit_all(const CoreV1__PodSpec *spec, const struct field_path *p, container_visit *visit,
    void *arg, struct field_errors *e)
{
	visit_list(spec->n_init_containers, spec->init_containers, CHILD(p, "initContainers"), visit, arg, e);
	visit_list(spec->n_containers, spec->containers, CHILD(p, "containers"), visit, arg, e);
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++)
		visit((const CoreV1__Container *)spec->ephemeral_containers[i]->ephemeral_container_common,
		    AT(CHILD(p, "ephemeralContainers"), i), arg, e);
}

struct host_process {
	const CoreV1__WindowsSecurityContextOptions *pod; /* NULL when it says nothing */
	size_t containers, in_host;
};

static void count_host_process(
    const CoreV1__Container *c, const struct field_path *p, void *arg, struct field_errors *e)
{
	struct host_process *count = arg;
	const CoreV1__WindowsSecurityContextOptions *own =
	    c->security_context ? c->security_context->windows_options : NULL;
	bool pod_says = count->pod && count->pod->has_host_process, says = own && own->has_host_process;

	count->containers++;
	if (pod_says && says)
		rule_invalid_if(e, CHILD(CHILD(CHILD(p, "securityContext"), "windowsOptions"), "hostProcess"),
		    !count->pod->host_process != !own->host_process, NULL,
		    "pod hostProcess value must be identical if both are specified");
	if (says ? own->host_process : pod_says && count->pod->host_process)
		count->in_host++;
}

static void check_host_process(
    const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	struct host_process count = {
	    .pod = spec->security_context ? spec->security_context->windows_options : NULL};

	visit_all(spec, p, count_host_process, &count, e);
	if (!count.in_host)
		return;
	rule_invalid_if(e, p, count.in_host != count.containers, "",
	    "If pod contains any hostProcess containers then all containers must be HostProcess containers");
	rule_invalid_if(e, CHILD(p, "hostNetwork"), !spec->host_network, NULL,
	    "hostNetwork must be true if pod contains any hostProcess containers");
}

static void check_linux_container(
    const CoreV1__Container *c, const struct field_path *p, void *arg, struct field_errors *e)
{
	rule_forbidden_if(e, CHILD(CHILD(p, "securityContext"), "windowsOptions"),
	    c->security_context && c->security_context->windows_options,
	    "windows options cannot be set for a linux pod");
}

struct option {
	const char *name;
	bool set;
};

static void refuse_options(
    const struct option *options, size_t len, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++)
		rule_forbidden_if(
		    e, CHILD(p, options[i].name), options[i].set, "cannot be set for a windows pod");
}
#define REFUSE(options, p, e) refuse_options(options, sizeof options / sizeof options[0], p, e)

static void check_windows_container(
    const CoreV1__Container *c, const struct field_path *p, void *arg, struct field_errors *e)
{
	const CoreV1__SecurityContext *sc = c->security_context;

	if (sc) {
		const struct option options[] = {{"appArmorProfile", sc->app_armor_profile},
		    {"seLinuxOptions", sc->se_linux_options}, {"seccompProfile", sc->seccomp_profile},
		    {"capabilities", sc->capabilities},
		    {"readOnlyRootFilesystem", sc->has_read_only_root_filesystem},
		    {"privileged", sc->has_privileged},
		    {"allowPrivilegeEscalation", sc->has_allow_privilege_escalation},
		    {"procMount", sc->proc_mount}, {"runAsUser", sc->has_run_as_user},
		    {"runAsGroup", sc->has_run_as_group}};

		REFUSE(options, CHILD(p, "securityContext"), e);
	}
}

static void check_windows_pod(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodSecurityContext *sc = spec->security_context;
	const struct option of_spec[] = {{"hostUsers", spec->has_host_users}, {"hostPID", spec->host_pid},
	    {"hostIPC", spec->host_ipc}, {"shareProcessNamespace", spec->has_share_process_namespace}};

	REFUSE(of_spec, p, e);
	if (sc) {
		const struct option options[] = {{"appArmorProfile", sc->app_armor_profile},
		    {"seLinuxOptions", sc->se_linux_options}, {"seccompProfile", sc->seccomp_profile},
		    {"fsGroup", sc->has_fs_group}, {"fsGroupChangePolicy", sc->fs_group_change_policy},
		    {"sysctls", sc->n_sysctls}, {"runAsUser", sc->has_run_as_user},
		    {"runAsGroup", sc->has_run_as_group}, {"supplementalGroups", sc->n_supplemental_groups},
		    {"supplementalGroupsPolicy", sc->supplemental_groups_policy}};

		REFUSE(options, CHILD(p, "securityContext"), e);
	}
	visit_all(spec, p, check_windows_container, NULL, e);
}

void podspec_validate_os(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *at = CHILD(p, "os");

	check_host_process(spec, p, e);
	if (!spec->os || !rule_required(e, CHILD(at, "name"), spec->os->name) ||
	    !RULE_ENUM(e, at, spec->os->name, "linux", "windows"))
		return;
	if (str_eq(spec->os->name, "windows")) {
		check_windows_pod(spec, p, e);
		return;
	}
	rule_forbidden_if(e, CHILD(CHILD(p, "securityContext"), "windowsOptions"),
	    spec->security_context && spec->security_context->windows_options,
	    "windows options cannot be set for a linux pod");
	visit_all(spec, p, check_linux_container, NULL, e);
}
