/*
 * volumes: rules of the volume sources that pods and persistent volumes share. The paths are upstream's,
 * oddities included: what is wrong inside gcePersistentDisk is reported under persistentDisk.
 */
#ifndef CUBE_RESOURCES_VOLUMES_H
#define CUBE_RESOURCES_VOLUMES_H

#include "lib/resources/rules.h"
#include "proto/core_v1.pb-c.h"

/* The rules of one kind of source: `source` is the message, `p` its path. */
typedef void volume_check(const void *source, const struct field_path *p, struct field_errors *e);

/* One member of a union of sources. */
struct volume_kind {
	size_t offset;        /* of the pointer to its message */
	const char *name;     /* where its findings are reported */
	const char *refusal;  /* where a second source is refused; NULL: at the name */
	volume_check *check;  /* NULL: no rules */
	bool accepted_always; /* takes part in the count, but is never refused itself */
};

/* At most one source may be set: the first in the order of `kinds` counts, the others are refused. */
void volume_validate_sources(const ProtobufCMessage *source, const struct volume_kind *kinds, size_t len,
    const struct field_path *p, struct field_errors *e);

/* Checks for tables of kinds; each takes the message of its name. */
volume_check volume_check_host_path, volume_check_nfs, volume_check_gce, volume_check_aws, volume_check_fc,
    volume_check_flocker, volume_check_quobyte, volume_check_azure_disk, volume_check_vsphere,
    volume_check_photon, volume_check_portworx;

/* Parts of sources that pods and persistent volumes spell with types of their own. */
void volume_validate_flex(
    const char *driver, size_t len, void *options, const struct field_path *p, struct field_errors *e);
void volume_validate_csi_driver(const char *driver, const struct field_path *p, struct field_errors *e);
/* What is the same in both types of iSCSI source. */
struct volume_iscsi {
	const char *portal, *iqn, *initiator; /* initiator: NULL when absent */
	int32_t lun;
	bool chap, has_secret;
};
void volume_validate_iscsi(const struct volume_iscsi *s, const struct field_path *p, struct field_errors *e);
void volume_validate_scale_io(const char *gateway, const char *system, const char *volume,
    const struct field_path *p, struct field_errors *e);
void volume_validate_storage_os(
    const char *volume, const char *ns, const struct field_path *p, struct field_errors *e);
/* A path inside a volume: relative, without "..", not beginning with "..". */
bool volume_validate_file_path(const char *path, const struct field_path *p, struct field_errors *e);
/* A path without "..". */
bool volume_validate_no_backsteps(const char *path, const struct field_path *p, struct field_errors *e);
/* A path that is relative and without "..": each that fails is a finding of its own. */
bool volume_validate_descending_path(const char *path, const struct field_path *p, struct field_errors *e);
/* How many members of a union message (VolumeSource, PersistentVolumeSource) are set. */
int volume_count_sources(const ProtobufCMessage *source);

#endif
