/* pod_security_walk: what the files of the Pod Security checks share: a pod on its way through one check. */
#ifndef CUBE_APISERVER_ADMISSION_POD_SECURITY_WALK_H
#define CUBE_APISERVER_ADMISSION_POD_SECURITY_WALK_H

#include <stdbool.h>
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

static inline void add_name(struct walk *w, const char *name)
{
	buf_printf(&w->names, "%s\"%s\"", w->names_len++ ? ", " : "", name);
}

/* Each value once: 80 is another than 8080. */
static inline bool has_detail(const char *list, const char *detail)
{
	size_t len = strlen(detail);

	for (const char *p = list; *p; p += strcspn(p, ","), p += strspn(p, ", "))
		if (strncmp(p, detail, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

static inline void add_detail(struct walk *w, const char *detail)
{
	if (!has_detail(buf_str(&w->details), detail))
		buf_printf(&w->details, "%s%s", w->details.size ? ", " : "", detail);
}

static inline void add_quoted(struct walk *w, const char *detail)
{
	char quoted[512];

	snprintf(quoted, sizeof(quoted), "\"%s\"", detail);
	add_detail(w, quoted);
}

static inline const char *noun(const struct walk *w, const char *one, const char *many)
{
	return w->names_len > 1 ? many : one;
}

static inline const CoreV1__SecurityContext *context(const CoreV1__Container *c)
{
	static const CoreV1__SecurityContext empty;
	return c->security_context ? c->security_context : &empty;
}

static inline const CoreV1__PodSecurityContext *pod_context(const struct walk *w)
{
	static const CoreV1__PodSecurityContext empty;
	return w->spec->security_context ? w->spec->security_context : &empty;
}

static inline bool is_windows(const struct walk *w)
{
	return w->spec->os && str_eq(w->spec->os->name, "windows");
}

#define CONTAINER_FN(name)                                                                                   \
	static bool name(void *arg, const CoreV1__Container *c, enum container_kind kind, size_t index)
#define UNUSED (void)kind, (void)index

/* Appends why the pod is against one rule; nothing when it is not. */
typedef void pod_security_check(struct walk *w, struct buf *out);

pod_security_check pod_security_check_app_armor;
pod_security_check pod_security_check_baseline_capabilities;
pod_security_check pod_security_check_host_namespaces;
pod_security_check pod_security_check_host_paths;
pod_security_check pod_security_check_host_ports;
pod_security_check pod_security_check_privileged;
pod_security_check pod_security_check_proc_mount;
pod_security_check pod_security_check_selinux;
pod_security_check pod_security_check_baseline_seccomp;
pod_security_check pod_security_check_sysctls;
pod_security_check pod_security_check_host_process;
pod_security_check pod_security_check_escalation;
pod_security_check pod_security_check_restricted_capabilities;
pod_security_check pod_security_check_volume_types;
pod_security_check pod_security_check_non_root;
pod_security_check pod_security_check_root_user;
pod_security_check pod_security_check_restricted_seccomp;

/* Shared by the baseline and the restricted seccomp check. True when the pod's own profile is bad. */
bool pod_security_bad_seccomp(struct walk *w);
void pod_security_write_seccomp(struct walk *w, bool bad_pod, struct buf *out);

#endif
