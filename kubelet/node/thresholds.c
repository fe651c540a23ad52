#include "kubelet/node/thresholds.h"

#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "lib/api/values.h"
#include "lib/base/str.h"

static int64_t parse(const char *text, int64_t total)
{
	struct quantity q;
	if (str_has_suffix(text, "%"))
		return (int64_t)((double)total * strtod(text, NULL) / 100);
	return quantity_parse(text, &q, NULL) == 0 ? quantity_value(&q) : 0;
}

int64_t threshold_bytes(const struct kubelet_config *config, const char *signal, int64_t total)
{
	static const char *const defaults[] = {"memory.available<100Mi", "nodefs.available<10%",
	    "nodefs.inodesFree<5%", "imagefs.available<15%"};
	size_t n = strlen(signal), len = config->eviction_hard.len;
	const char *const *items = len ? config->eviction_hard.items : defaults;
	if (!len)
		len = sizeof defaults / sizeof *defaults;
	for (size_t i = 0; i < len; i++)
		if (strncmp(items[i], signal, n) == 0 && items[i][n] == '<')
			return parse(items[i] + n + 1, total);
	return 0;
}
