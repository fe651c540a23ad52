/* Security contexts of pods and containers: users, seccomp, AppArmor, sysctls, and what Windows has of them.
 */
#include <ctype.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"
#include "lib/resources/volumes.h"

static void check_seccomp(
    const CoreV1__SeccompProfile *profile, const struct field_path *p, struct field_errors *e)
{
	if (!profile)
		return;
	if (rule_required(e, CHILD(p, "type"), profile->type))
		RULE_ENUM(e, CHILD(p, "type"), profile->type, "Localhost", "RuntimeDefault", "Unconfined");
	if (!str_eq(profile->type, "Localhost"))
		rule_invalid_if(e, CHILD(p, "localhostProfile"), profile->localhost_profile,
		    profile->localhost_profile, "can only be set when seccomp type is Localhost");
	else if (rule_required_that(e, CHILD(p, "localhostProfile"), profile->localhost_profile,
		     "must be set when seccomp type is Localhost"))
		volume_validate_descending_path(profile->localhost_profile, CHILD(p, "localhostProfile"), e);
}

static bool is_padded(const char *s)
{
	return *s && (isspace((unsigned char)s[0]) || isspace((unsigned char)s[strlen(s) - 1]));
}

static void check_app_armor(
    const CoreV1__AppArmorProfile *profile, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *at = CHILD(p, "localhostProfile");
	const char *local = profile ? profile->localhost_profile : NULL;

	if (!profile || !rule_required(e, CHILD(p, "type"), profile->type) ||
	    !RULE_ENUM(e, CHILD(p, "type"), profile->type, "Localhost", "RuntimeDefault", "Unconfined"))
		return;
	if (strcmp(profile->type, "Localhost")) {
		rule_invalid_if(e, at, local, local, "can only be set when AppArmor type is Localhost");
		return;
	}
	if (!rule_required_that(e, at, !str_empty(local), "must be set when AppArmor type is Localhost"))
		return;
	rule_invalid_if(e, at, is_padded(local), local, "must not be padded with whitespace");
	if (strlen(local) > 4095)
		field_errors_at(e, FIELD_TOO_LONG, at, "", "may not be more than 4095 bytes");
}

