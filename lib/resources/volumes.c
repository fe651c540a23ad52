#include "lib/resources/volumes.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/resources/formats.h"

void volume_validate_host_path(
    const CoreV1__HostPathVolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	if (rule_required(e, CHILD(p, "path"), s->path))
		rule_invalid_if(
		    e, CHILD(p, "path"), format_has_dotdot(s->path), s->path, "must not contain '..'");
	if (s->type)
		RULE_ENUM(e, CHILD(p, "type"), s->type, "", "BlockDevice", "CharDevice", "Directory",
		    "DirectoryOrCreate", "File", "FileOrCreate", "Socket");
}

void volume_validate_nfs(const CoreV1__NFSVolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "server"), s->server);
	rule_required(e, CHILD(p, "path"), s->path);
	rule_format(e, CHILD(p, "path"), s->path, "absolute-path");
}

void volume_validate_gce(
    const CoreV1__GCEPersistentDiskVolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "pdName"), s->pd_name);
	rule_range(e, CHILD(p, "partition"), s->partition, 0, 255);
}

void volume_validate_aws(
    const CoreV1__AWSElasticBlockStoreVolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "volumeID"), s->volume_id);
	rule_range(e, CHILD(p, "partition"), s->partition, 0, 255);
}

void volume_validate_fc(const CoreV1__FCVolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	if (!s->n_target_wwns && !s->n_wwids) {
		rule_required_that(e, CHILD(p, "targetWWNs"), false,
		    "must specify either targetWWNs or wwids, but not both");
		return;
	}
	rule_invalid_if(e, CHILD(p, "targetWWNs"), s->n_target_wwns && s->n_wwids, NULL,
	    "targetWWNs and wwids can not be specified simultaneously");
	if (s->n_target_wwns && !s->n_wwids &&
	    rule_required_that(e, CHILD(p, "lun"), s->has_lun, "lun is required if targetWWNs is specified"))
		rule_range(e, CHILD(p, "lun"), s->lun, 0, 255);
}

void volume_validate_csi_driver(const char *driver, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, p, driver);
	if (driver && strlen(driver) > 63)
		field_errors_at(e, FIELD_TOO_LONG, p, driver, "may not be more than 63 bytes");
	rule_format(e, p, str_lower(e->arena, driver), "dns-subdomain");
}

void volume_validate_iscsi(
    const char *portal, const char *iqn, int32_t lun, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "targetPortal"), portal);
	if (rule_required(e, CHILD(p, "iqn"), iqn))
		rule_invalid_if(e, CHILD(p, "iqn"),
		    !str_has_prefix(iqn, "iqn.") && !str_has_prefix(iqn, "eui.") &&
			!str_has_prefix(iqn, "naa."),
		    iqn, "must be valid format starting with iqn, eui, or naa");
	rule_range(e, CHILD(p, "lun"), lun, 0, 255);
}

bool volume_validate_file_path(const char *path, const struct field_path *p, struct field_errors *e)
{
	return rule_format(e, p, path, "relative-path") &&
	       rule_invalid_if(e, p, str_has_prefix(path, "..") && !str_has_prefix(path, "../"), path,
		   "must not start with '..'");
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
