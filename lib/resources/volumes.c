#include "lib/resources/volumes.h"

#include <regex.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"

static const char too_many[] = "may not specify more than 1 volume type";

void volume_validate_sources(const ProtobufCMessage *source, const struct volume_kind *kinds, size_t len,
    const struct field_path *p, struct field_errors *e)
{
	int count = 0;

	for (size_t i = 0; i < len; i++) {
		const struct volume_kind *kind = &kinds[i];
		const void *member = *(const void *const *)((const char *)source + kind->offset);

		if (!member)
			continue;
		if (count++ && !kind->accepted_always)
			rule_forbidden_if(
			    e, CHILD(p, kind->refusal ? kind->refusal : kind->name), true, too_many);
		else if (kind->check)
			kind->check(member, CHILD(p, kind->name), e);
	}
	rule_required_that(e, p, count, "must specify a volume type");
}

void volume_check_host_path(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__HostPathVolumeSource *s = source;

	if (!rule_required(e, CHILD(p, "path"), s->path))
		return;
	volume_validate_no_backsteps(s->path, CHILD(p, "path"), e);
	if (s->type)
		RULE_ENUM(e, CHILD(p, "type"), s->type, "", "BlockDevice", "CharDevice", "Directory",
		    "DirectoryOrCreate", "File", "FileOrCreate", "Socket");
}

void volume_check_nfs(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__NFSVolumeSource *s = source;

	rule_required(e, CHILD(p, "server"), s->server);
	rule_required(e, CHILD(p, "path"), s->path);
	rule_format(e, CHILD(p, "path"), s->path, "absolute-path");
}

void volume_check_gce(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__GCEPersistentDiskVolumeSource *s = source;

	rule_required(e, CHILD(p, "pdName"), s->pd_name);
	rule_range(e, CHILD(p, "partition"), s->partition, 0, 255);
}

void volume_check_aws(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__AWSElasticBlockStoreVolumeSource *s = source;

	rule_required(e, CHILD(p, "volumeID"), s->volume_id);
	rule_range(e, CHILD(p, "partition"), s->partition, 0, 255);
}

void volume_check_fc(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__FCVolumeSource *s = source;

	rule_required_that(e, CHILD(p, "targetWWNs"), s->n_target_wwns || s->n_wwids,
	    "must specify either targetWWNs or wwids, but not both");
	rule_invalid_if(e, CHILD(p, "targetWWNs"), s->n_target_wwns && s->n_wwids, NULL,
	    "targetWWNs and wwids can not be specified simultaneously");
	if (s->n_target_wwns &&
	    rule_required_that(e, CHILD(p, "lun"), s->has_lun, "lun is required if targetWWNs is specified"))
		rule_range(e, CHILD(p, "lun"), s->lun, 0, 255);
}

void volume_check_flocker(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__FlockerVolumeSource *s = source;
	bool name = !str_empty(s->dataset_name), uuid = !str_empty(s->dataset_uuid);

	rule_required_that(e, p, name || uuid, "one of datasetName and datasetUUID is required");
	rule_invalid_if(
	    e, p, name && uuid, NULL, "datasetName and datasetUUID can not be specified simultaneously");
	rule_invalid_if(e, CHILD(p, "datasetName"), name && strchr(s->dataset_name, '/'), s->dataset_name,
	    "must not contain '/'");
}

/* "host:port", with brackets around a host that has colons. */
static bool is_host_port(const char *s, size_t len)
{
	const char *colon = memrchr(s, ':', len);
	size_t host;

	if (!colon)
		return false;
	host = (size_t)(colon - s);
	if (host && s[0] == '[')
		return s[host - 1] == ']' && host >= 2;
	return !memchr(s, ':', host) && !memchr(s, '[', len) && !memchr(s, ']', len);
}

void volume_check_quobyte(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__QuobyteVolumeSource *s = source;
	static const char detail[] = "must be a host:port pair or multiple pairs separated by commas";

	if (rule_required_that(e, CHILD(p, "registry"), !str_empty(s->registry), detail) &&
	    rule_required_that(e, CHILD(p, "tenant"), strlen(str_or(s->tenant, "")) <= 64,
		"must be a UUID and may not exceed a length of 64 characters"))
		for (const char *pair = s->registry;;) {
			size_t len = strcspn(pair, ",");

			rule_invalid_if(
			    e, CHILD(p, "registry"), !is_host_port(pair, len), s->registry, detail);
			if (!pair[len])
				break;
			pair += len + 1;
		}
	rule_required(e, CHILD(p, "volume"), s->volume);
}

void volume_check_azure_disk(const void *source, const struct field_path *p, struct field_errors *e)
{
	static const char *const managed[] = {
	    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
	    NULL};
	static const char *const blob[] = {
	    "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd", NULL};
	const CoreV1__AzureDiskVolumeSource *s = source;
	bool is_managed = str_eq(s->kind, "Managed");

	rule_required(e, CHILD(p, "diskName"), s->disk_name);
	rule_required(e, CHILD(p, "diskURI"), s->disk_uri);
	if (s->caching_mode)
		RULE_ENUM(e, CHILD(p, "cachingMode"), s->caching_mode, "None", "ReadOnly", "ReadWrite");
	if (!s->kind)
		return;
	RULE_ENUM(e, CHILD(p, "kind"), s->kind, "Dedicated", "Managed", "Shared");
	if (!str_has_prefix(str_or(s->disk_uri, ""), is_managed ? "/subscriptions/" : "https://"))
		rule_enum(e, CHILD(p, "diskURI"), s->disk_uri, is_managed ? managed : blob);
}

