/* Prefers nodes that hold the pod's images already, by their size and by how many nodes have them (upstream's
 * bounds). */
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "scheduler/plugin.h"

enum { SIZE_MIN = 23 * 1024 * 1024, SIZE_MAX_CONTAINER = 1000 * 1024 * 1024 };

/* The name with :latest when it has neither tag nor digest, as nodes report it. */
static const char *normal_name(struct arena *arena, const char *image)
{
	const char *last = strrchr(image, '/');

	return strchr(last ? last : image, ':') || strchr(image, '@')
		   ? image
		   : arena_printf(arena, "%s:latest", image);
}

/* A short name matches the full one that containerd reports: nginx:latest is docker.io/library/nginx:latest.
 */
static int64_t image_size(const CoreV1__Node *node, const char *name)
{
	for (size_t i = 0; i < node->status->n_images; i++) {
		for (size_t k = 0; k < node->status->images[i]->n_names; k++) {
			const char *have = node->status->images[i]->names[k];

			if (str_eq(have, name) ||
			    (str_has_suffix(have, name) && have[strlen(have) - strlen(name) - 1] == '/'))
				return node->status->images[i]->size_bytes;
		}
	}
	return 0;
}

static enum verdict pre_filter(struct cycle *cycle, void **ret_state, struct reasons *reasons)
{
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;
	const char **names = ARENA_ARRAY(cycle->arena, const char *, spec->n_containers);

	for (size_t i = 0; i < spec->n_containers; i++)
		names[i] = normal_name(cycle->arena, spec->containers[i]->image);
	*ret_state = names;
	return FITS;
}

static int64_t score(const struct cycle *cycle, void *state, const struct node_info *node)
{
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;
	const char *const *names = state;
	int64_t sum = 0, max = (int64_t)SIZE_MAX_CONTAINER * (int64_t)spec->n_containers;
	size_t nodes_len;
	struct node_info **nodes = snapshot_nodes(cycle->snapshot, &nodes_len);

	for (size_t i = 0; i < spec->n_containers; i++) {
		int64_t size = image_size(node->node, names[i]), holders = 0;

		for (size_t k = 0; size && k < nodes_len; k++)
			holders += image_size(nodes[k]->node, names[i]) > 0;
		sum += size * holders / (int64_t)(nodes_len ? nodes_len : 1);
	}
	if (sum < SIZE_MIN)
		sum = SIZE_MIN;
	if (sum > max)
		sum = max;
	return SCORE_MAX * (sum - SIZE_MIN) / (max - SIZE_MIN);
}

const struct plugin plugin_image_locality = {
    .name = "ImageLocality", .pre_filter = pre_filter, .score = score, .weight = 1};
