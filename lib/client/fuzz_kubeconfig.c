/* A kubeconfig file of any bytes: it is read or refused, and what was read, written as YAML, gives the same
 * connection. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/api/json.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill_file(int fd, const void *data, size_t size)
{
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
}

static bool is_same(const char *a, const char *b)
{
	return (!a && !b) || (a && b && str_eq(a, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	if (fd < 0) {
		fd = memfd_create("kubeconfig", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	struct arena *arena = arena_new();
	struct rest_config config = {0}, again = {0};
	struct error err = ERROR_INIT;
	struct json *tree = NULL;
	fill_file(fd, data, size);
	if (kubeconfig_load(arena, path, NULL, NULL, NULL, &config, &err))
		assert(err.message[0]);
	else if (!kubeconfig_read(arena, path, &tree, NULL)) {
		struct buf text = BUF_INIT;
		yaml_write(&text, tree);
		fill_file(fd, text.data, text.size);
		assert(!kubeconfig_load(arena, path, NULL, NULL, NULL, &again, &err));
		assert(is_same(config.server, again.server) && is_same(config.token, again.token));
		assert(is_same(config.ns, again.ns) && is_same(config.tls.ca_data, again.tls.ca_data));
		buf_done(&text);
	}
	arena_free(arena);
	return 0;
}
