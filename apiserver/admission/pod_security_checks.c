#include "apiserver/admission/pod_security_checks.h"

#include <stdio.h>
#include <string.h>

#include "apiserver/auth/pod_refs.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

/* A check's way through one pod. */
struct walk {
	const MetaV1__ObjectMeta *meta;
	const CoreV1__PodSpec *spec;
	struct buf names; /* "a", "b": what violates */
	size_t names_len;
	struct buf details; /* the bad values, each once */
};

static void add_name(struct walk *w, const char *name)
{
	buf_printf(&w->names, "%s\"%s\"", w->names_len++ ? ", " : "", name);
}

static void add_detail(struct walk *w, const char *detail)
{
	char quoted[512];

	snprintf(quoted, sizeof(quoted), "%s", detail);
	if (!strstr(buf_str(&w->details), quoted))
		buf_printf(&w->details, "%s%s", w->details.size ? ", " : "", quoted);
}

static void add_quoted(struct walk *w, const char *detail)
{
	char quoted[512];

	snprintf(quoted, sizeof(quoted), "\"%s\"", detail);
	add_detail(w, quoted);
}

static const char *noun(const struct walk *w, const char *one, const char *many)
{
	return w->names_len > 1 ? many : one;
}

static const CoreV1__SecurityContext *context(const CoreV1__Container *c)
{
	static const CoreV1__SecurityContext empty;
	return c->security_context ? c->security_context : &empty;
}

static const CoreV1__PodSecurityContext *pod_context(const struct walk *w)
{
	static const CoreV1__PodSecurityContext empty;
	return w->spec->security_context ? w->spec->security_context : &empty;
}

static bool is_windows(const struct walk *w)
{
	return w->spec->os && str_eq(w->spec->os->name, "windows");
}

#define CONTAINER_FN(name)                                                                                   \
	static bool name(void *arg, const CoreV1__Container *c, enum container_kind kind, size_t index)
#define UNUSED (void)kind, (void)index

/* --- baseline --- */

static bool app_armor_allowed(const CoreV1__AppArmorProfile *p)
{
	return !p || str_eq(p->type, "RuntimeDefault") || str_eq(p->type, "Localhost") || str_empty(p->type);
}

CONTAINER_FN(see_app_armor)
{
	struct walk *w = arg;
	UNUSED;
	if (!app_armor_allowed(context(c)->app_armor_profile)) {
		add_name(w, c->name);
		add_quoted(w, context(c)->app_armor_profile->type);
	}
	return true;
}

static void check_app_armor(struct walk *w, struct buf *out)
{
	static const char prefix[] = "container.apparmor.security.beta.kubernetes.io/";

	if (!app_armor_allowed(pod_context(w)->app_armor_profile))
		add_quoted(w, pod_context(w)->app_armor_profile->type);
	pod_visit_containers(w->spec, see_app_armor, w);
	for (size_t i = 0; w->meta && i < w->meta->n_annotations; i++) {
		const char *value = w->meta->annotations[i]->value;
		char text[512];
		if (!str_has_prefix(w->meta->annotations[i]->key, prefix) || str_empty(value) ||
		    str_eq(value, "runtime/default") || str_has_prefix(value, "localhost/"))
			continue;
		snprintf(text, sizeof(text), "%s=\"%s\"", w->meta->annotations[i]->key, value);
		add_detail(w, text);
	}
	if (w->details.size > 0)
		buf_printf(out, "forbidden AppArmor profile%s (%s)",
		    strchr(buf_str(&w->details), ',') ? "s" : "", buf_str(&w->details));
}

CONTAINER_FN(see_added_capabilities)
{
	static const char *const fine[] = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL",
	    "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", NULL};
	const CoreV1__Capabilities *caps = context(c)->capabilities;
	struct walk *w = arg;
	bool bad = false;

	UNUSED;
	for (size_t i = 0; caps && i < caps->n_add; i++) {
		if (str_in(caps->add[i], fine))
			continue;
		bad = true;
		add_quoted(w, caps->add[i]);
	}
	if (bad)
		add_name(w, c->name);
	return true;
}

