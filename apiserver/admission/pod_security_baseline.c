/* The baseline Pod Security Standard; see pod_security_checks.h. */
#include "apiserver/admission/pod_security_walk.h"

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

void pod_security_check_app_armor(struct walk *w, struct buf *out)
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

void pod_security_check_baseline_capabilities(struct walk *w, struct buf *out)
{
	pod_visit_containers(w->spec, see_added_capabilities, w);
	if (w->names_len > 0)
		buf_printf(out,
		    "non-default capabilities (%s %s must not include %s in "
		    "securityContext.capabilities.add)",
		    noun(w, "container", "containers"), buf_str(&w->names), buf_str(&w->details));
}

void pod_security_check_host_namespaces(struct walk *w, struct buf *out)
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

void pod_security_check_host_paths(struct walk *w, struct buf *out)
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

void pod_security_check_host_ports(struct walk *w, struct buf *out)
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

void pod_security_check_privileged(struct walk *w, struct buf *out)
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

void pod_security_check_proc_mount(struct walk *w, struct buf *out)
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

void pod_security_check_selinux(struct walk *w, struct buf *out)
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

bool pod_security_bad_seccomp(struct walk *w)
{
	bool bad_pod = is_unconfined(pod_context(w)->seccomp_profile);

	if (bad_pod)
		add_quoted(w, pod_context(w)->seccomp_profile->type);
	pod_visit_containers(w->spec, see_unconfined, w);
	return bad_pod;
}

void pod_security_write_seccomp(struct walk *w, bool bad_pod, struct buf *out)
{
	buf_printf(out, "seccompProfile (%s%s%s%s%s must not set securityContext.seccompProfile.type to %s)",
	    bad_pod ? "pod" : "", bad_pod && w->names_len ? " and " : "",
	    w->names_len ? noun(w, "container", "containers") : "", w->names_len ? " " : "",
	    buf_str(&w->names), buf_str(&w->details));
}

void pod_security_check_baseline_seccomp(struct walk *w, struct buf *out)
{
	bool bad_pod = pod_security_bad_seccomp(w);

	if (bad_pod || w->names_len > 0)
		pod_security_write_seccomp(w, bad_pod, out);
}

void pod_security_check_sysctls(struct walk *w, struct buf *out)
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

void pod_security_check_host_process(struct walk *w, struct buf *out)
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
