/* Where the members of the cluster reach this server. */
#include "apiserver/registry/own_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apiserver/options.h"
#include "lib/base/str.h"

static bool is_reachable(const char *address)
{
	struct in_addr a;
	return !str_empty(address) && inet_pton(AF_INET, address, &a) == 1 && a.s_addr != 0 &&
	       (ntohl(a.s_addr) >> 24) != IN_LOOPBACKNET;
}

/* The address of the interface with the default route: what a socket towards anywhere would use. Nothing is
 * sent. */
static bool default_address(char out[INET_ADDRSTRLEN])
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)}, own;
	socklen_t len = sizeof own;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	bool ok = fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof to) &&
		  !getsockname(fd, (struct sockaddr *)&own, &len) &&
		  inet_ntop(AF_INET, &own.sin_addr, out, INET_ADDRSTRLEN);
	if (fd >= 0)
		close(fd);
	return ok && is_reachable(out);
}

void own_address(const struct api_options *o, char out[INET_ADDRSTRLEN])
{
	if (is_reachable(o->advertise_address))
		snprintf(out, INET_ADDRSTRLEN, "%s", o->advertise_address);
	else if (is_reachable(o->bind_address))
		snprintf(out, INET_ADDRSTRLEN, "%s", o->bind_address);
	else if (!default_address(out))
		out[0] = '\0';
}