static void check_baseline_capabilities(struct walk *w, struct buf *out)
{
	pod_visit_containers(w->spec, see_added_capabilities, w);
	if (w->names_len > 0)
		buf_printf(out,
		    "non-default capabilities (%s %s must not include %s in "
		    "securityContext.capabilities.add)",
		    noun(w, "container", "containers"), buf_str(&w->names), buf_str(&w->details));
}

static void check_host_namespaces(struct walk *w, struct buf *out)
{
	if (w->spec->host_network)
		add_detail(w, "hostNetwork=true");
	if (w->spec->host_pid)
		add_detail(w, "hostPID=true");
	if (w->spec->host_ipc)
		add_detail(w, "hostIPC=true");
	if (w->details.size > 0)
		buf_printf(out, "host namespaces (%s)", buf_str(&w->details));
}

static void check_host_paths(struct walk *w, struct buf *out)
{
	for (size_t i = 0; i < w->spec->n_volumes; i++)
		if (w->spec->volumes[i]->volume_source && w->spec->volumes[i]->volume_source->host_path)
			add_name(w, w->spec->volumes[i]->name);
	if (w->names_len > 0)
		buf_printf(out, "hostPath volumes (%s %s)", noun(w, "volume", "volumes"), buf_str(&w->names));
}

CONTAINER_FN(see_host_ports)
{
	struct walk *w = arg;
	bool bad = false;

	UNUSED;
	for (size_t i = 0; i < c->n_ports; i++) {
		char text[16];
		if (c->ports[i]->host_port == 0)
			continue;
		bad = true;
		snprintf(text, sizeof(text), "%d", c->ports[i]->host_port);
		add_detail(w, text);
	}
	if (bad)
		add_name(w, c->name);
	return true;
}

static void check_host_ports(struct walk *w, struct buf *out)
{
	pod_visit_containers(w->spec, see_host_ports, w);
	if (w->names_len > 0)
		buf_printf(out, "hostPort (%s %s %s hostPort%s %s)", noun(w, "container", "containers"),
		    buf_str(&w->names), noun(w, "uses", "use"), strchr(buf_str(&w->details), ',') ? "s" : "",
		    buf_str(&w->details));
}

CONTAINER_FN(see_privileged)
{
	UNUSED;
	if (context(c)->privileged)
		add_name(arg, c->name);
	return true;
}

static void check_privileged(struct walk *w, struct buf *out)
{
	pod_visit_containers(w->spec, see_privileged, w);
	if (w->names_len > 0)
		buf_printf(out, "privileged (%s %s must not set securityContext.privileged=true)",
		    noun(w, "container", "containers"), buf_str(&w->names));
}

CONTAINER_FN(see_proc_mount)
{
	const char *mount = context(c)->proc_mount;
	UNUSED;
	if (!str_empty(mount) && !str_eq(mount, "Default")) {
		add_name(arg, c->name);
		add_quoted(arg, mount);
	}
	return true;
}

static void check_proc_mount(struct walk *w, struct buf *out)
{
	pod_visit_containers(w->spec, see_proc_mount, w);
	if (w->names_len > 0)
		buf_printf(out, "procMount (%s %s must not set securityContext.procMount to %s)",
		    noun(w, "container", "containers"), buf_str(&w->names), buf_str(&w->details));
}

/* True when the options are forbidden; what is wrong joins the details. */
static bool bad_selinux(struct walk *w, const CoreV1__SELinuxOptions *o)
{
	static const char *const types[] = {
	    "container_t", "container_init_t", "container_kvm_t", "container_engine_t", NULL};
	char text[300];
	bool bad = false;

	if (!o)
		return false;
	if (!str_empty(o->type) && !str_in(o->type, types)) {
		snprintf(text, sizeof(text), "type \"%s\"", o->type);
		add_detail(w, text);
		bad = true;
	}
	if (!str_empty(o->user)) {
		add_detail(w, "user may not be set");
		bad = true;
	}
	if (!str_empty(o->role)) {
		add_detail(w, "role may not be set");
		bad = true;
	}
	return bad;
}

CONTAINER_FN(see_selinux)
{
	UNUSED;
	if (bad_selinux(arg, context(c)->se_linux_options))
		add_name(arg, c->name);
	return true;
}

