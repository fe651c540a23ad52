/* discovery: reads what the server serves, in one document for each of /api and /apis, or the old way in
 * many. */
#ifndef CUBE_KUBECTL_DISCOVERY_H
#define CUBE_KUBECTL_DISCOVERY_H

#include "kubectl/mapper.h"

int discovery_read(struct kubectl *k, const struct mapping *const **ret, size_t *ret_len,
    const char *const **ret_versions, size_t *ret_versions_len, struct error *err);

#endif
