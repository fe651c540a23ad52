/* resource_names: which names of resources (cpu, pods, example.com/gpu) may stand where. */
#ifndef CUBE_RESOURCES_RESOURCE_NAMES_H
#define CUBE_RESOURCES_RESOURCE_NAMES_H

#include <stdbool.h>

struct field_errors;
struct field_path;

bool resource_name_validate(const char *name, const struct field_path *path, struct field_errors *errors);
bool resource_name_validate_container(
    const char *name, const struct field_path *path, struct field_errors *errors);
bool resource_name_validate_quota(
    const char *name, const struct field_path *path, struct field_errors *errors);

#endif
