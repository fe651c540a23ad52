#include "kubelet/gc.h"

#include <stdlib.h>

struct gc {
	const struct kubelet_config *config;
};

struct gc *gc_new(const struct kubelet_config *config, struct loop *loop, struct runtime *rt, struct pod_manager *pods,
    struct volume_manager *volumes, struct node_manager *node)
{
	struct gc *gc = calloc(1, sizeof *gc);
	gc->config = config;
	return gc;
}

void gc_start(struct gc *gc)
{
}

void gc_free(struct gc *gc)
{
	free(gc);
}
