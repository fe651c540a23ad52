/* job_rules: what jobs and the job templates of cron jobs share, and the rules of a job's status. */
#ifndef CUBE_RESOURCES_JOB_RULES_H
#define CUBE_RESOURCES_JOB_RULES_H

#include "lib/resources/rules.h"
#include "proto/batch_v1.pb-c.h"

/* All but the selector, which a template has not. */
void job_validate_spec(
    const BatchV1__JobSpec *spec, const struct field_path *path, struct field_errors *errors);
/* A write to /status: counters, indexes, and conditions that must agree with each other. */
void job_validate_status(
    const BatchV1__Job *job, const BatchV1__Job *old, const struct field_path *path, struct field_errors *e);
/* How many indexes a list such as "1,3-5" names; -1 when they do not increase or reach `completions`. */
int64_t job_count_indexes(const char *text, int32_t completions);

#endif
