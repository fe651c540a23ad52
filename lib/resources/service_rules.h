/* service_rules: validation of Services, and what their types imply. */
#ifndef CUBE_RESOURCES_SERVICE_RULES_H
#define CUBE_RESOURCES_SERVICE_RULES_H

#include <stdbool.h>

#include "proto/core_v1.pb-c.h"

struct field_errors;

bool service_has_node_ports(const CoreV1__ServiceSpec *spec);
bool service_has_cluster_ip(const CoreV1__ServiceSpec *spec); /* or "None", for all but ExternalName */
void service_validate(const CoreV1__Service *service, struct field_errors *errors);
void service_validate_update(
    const CoreV1__Service *service, const CoreV1__Service *old, struct field_errors *errors);
void service_validate_status(const CoreV1__Service *service, struct field_errors *errors);

#endif
