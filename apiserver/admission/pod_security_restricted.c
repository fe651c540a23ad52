/* The restricted Pod Security Standard; see pod_security_checks.h. */
#include "apiserver/admission/pod_security_walk.h"

CONTAINER_FN(see_escalation)
{
	UNUSED;
	if (!context(c)->has_allow_privilege_escalation || context(c)->allow_privilege_escalation)
		add_name(arg, c->name);
	return true;
}

void pod_security_check_escalation(struct walk *w, struct buf *out)
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

void pod_security_check_restricted_capabilities(struct walk *w, struct buf *out)
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

void pod_security_check_volume_types(struct walk *w, struct buf *out)
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

void pod_security_check_non_root(struct walk *w, struct buf *out)
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

void pod_security_check_root_user(struct walk *w, struct buf *out)
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

void pod_security_check_restricted_seccomp(struct walk *w, struct buf *out)
{
	if (is_windows(w))
		return;
	bool bad_pod = pod_security_bad_seccomp(w);
	if (bad_pod || w->names_len > 0)
		return pod_security_write_seccomp(w, bad_pod, out);
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
