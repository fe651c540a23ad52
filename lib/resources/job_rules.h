/* job_rules: what jobs and the job templates of cron jobs share. */
#ifndef CUBE_RESOURCES_JOB_RULES_H
#define CUBE_RESOURCES_JOB_RULES_H

#include "lib/resources/rules.h"
#include "proto/batch_v1.pb-c.h"

/* All but the selector, which a template has not. */
void job_validate_spec(
    const BatchV1__JobSpec *spec, const struct field_path *path, struct field_errors *errors);

#endif