static void check_selinux(struct walk *w, struct buf *out)
{
	bool bad_pod = bad_selinux(w, pod_context(w)->se_linux_options);

	pod_visit_containers(w->spec, see_selinux, w);
	if (!bad_pod && w->names_len == 0)
		return;
	buf_printf(out, "seLinuxOptions (%s%s%s%s%s set forbidden securityContext.seLinuxOptions: %s)",
	    bad_pod ? "pod" : "", bad_pod && w->names_len ? " and " : "",
	    w->names_len ? noun(w, "container", "containers") : "", w->names_len ? " " : "",
	    buf_str(&w->names), buf_str(&w->details));
}

static bool is_unconfined(const CoreV1__SeccompProfile *p)
{
	return p && !str_eq(p->type, "RuntimeDefault") && !str_eq(p->type, "Localhost");
}

CONTAINER_FN(see_unconfined)
{
	UNUSED;
	if (is_unconfined(context(c)->seccomp_profile)) {
		add_name(arg, c->name);
		add_quoted(arg, context(c)->seccomp_profile->type);
	}
	return true;
}

static bool bad_seccomp(struct walk *w)
{
	bool bad_pod = is_unconfined(pod_context(w)->seccomp_profile);

	if (bad_pod)
		add_quoted(w, pod_context(w)->seccomp_profile->type);
	pod_visit_containers(w->spec, see_unconfined, w);
	return bad_pod;
}

static void write_seccomp(struct walk *w, bool bad_pod, struct buf *out)
{
	buf_printf(out, "seccompProfile (%s%s%s%s%s must not set securityContext.seccompProfile.type to %s)",
	    bad_pod ? "pod" : "", bad_pod && w->names_len ? " and " : "",
	    w->names_len ? noun(w, "container", "containers") : "", w->names_len ? " " : "",
	    buf_str(&w->names), buf_str(&w->details));
}

static void check_baseline_seccomp(struct walk *w, struct buf *out)
{
	bool bad_pod = bad_seccomp(w);

	if (bad_pod || w->names_len > 0)
		write_seccomp(w, bad_pod, out);
}

static void check_sysctls(struct walk *w, struct buf *out)
{
	static const char *const safe[] = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
	    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
	    "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
	    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem",
	    "net.ipv4.tcp_wmem", NULL};

	for (size_t i = 0; i < pod_context(w)->n_sysctls; i++)
		if (!str_in(pod_context(w)->sysctls[i]->name, safe))
			add_detail(w, pod_context(w)->sysctls[i]->name);
	if (w->details.size > 0)
		buf_printf(out, "forbidden sysctls (%s)", buf_str(&w->details));
}

static bool is_host_process(const CoreV1__WindowsSecurityContextOptions *o)
{
	return o && o->has_host_process && o->host_process;
}

CONTAINER_FN(see_host_process)
{
	UNUSED;
	if (is_host_process(context(c)->windows_options))
		add_name(arg, c->name);
	return true;
}

static void check_host_process(struct walk *w, struct buf *out)
{
	bool bad_pod = is_host_process(pod_context(w)->windows_options);

	pod_visit_containers(w->spec, see_host_process, w);
	if (!bad_pod && w->names_len == 0)
		return;
	buf_printf(out,
	    "hostProcess (%s%s%s%s%s must not set securityContext.windowsOptions.hostProcess=true)",
	    bad_pod ? "pod" : "", bad_pod && w->names_len ? " and " : "",
	    w->names_len ? noun(w, "container", "containers") : "", w->names_len ? " " : "",
	    buf_str(&w->names));
}

/* --- restricted --- */

CONTAINER_FN(see_escalation)
{
	UNUSED;
	if (!context(c)->has_allow_privilege_escalation || context(c)->allow_privilege_escalation)
		add_name(arg, c->name);
	return true;
}

static void check_escalation(struct walk *w, struct buf *out)
{
	if (is_windows(w))
		return;
	pod_visit_containers(w->spec, see_escalation, w);
	if (w->names_len > 0)
		buf_printf(out,
		    "allowPrivilegeEscalation != false (%s %s must set "
		    "securityContext.allowPrivilegeEscalation=false)",
		    noun(w, "container", "containers"), buf_str(&w->names));
}