void volume_check_vsphere(const void *source, const struct field_path *p, struct field_errors *e)
{
	rule_required(
	    e, CHILD(p, "volumePath"), ((const CoreV1__VsphereVirtualDiskVolumeSource *)source)->volume_path);
}

void volume_check_photon(const void *source, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "pdID"), ((const CoreV1__PhotonPersistentDiskVolumeSource *)source)->pd_id);
}

void volume_check_portworx(const void *source, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "volumeID"), ((const CoreV1__PortworxVolumeSource *)source)->volume_id);
}

void volume_validate_flex(
    const char *driver, size_t len, void *options, const struct field_path *p, struct field_errors *e)
{
	struct api_string_entry **map = options;

	rule_required(e, CHILD(p, "driver"), driver);
	for (size_t i = 0; i < len; i++) {
		const char *ns = arena_strndup(e->arena, map[i]->key, strcspn(map[i]->key, "/"));
		const char *dotted = arena_printf(e->arena, ".%s", str_lower(e->arena, ns));

		rule_invalid_if(e, KEY(CHILD(p, "options"), map[i]->key),
		    str_has_suffix(dotted, ".kubernetes.io") || str_has_suffix(dotted, ".k8s.io"),
		    map[i]->key, "kubernetes.io and k8s.io namespaces are reserved");
	}
}

void volume_validate_csi_driver(const char *driver, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, p, driver);
	if (driver && strlen(driver) > 63)
		field_errors_at(e, FIELD_TOO_LONG, p, driver, "may not be more than 63 bytes");
	rule_format(e, p, str_lower(e->arena, str_or(driver, "")), "dns-subdomain");
}

static bool matches(const char *s, const char *pattern)
{
	regex_t re;
	bool found;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	found = !regexec(&re, s, 0, NULL, 0);
	regfree(&re);
	return found;
}

static void check_iscsi_name(const char *name, const struct field_path *p, struct field_errors *e)
{
	const char *pattern = NULL;

	if (str_has_prefix(name, "iqn"))
		pattern = "iqn\\.[0-9]{4}-[0-9]{2}\\.[[:alnum:].-]+:[^,;*&$|[:space:]]+$";
	else if (str_has_prefix(name, "eui"))
		pattern = "^eui.[[:alnum:]]{16}$";
	else if (str_has_prefix(name, "naa"))
		pattern = "^naa.[[:alnum:]]{32}$";
	rule_invalid_if(e, p, !pattern || !matches(name, pattern), name,
	    pattern ? "must be valid format" : "must be valid format starting with iqn, eui, or naa");
}

void volume_validate_iscsi(const struct volume_iscsi *s, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "targetPortal"), s->portal);
	if (rule_required(e, CHILD(p, "iqn"), s->iqn))
		check_iscsi_name(s->iqn, CHILD(p, "iqn"), e);
	rule_range(e, CHILD(p, "lun"), s->lun, 0, 255);
	rule_required_that(e, CHILD(p, "secretRef"), !s->chap || s->has_secret, "");
	if (s->initiator)
		check_iscsi_name(s->initiator, CHILD(p, "initiatorname"), e);
}

void volume_validate_scale_io(const char *gateway, const char *system, const char *volume,
    const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "gateway"), gateway);
	rule_required(e, CHILD(p, "system"), system);
	rule_required(e, CHILD(p, "volumeName"), volume);
}

void volume_validate_storage_os(
    const char *volume, const char *ns, const struct field_path *p, struct field_errors *e)
{
	rule_name(e, CHILD(p, "volumeName"), volume, "dns-label");
	if (!str_empty(ns))
		rule_format(e, CHILD(p, "volumeNamespace"), ns, "dns-label");
}

bool volume_validate_no_backsteps(const char *path, const struct field_path *p, struct field_errors *e)
{
	return rule_invalid_if(e, p, format_has_dotdot(path), path, "must not contain '..'");
}

bool volume_validate_descending_path(const char *path, const struct field_path *p, struct field_errors *e)
{
	const char *s = str_or(path, "");
	bool relative = rule_invalid_if(e, p, s[0] == '/', s, "must be a relative path");

	return volume_validate_no_backsteps(s, p, e) && relative;
}

bool volume_validate_file_path(const char *path, const struct field_path *p, struct field_errors *e)
{
	const char *s = str_or(path, "");
	bool descending = volume_validate_descending_path(s, p, e);

	return rule_invalid_if(e, p, str_has_prefix(s, "..") && !str_has_prefix(s, "../"), s,
		   "must not start with '..'") &&
	       descending;
}

int volume_count_sources(const ProtobufCMessage *source)
{
	const ProtobufCMessageDescriptor *d = source->descriptor;
	int count = 0;

	for (unsigned i = 0; i < d->n_fields; i++)
		if (*(void *const *)((const char *)source + d->fields[i].offset))
			count++;
	return count;
}
