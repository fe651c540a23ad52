#include "apiserver/admission/pod_security_checks.h"

#include "apiserver/admission/pod_security_walk.h"

/* In upstream's order: baseline, then restricted, each by name; restricted ones replace the baseline ones
 * they sharpen. */
static const struct {
	pod_security_check *check;
	enum pod_security_level from, to;
} checks[] = {
    {pod_security_check_app_armor, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_baseline_capabilities, POD_SECURITY_BASELINE, POD_SECURITY_BASELINE},
    {pod_security_check_host_namespaces, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_host_paths, POD_SECURITY_BASELINE, POD_SECURITY_BASELINE},
    {pod_security_check_host_ports, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_privileged, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_proc_mount, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_selinux, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_baseline_seccomp, POD_SECURITY_BASELINE, POD_SECURITY_BASELINE},
    {pod_security_check_sysctls, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_host_process, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED},
    {pod_security_check_escalation, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {pod_security_check_restricted_capabilities, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {pod_security_check_volume_types, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {pod_security_check_non_root, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {pod_security_check_root_user, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
    {pod_security_check_restricted_seccomp, POD_SECURITY_RESTRICTED, POD_SECURITY_RESTRICTED},
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
