/*
 * Volumes of files that the API knows: secrets, config maps, the downward API, and projections of them. Where
 * upstream's paths lack an index (downwardAPI.path) or name the whole volume (projected.path), so do ours.
 */
#include <stdint.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/resources/podspec.h"
#include "lib/resources/volumes.h"

static void check_mode(bool set, int32_t mode, const struct field_path *p, struct field_errors *e)
{
	if (set)
		rule_invalid_if(e, p, mode < 0 || mode > 0777, NULL,
		    "must be a number between 0 and 0777 (octal), both inclusive");
}

/* `paths` and `volume`: of a projected volume, where two sources may not claim one path; else NULL. */
static void claim_path(
    struct rule_seen *paths, const char *path, const struct field_path *volume, struct field_errors *e)
{
	if (paths && !str_empty(path))
		rule_invalid_if(
		    e, volume, rule_seen(paths, e->arena, path), path, "conflicting duplicate paths");
}

static void check_items(size_t len, CoreV1__KeyToPath **items, struct rule_seen *paths,
    const struct field_path *volume, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const struct field_path *at = AT(p, i);

		rule_required(e, CHILD(at, "key"), items[i]->key);
		rule_required(e, CHILD(at, "path"), items[i]->path);
		volume_validate_file_path(items[i]->path, CHILD(at, "path"), e);
		check_mode(items[i]->has_mode, items[i]->mode, CHILD(at, "mode"), e);
		claim_path(paths, items[i]->path, volume, e);
	}
}

static void check_downward_files(size_t len, CoreV1__DownwardAPIVolumeFile **items, struct rule_seen *paths,
    const struct field_path *volume, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const CoreV1__DownwardAPIVolumeFile *f = items[i];

		rule_required(e, CHILD(p, "path"), f->path);
		volume_validate_file_path(f->path, CHILD(p, "path"), e);
		if (f->field_ref) {
			podspec_validate_field_ref(f->field_ref, true, CHILD(p, "fieldRef"), e);
			rule_invalid_if(e, p, f->resource_field_ref, "resource",
			    "fieldRef and resourceFieldRef can not be specified simultaneously");
		} else if (f->resource_field_ref) {
			podspec_validate_resource_field_ref(
			    f->resource_field_ref, true, CHILD(p, "resourceFieldRef"), e);
		} else {
			rule_required_that(e, p, false, "one of fieldRef and resourceFieldRef is required");
		}
		check_mode(f->has_mode, f->mode, CHILD(p, "mode"), e);
		claim_path(paths, f->path, volume, e);
	}
}

static void check_token(const CoreV1__ServiceAccountTokenProjection *t, const struct field_path *source,
    const struct field_path *volume, struct field_errors *e)
{
	rule_invalid_if(e, CHILD(source, "expirationSeconds"), t->expiration_seconds < 600, NULL,
	    "may not specify a duration less than 10 minutes");
	rule_invalid_if(e, CHILD(source, "expirationSeconds"), t->expiration_seconds > (INT64_C(1) << 32),
	    NULL, "may not specify a duration larger than 2^32 seconds");
	rule_required(e, CHILD(volume, "path"), t->path);
	volume_validate_file_path(t->path, CHILD(volume, "path"), e);
}

static void check_projection(const CoreV1__VolumeProjection *s, struct rule_seen *paths,
    const struct field_path *volume, const struct field_path *at, struct field_errors *e)
{
	if (s->secret) {
		rule_required(e, CHILD(CHILD(at, "secret"), "name"), s->secret->local_object_reference->name);
		check_items(s->secret->n_items, s->secret->items, paths, volume,
		    CHILD(CHILD(at, "secret"), "items"), e);
	}
	if (s->config_map) {
		rule_required(
		    e, CHILD(CHILD(at, "configMap"), "name"), s->config_map->local_object_reference->name);
		check_items(s->config_map->n_items, s->config_map->items, paths, volume,
		    CHILD(CHILD(at, "configMap"), "items"), e);
	}
	if (s->downward_api)
		check_downward_files(s->downward_api->n_items, s->downward_api->items, paths, volume,
		    CHILD(at, "downwardAPI"), e);
	if (s->service_account_token)
		check_token(s->service_account_token, CHILD(at, "serviceAccountToken"), volume, e);
}

void podspec_check_secret(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__SecretVolumeSource *s = source;

	rule_required(e, CHILD(p, "secretName"), s->secret_name);
	check_mode(s->has_default_mode, s->default_mode, CHILD(p, "defaultMode"), e);
	check_items(s->n_items, s->items, NULL, NULL, CHILD(p, "items"), e);
}

void podspec_check_config_map(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ConfigMapVolumeSource *s = source;

	rule_required(e, CHILD(p, "name"), s->local_object_reference->name);
	check_mode(s->has_default_mode, s->default_mode, CHILD(p, "defaultMode"), e);
	check_items(s->n_items, s->items, NULL, NULL, CHILD(p, "items"), e);
}

void podspec_check_downward_api(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__DownwardAPIVolumeSource *s = source;

	check_mode(s->has_default_mode, s->default_mode, CHILD(p, "defaultMode"), e);
	check_downward_files(s->n_items, s->items, NULL, NULL, p, e);
}

void podspec_check_projected(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ProjectedVolumeSource *s = source;
	struct rule_seen paths = {0};

	check_mode(s->has_default_mode, s->default_mode, CHILD(p, "defaultMode"), e);
	for (size_t i = 0; i < s->n_sources; i++) {
		const struct field_path *at = AT(CHILD(p, "sources"), i);

		check_projection(s->sources[i], &paths, p, at, e);
		rule_forbidden_if(e, at, volume_count_sources(&s->sources[i]->base) > 1,
		    "may not specify more than 1 volume type per source");
	}
}