/* The user half of DOMAIN\USER. */
static void check_windows_user(const char *user, const struct field_path *p, struct field_errors *e)
{
	rule_invalid_if(e, p, !*user, user, "runAsUserName's User cannot be empty");
	rule_invalid_if(e, p, strlen(user) > 104, user,
	    "runAsUserName's User length must not be longer than 104 characters");
	rule_invalid_if(e, p, *user && strspn(user, ". ") == strlen(user), user,
	    "runAsUserName's User cannot contain only periods or spaces");
	rule_invalid_if(e, p, strpbrk(user, "\"/\\:;|=,+*?<>@[]") != NULL, user,
	    "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
}

static void check_windows_domain(const char *domain, const struct field_path *p, struct field_errors *e)
{
	bool net_bios = *domain && *domain != '.' && strlen(domain) <= 15 && !strpbrk(domain, "\\/:*?\"<>|");

	rule_invalid_if(e, p, strlen(domain) >= 256, domain,
	    "runAsUserName's Domain length must be under 256 characters");
	rule_invalid_if(e, p, !net_bios && !format_is_dns_subdomain(str_lower(e->arena, domain)), domain,
	    "runAsUserName's Domain doesn't match the NetBios nor the DNS format");
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if (iscntrl((unsigned char)*s))
			return true;
	return false;
}

static void check_windows(
    const CoreV1__WindowsSecurityContextOptions *w, const struct field_path *p, struct field_errors *e)
{
	const char *name = w ? w->run_as_user_name : NULL, *slash;
	const struct field_path *at = CHILD(p, "runAsUserName");

	if (!w)
		return;
	if (w->gmsa_credential_spec_name)
		rule_format(
		    e, CHILD(p, "gmsaCredentialSpecName"), w->gmsa_credential_spec_name, "dns-subdomain");
	if (w->gmsa_credential_spec)
		rule_invalid_if(e, CHILD(p, "gmsaCredentialSpec"),
		    !*w->gmsa_credential_spec || strlen(w->gmsa_credential_spec) > 64 * 1024, "",
		    "gmsaCredentialSpec cannot be empty, and its size must be under 64 KiB");
	if (!name || !rule_invalid_if(e, at, !*name, name, "runAsUserName cannot be an empty string") ||
	    !rule_invalid_if(
		e, at, has_control(name), name, "runAsUserName cannot contain control characters"))
		return;
	slash = strchr(name, '\\');
	if (!rule_invalid_if(e, at, slash && strchr(slash + 1, '\\'), name,
		"runAsUserName cannot contain more than one backslash"))
		return;
	if (slash)
		check_windows_domain(arena_strndup(e->arena, name, (size_t)(slash - name)), at, e);
	check_windows_user(slash ? slash + 1 : name, at, e);
}

static void check_id(struct field_errors *e, const struct field_path *p, bool set, int64_t id)
{
	if (set)
		rule_range(e, p, id, 0, INT32_MAX);
}

void podspec_validate_container_security(
    const CoreV1__SecurityContext *sc, const struct field_path *p, struct field_errors *e)
{
	if (!sc)
		return;
	check_id(e, CHILD(p, "runAsUser"), sc->has_run_as_user, sc->run_as_user);
	check_id(e, CHILD(p, "runAsGroup"), sc->has_run_as_group, sc->run_as_group);
	if (sc->proc_mount)
		RULE_ENUM(e, CHILD(p, "procMount"), sc->proc_mount, "Default", "Unmasked");
	check_seccomp(sc->seccomp_profile, CHILD(p, "seccompProfile"), e);
	check_windows(sc->windows_options, CHILD(p, "windowsOptions"), e);
	check_app_armor(sc->app_armor_profile, CHILD(p, "appArmorProfile"), e);
	if (!sc->has_allow_privilege_escalation || sc->allow_privilege_escalation)
		return;
	rule_invalid_if(e, p, sc->has_privileged && sc->privileged, NULL,
	    "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
	for (size_t i = 0; sc->capabilities && i < sc->capabilities->n_add; i++)
		rule_invalid_if(e, p, str_eq(sc->capabilities->add[i], "CAP_SYS_ADMIN"), NULL,
		    "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
}

/* Words of a-z, 0-9, '-' and '_' with alphanumeric ends, joined by dots or slashes. */
static bool is_sysctl_name(const char *s)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	if (strlen(s) > 253)
		return false;
	for (const char *part = s;;) {
		size_t len = strcspn(part, "./");

		if (!len || strspn(part, "abcdefghijklmnopqrstuvwxyz0123456789-_") < len ||
		    !strchr(ends, part[0]) || !strchr(ends, part[len - 1]))
			return false;
		if (!part[len])
			return true;
		part += len + 1;
	}
}

/* A sysctl of a namespace that the pod shares with its node would change the node. */
static void check_shared_sysctl(
    const CoreV1__PodSpec *spec, const char *name, const struct field_path *p, struct field_errors *e)
{
	static const char *const ipc[] = {"kernel.shm", "kernel.msg", "fs.mqueue."};
	char *dotted = arena_strdup(e->arena, name);
	bool in_ipc;

	if (strcspn(dotted, "/") < strcspn(dotted, ".")) /* the other notation: dots are slashes */
		for (char *c = dotted; *c; c++)
			*c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
	in_ipc = !strcmp(dotted, "kernel.sem");
	for (size_t i = 0; i < sizeof ipc / sizeof ipc[0]; i++)
		in_ipc = in_ipc || str_has_prefix(dotted, ipc[i]);
	if (spec->host_network && str_has_prefix(dotted, "net."))
		rule_invalid_if(e, p, true, name, "may not be specified when 'hostNetwork' is true");
	else
		rule_invalid_if(
		    e, p, spec->host_ipc && in_ipc, name, "may not be specified when 'hostIPC' is true");
}

static void check_sysctls(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodSecurityContext *sc = spec->security_context;
	struct rule_seen names = {0};

	for (size_t i = 0; i < sc->n_sysctls; i++) {
		const struct field_path *at = CHILD(AT(p, i), "name");
		const char *name = str_or(sc->sysctls[i]->name, "");

		if (rule_required(e, at, name) &&
		    rule_invalid_if(e, at, !is_sysctl_name(name), name,
			"must be a sysctl name of at most 253 characters: lower case words joined by dots or "
			"slashes") &&
		    rule_has_seen(&names, name))
			rule_duplicate(e, at, name);
		check_shared_sysctl(spec, name, at, e);
		rule_seen(&names, e->arena, name);
	}
}

void podspec_validate_pod_security(
    const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodSecurityContext *sc = spec->security_context;

	/* upstream keeps this field within the security context, and says so in the path */
	rule_invalid_if(e, CHILD(p, "shareProcessNamespace"),
	    spec->has_share_process_namespace && spec->share_process_namespace && spec->host_pid, NULL,
	    "ShareProcessNamespace and HostPID cannot both be enabled");
	if (!sc)
		return;
	check_id(e, CHILD(p, "fsGroup"), sc->has_fs_group, sc->fs_group);
	check_id(e, CHILD(p, "runAsUser"), sc->has_run_as_user, sc->run_as_user);
	check_id(e, CHILD(p, "runAsGroup"), sc->has_run_as_group, sc->run_as_group);
	for (size_t i = 0; i < sc->n_supplemental_groups; i++)
		check_id(e, AT(CHILD(p, "supplementalGroups"), i), true, sc->supplemental_groups[i]);
	check_sysctls(spec, CHILD(p, "sysctls"), e);
	if (sc->fs_group_change_policy)
		RULE_ENUM(e, CHILD(p, "fsGroupChangePolicy"), sc->fs_group_change_policy, "Always",
		    "OnRootMismatch");
	check_seccomp(sc->seccomp_profile, CHILD(p, "seccompProfile"), e);
	check_windows(sc->windows_options, CHILD(p, "windowsOptions"), e);
	check_app_armor(sc->app_armor_profile, CHILD(p, "appArmorProfile"), e);
	if (sc->supplemental_groups_policy)
		RULE_ENUM(e, CHILD(p, "supplementalGroupsPolicy"), sc->supplemental_groups_policy, "Merge",
		    "Strict");
}
