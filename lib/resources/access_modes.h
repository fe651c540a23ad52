/* access_modes: what claims and volumes say alike: RWO, ROX, RWX, RWOP. */
#ifndef CUBE_RESOURCES_ACCESS_MODES_H
#define CUBE_RESOURCES_ACCESS_MODES_H

#include <stddef.h>

struct arena;
struct field_errors;
struct field_path;

const char *access_modes_text(struct arena *arena, size_t len, char *const *modes); /* "RWO,ROX" */
void access_modes_validate(
    size_t len, char *const *modes, const struct field_path *path, struct field_errors *errors);

#endif
