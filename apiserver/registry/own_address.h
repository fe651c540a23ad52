/* own_address: where the members of the cluster reach this server: --advertise-address, else --bind-address,
 * else the address towards the default route. */
#ifndef CUBE_APISERVER_REGISTRY_OWN_ADDRESS_H
#define CUBE_APISERVER_REGISTRY_OWN_ADDRESS_H

#include <netinet/in.h>

struct api_options;

/* "" when only the machine itself reaches it. */
void own_address(const struct api_options *options, char out[INET_ADDRSTRLEN]);

#endif
