/* volumes: rules of the volume sources that pods and persistent volumes share. */
#ifndef CUBE_RESOURCES_VOLUMES_H
#define CUBE_RESOURCES_VOLUMES_H

#include "lib/resources/rules.h"
#include "proto/core_v1.pb-c.h"

void volume_validate_host_path(
    const CoreV1__HostPathVolumeSource *s, const struct field_path *p, struct field_errors *e);
void volume_validate_nfs(
    const CoreV1__NFSVolumeSource *s, const struct field_path *p, struct field_errors *e);
void volume_validate_gce(
    const CoreV1__GCEPersistentDiskVolumeSource *s, const struct field_path *p, struct field_errors *e);
void volume_validate_aws(
    const CoreV1__AWSElasticBlockStoreVolumeSource *s, const struct field_path *p, struct field_errors *e);
void volume_validate_fc(const CoreV1__FCVolumeSource *s, const struct field_path *p, struct field_errors *e);
void volume_validate_csi_driver(const char *driver, const struct field_path *p, struct field_errors *e);
/* Targets and names of iSCSI, which two types spell alike. */
void volume_validate_iscsi(
    const char *portal, const char *iqn, int32_t lun, const struct field_path *p, struct field_errors *e);
/* A path inside a volume: relative, without "..", not beginning with "..". */
bool volume_validate_file_path(const char *path, const struct field_path *p, struct field_errors *e);
/* How many members of a union message (VolumeSource, PersistentVolumeSource) are set. */
int volume_count_sources(const ProtobufCMessage *source);

#endif
