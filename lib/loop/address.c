#include "lib/loop/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "lib/base/error.h"
#include "lib/base/str.h"

int address_split(const char *address, char host[256], char port[8], struct error *err)
{
	const char *colon = strrchr(address, ':'), *start = address, *end = colon;
	uint64_t number;
	if (!colon || !str_to_uint64(colon + 1, &number) || number > 65535)
		return error_set(err, ERR_BAD_REQUEST, "address \"%s\": no port", address);
	if (*start == '[') {
		start++;
		end--;
		if (end < start || *end != ']')
			return error_set(err, ERR_BAD_REQUEST, "address \"%s\": ] missing", address);
	}
	if (end - start >= 256)
		return error_set(err, ERR_BAD_REQUEST, "address is too long");
	snprintf(host, 256, "%.*s", (int)(end - start), start);
	snprintf(port, 8, "%u", (unsigned)number);
	return 0;
}

static int parse_unix(const char *path, struct sockaddr_storage *ret, socklen_t *ret_len, struct error *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret;
	size_t len = strlen(path);
	if (!len || len >= sizeof(un->sun_path))
		return error_set(err, ERR_BAD_REQUEST, "socket path \"%s\" is empty or longer than %zu bytes",
		    path, sizeof(un->sun_path) - 1);
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 0;
}

int address_parse(const char *address, struct sockaddr_storage *ret, socklen_t *ret_len, struct error *err)
{
	char host[256], port[8];
	uint64_t number = 0;
	if (str_has_prefix(address, "unix:"))
		return parse_unix(address + 5, ret, ret_len, err);
	if (address_split(address, host, port, err))
		return -1;
	str_to_uint64(port, &number);
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
	if (!*host || inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		*v4 = in;
		*ret_len = sizeof(in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
		*v6 = in6;
		*ret_len = sizeof(in6);
		return 0;
	}
	return 1;
}

const char *address_format(const struct sockaddr *addr, char out[ADDRESS_MAX])
{
	char host[INET6_ADDRSTRLEN] = "";
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(out, ADDRESS_MAX, "%s:%u", host, ntohs(in->sin_port));
	} else if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(out, ADDRESS_MAX, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		snprintf(out, ADDRESS_MAX, "unix:");
	}
	return out;
}