static bool drops_all(const CoreV1__Capabilities *caps)
{
	for (size_t i = 0; caps && i < caps->n_drop; i++)
		if (str_eq(caps->drop[i], "ALL"))
			return true;
	return false;
}

CONTAINER_FN(see_not_dropped)
{
	UNUSED;
	if (!drops_all(context(c)->capabilities))
		add_name(arg, c->name);
	return true;
}

CONTAINER_FN(see_any_added)
{
	const CoreV1__Capabilities *caps = context(c)->capabilities;
	bool bad = false;

	UNUSED;
	for (size_t i = 0; caps && i < caps->n_add; i++) {
		if (str_eq(caps->add[i], "NET_BIND_SERVICE"))
			continue;
		bad = true;
		add_quoted(arg, caps->add[i]);
	}
	if (bad)
		add_name(arg, c->name);
	return true;
}

static void check_restricted_capabilities(struct walk *w, struct buf *out)
{
	struct walk added = {.meta = w->meta, .spec = w->spec};

	if (is_windows(w))
		return;
	pod_visit_containers(w->spec, see_not_dropped, w);
	pod_visit_containers(w->spec, see_any_added, &added);
	if (w->names_len > 0 || added.names_len > 0)
		buf_puts(out, "unrestricted capabilities (");
	if (w->names_len > 0)
		buf_printf(out, "%s %s must set securityContext.capabilities.drop=[\"ALL\"]",
		    noun(w, "container", "containers"), buf_str(&w->names));
	if (added.names_len > 0)
		buf_printf(out, "%s%s %s must not include %s in securityContext.capabilities.add",
		    w->names_len > 0 ? "; " : "", noun(&added, "container", "containers"),
		    buf_str(&added.names), buf_str(&added.details));
	if (w->names_len > 0 || added.names_len > 0)
		buf_putc(out, ')');
	buf_done(&added.names);
	buf_done(&added.details);
}

static bool is_restricted_volume(const CoreV1__VolumeSource *v)
{
	return !(v->config_map || v->csi || v->downward_api || v->empty_dir || v->ephemeral ||
		 v->persistent_volume_claim || v->projected || v->secret);
}

static const char *volume_type(const CoreV1__VolumeSource *v)
{
	return v->host_path                 ? "hostPath"
	       : v->gce_persistent_disk     ? "gcePersistentDisk"
	       : v->aws_elastic_block_store ? "awsElasticBlockStore"
	       : v->git_repo                ? "gitRepo"
	       : v->nfs                     ? "nfs"
	       : v->iscsi                   ? "iscsi"
	       : v->glusterfs               ? "glusterfs"
	       : v->rbd                     ? "rbd"
	       : v->flex_volume             ? "flexVolume"
	       : v->cinder                  ? "cinder"
	       : v->cephfs                  ? "cephfs"
	       : v->flocker                 ? "flocker"
	       : v->fc                      ? "fc"
	       : v->azure_file              ? "azureFile"
	       : v->vsphere_volume          ? "vsphereVolume"
	       : v->quobyte                 ? "quobyte"
	       : v->azure_disk              ? "azureDisk"
	       : v->portworx_volume         ? "portworxVolume"
	       : v->scale_io                ? "scaleIO"
	       : v->storageos               ? "storageos"
	       : v->photon_persistent_disk  ? "photonPersistentDisk"
					    : "unknown";
}

static void check_volume_types(struct walk *w, struct buf *out)
{
	for (size_t i = 0; i < w->spec->n_volumes; i++) {
		const CoreV1__VolumeSource *v = w->spec->volumes[i]->volume_source;
		if (!v || !is_restricted_volume(v))
			continue;
		add_name(w, w->spec->volumes[i]->name);
		add_quoted(w, volume_type(v));
	}
	if (w->names_len > 0)
		buf_printf(out, "restricted volume types (%s %s %s restricted volume type%s %s)",
		    noun(w, "volume", "volumes"), buf_str(&w->names), noun(w, "uses", "use"),
		    strchr(buf_str(&w->details), ',') ? "s" : "", buf_str(&w->details));
}

CONTAINER_FN(see_root_explicit)
{
	UNUSED;
	if (context(c)->has_run_as_non_root && !context(c)->run_as_non_root)
		add_name(arg, c->name);
	return true;
}

