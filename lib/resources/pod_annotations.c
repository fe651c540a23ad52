/* Annotations of pods and their templates that mean something: mirror pods, deletion cost, old security
 * profiles. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/podspec.h"
#include "lib/resources/volumes.h"

static const char mirror[] = "kubernetes.io/config.mirror";
static const char deletion_cost[] = "controller.kubernetes.io/pod-deletion-cost";
static const char seccomp_pod[] = "seccomp.security.alpha.kubernetes.io/pod";
static const char seccomp_container[] = "container.seccomp.security.alpha.kubernetes.io/";
static const char app_armor[] = "container.apparmor.security.beta.kubernetes.io/";

static const char *get(const MetaV1__ObjectMeta *meta, const char *key)
{
	return api_map_get(meta, annotations, key);
}

/* A number of 32 bits without leading zeroes or a plus. */
static bool is_deletion_cost(const char *s)
{
	bool starts = s[0] == '-' || !strcmp(s, "0") || (s[0] >= '1' && s[0] <= '9');
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	return starts && end != s && !*end && !errno && v >= INT32_MIN && v <= INT32_MAX && end[-1] != '-';
}

static void check_seccomp(const char *profile, const struct field_path *p, struct field_errors *e)
{
	static const char *const known[] = {"runtime/default", "docker/default", "unconfined", NULL};

	if (str_has_prefix(profile, "localhost/"))
		volume_validate_descending_path(profile + strlen("localhost/"), p, e);
	else
		rule_invalid_if(e, p, !str_in(profile, known), profile, "must be a valid seccomp profile");
}

static bool has_container(const CoreV1__PodSpec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_containers; i++)
		if (str_eq(spec->containers[i]->name, name))
			return true;
	for (size_t i = 0; i < spec->n_init_containers; i++)
		if (str_eq(spec->init_containers[i]->name, name))
			return true;
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++)
		if (str_eq(spec->ephemeral_containers[i]->ephemeral_container_common->name, name))
			return true;
	return false;
}

void podspec_validate_annotations(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *meta,
    const struct field_path *p, struct field_errors *e)
{
	static const char *const armor_known[] = {"", "runtime/default", "unconfined", NULL};

	for (size_t i = 0; i < meta->n_annotations; i++) {
		const char *key = meta->annotations[i]->key, *value = str_or(meta->annotations[i]->value, "");

		if (!strcmp(key, mirror))
			rule_invalid_if(e, KEY(p, key), str_empty(spec->node_name), value,
			    "must set spec.nodeName if mirror pod annotation is set");
		else if (!strcmp(key, deletion_cost))
			rule_invalid_if(
			    e, KEY(p, key), !is_deletion_cost(value), value, "must be a 32bit integer");
		else if (!strcmp(key, seccomp_pod) || str_has_prefix(key, seccomp_container))
			check_seccomp(value, CHILD(p, key), e);
		else if (str_has_prefix(key, app_armor)) {
			rule_invalid_if(e, KEY(p, key), !has_container(spec, key + strlen(app_armor)), key,
			    "container not found");
			rule_invalid_if(e, KEY(p, key),
			    !str_in(value, armor_known) && !str_has_prefix(value, "localhost/"), value,
			    "must be an AppArmor profile");
		}
	}
}

/* A profile that is said twice, by annotation and by field, must be the same. */
static void check_match(const char *annotation, const char *type, const char *local, bool docker,
    const struct field_path *p, struct field_errors *e)
{
	static const char detail[] = "type in annotation and field must match";

	if (!annotation)
		return;
	if (str_eq(type, "Unconfined"))
		rule_forbidden_if(e, CHILD(p, "type"), strcmp(annotation, "unconfined"), detail);
	else if (str_eq(type, "RuntimeDefault"))
		rule_forbidden_if(e, CHILD(p, "type"),
		    strcmp(annotation, "runtime/default") &&
			!(docker && !strcmp(annotation, "docker/default")),
		    detail);
	else if (str_eq(type, "Localhost") &&
		 rule_forbidden_if(e, CHILD(p, "type"), !str_has_prefix(annotation, "localhost/"), detail))
		rule_forbidden_if(e, CHILD(p, "localhostProfile"),
		    !local || strcmp(annotation + strlen("localhost/"), local),
		    "profile in annotation and field must match");
}

static void check_container(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *meta,
    const CoreV1__Container *c, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__SecurityContext *sc = c->security_context;
	const CoreV1__SeccompProfile *seccomp = sc ? sc->seccomp_profile : NULL;
	const CoreV1__AppArmorProfile *armor = sc ? sc->app_armor_profile : NULL;
	const struct field_path *at = CHILD(p, "securityContext");
	const char *name = str_or(c->name, "");

	if (seccomp)
		check_match(get(meta, arena_printf(e->arena, "%s%s", seccomp_container, name)), seccomp->type,
		    seccomp->localhost_profile, true, CHILD(at, "seccompProfile"), e);
	if (!armor && spec->security_context)
		armor = spec->security_context->app_armor_profile;
	if (armor && !(spec->os && str_eq(spec->os->name, "windows")))
		check_match(get(meta, arena_printf(e->arena, "%s%s", app_armor, name)), armor->type,
		    armor->localhost_profile, false, CHILD(at, "appArmorProfile"), e);
}

void podspec_validate_profiles(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *meta,
    const struct field_path *p, struct field_errors *e)
{
	const CoreV1__SeccompProfile *profile =
	    spec->security_context ? spec->security_context->seccomp_profile : NULL;

	if (!meta->n_annotations)
		return;
	if (profile)
		check_match(get(meta, seccomp_pod), profile->type, profile->localhost_profile, true,
		    CHILD(CHILD(p, "securityContext"), "seccompProfile"), e);
	for (size_t i = 0; i < spec->n_init_containers; i++)
		check_container(spec, meta, spec->init_containers[i], AT(CHILD(p, "initContainers"), i), e);
	for (size_t i = 0; i < spec->n_containers; i++)
		check_container(spec, meta, spec->containers[i], AT(CHILD(p, "containers"), i), e);
}

static bool is_fixed(const char *key)
{
	return !strcmp(key, mirror) || str_has_prefix(key, app_armor);
}

void podspec_validate_annotations_update(const MetaV1__ObjectMeta *meta, const MetaV1__ObjectMeta *old,
    const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < old->n_annotations; i++) {
		const char *key = old->annotations[i]->key, *now = get(meta, key);

		if (is_fixed(key))
			rule_forbidden_if(e, KEY(p, key), !now || !str_eq(now, old->annotations[i]->value),
			    "may not remove or update this annotation");
	}
	for (size_t i = 0; i < meta->n_annotations; i++)
		if (is_fixed(meta->annotations[i]->key))
			rule_forbidden_if(e, KEY(p, meta->annotations[i]->key),
			    !get(old, meta->annotations[i]->key), "may not add this annotation");
}

bool pod_is_mirror(const MetaV1__ObjectMeta *meta)
{
	return get(meta, mirror) != NULL;
}
