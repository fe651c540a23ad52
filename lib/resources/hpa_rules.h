/* hpa_rules: validation of autoscalers. */
#ifndef CUBE_RESOURCES_HPA_RULES_H
#define CUBE_RESOURCES_HPA_RULES_H

#include "lib/resources/rules.h"
#include "proto/autoscaling_v2.pb-c.h"

void hpa_validate(const AutoscalingV2__HorizontalPodAutoscalerSpec *spec, const struct field_path *path,
    struct field_errors *errors);

#endif