CONTAINER_FN(see_root_implicit)
{
	UNUSED;
	if (!context(c)->has_run_as_non_root)
		add_name(arg, c->name);
	return true;
}

static void check_non_root(struct walk *w, struct buf *out)
{
	const CoreV1__PodSecurityContext *pod = pod_context(w);
	bool pod_ok = pod->has_run_as_non_root && pod->run_as_non_root;

	pod_visit_containers(w->spec, see_root_explicit, w);
	if (w->names_len > 0) {
		buf_printf(out,
		    "runAsNonRoot != true (%s %s must not set securityContext.runAsNonRoot=false)",
		    noun(w, "container", "containers"), buf_str(&w->names));
		return;
	}
	if (pod_ok)
		return;
	pod_visit_containers(w->spec, see_root_implicit, w);
	if (w->names_len == 0)
		return;
	if (pod->has_run_as_non_root)
		buf_puts(out, "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)");
	else
		buf_printf(out,
		    "runAsNonRoot != true (pod or %s %s must set securityContext.runAsNonRoot=true)",
		    noun(w, "container", "containers"), buf_str(&w->names));
}

CONTAINER_FN(see_root_user)
{
	UNUSED;
	if (context(c)->has_run_as_user && context(c)->run_as_user == 0)
		add_name(arg, c->name);
	return true;
}

static void check_root_user(struct walk *w, struct buf *out)
{
	bool bad_pod = pod_context(w)->has_run_as_user && pod_context(w)->run_as_user == 0;

	pod_visit_containers(w->spec, see_root_user, w);
	if (!bad_pod && w->names_len == 0)
		return;
	buf_printf(out, "runAsUser=0 (%s%s%s%s%s must not set runAsUser=0)", bad_pod ? "pod" : "",
	    bad_pod && w->names_len ? " and " : "", w->names_len ? noun(w, "container", "containers") : "",
	    w->names_len ? " " : "", buf_str(&w->names));
}

CONTAINER_FN(see_no_seccomp)
{
	UNUSED;
	if (!context(c)->seccomp_profile)
		add_name(arg, c->name);
	return true;
}

static void check_restricted_seccomp(struct walk *w, struct buf *out)
{
	if (is_windows(w))
		return;
	bool bad_pod = bad_seccomp(w);
	if (bad_pod || w->names_len > 0)
		return write_seccomp(w, bad_pod, out);
	if (pod_context(w)->seccomp_profile)
		return;
	pod_visit_containers(w->spec, see_no_seccomp, w);
	if (w->names_len > 0)
		buf_printf(out,
		    "seccompProfile (pod or %s %s must set securityContext.seccompProfile.type to "
		    "\"RuntimeDefault\" or "
		    "\"Localhost\")",
		    noun(w, "container", "containers"), buf_str(&w->names));
}

/* In upstream's order: baseline, then restricted, each by name; restricted ones replace the baseline ones
 * they sharpen. */
static const struct {
	void (*check)(struct walk *w, struct buf *out);
	enum pod_security_level from, to;
} checks[] = {
    {check_app_armor, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_baseline_capabilities, POD_SECURITY_BASELINE, POD_SECURITY_BASELINE},
    {check_host_namespaces, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_host_paths, POD_SECURITY_BASELINE, POD_SECURITY_BASELINE},
    {check_host_ports, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_privileged, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_proc_mount, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_selinux, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_baseline_seccomp, POD_SECURITY_BASELINE, POD_SECURITY_BASELINE},
    {check_sysctls, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_host_process, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {check_escalation, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {check_restricted_capabilities, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {check_volume_types, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {check_non_root, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {check_root_user, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {check_restricted_seccomp, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
};

void pod_security_evaluate(enum pod_security_level level, const MetaV1__ObjectMeta *meta,
    const CoreV1__PodSpec *spec, struct buf *out)
{
	size_t start = out->size;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct walk w = {.meta = meta, .spec = spec};
		struct buf one = BUF_INIT;
		if (level < checks[i].from || level > checks[i].to)
			continue;
		checks[i].check(&w, &one);
		if (one.size > 0)
			buf_printf(out, "%s%s", out->size > start ? ", " : "", buf_str(&one));
		buf_done(&one);
		buf_done(&w.names);
		buf_done(&w.details);
	}
}
