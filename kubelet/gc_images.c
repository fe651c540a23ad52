#include "kubelet/gc_images.h"

#include <stdlib.h>

#include "kubelet/config.h"
#include "kubelet/node/node.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/runtime/cache.h"
#include "kubelet/runtime/runtime.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define INTERVAL_MS 300000

struct gc_images {
	const struct kubelet_config *config;
	struct loop *loop;
	struct runtime *rt;
	struct pod_manager *pods;
	struct node_manager *node;
	struct runtime_call *call;
	int64_t last_ms;
	bool nothing_left;
};

void gc_images_ignore(void *arg, const ProtobufCMessage *response, const struct error *err)
{
}

static void note_images(void *arg, const struct rt_pod *pod)
{
	for (size_t i = 0; i < pod->containers_len; i++) {
		if (pod->containers[i]->image_ref)
			strmap_put(arg, pod->containers[i]->image_ref, arg);
		if (pod->containers[i]->image)
			strmap_put(arg, pod->containers[i]->image, arg);
	}
}

static bool is_used(const struct strmap *used, const CriV1__Image *image)
{
	bool found = strmap_has(used, image->id);
	for (size_t i = 0; i < image->n_repo_tags; i++)
		found |= strmap_has(used, image->repo_tags[i]) ||
			 str_has_prefix(image->repo_tags[i], "cube.local/pause") ||
			 str_has_prefix(image->repo_tags[i], "registry.k8s.io/pause");
	for (size_t i = 0; i < image->n_repo_digests; i++)
		found |= strmap_has(used, image->repo_digests[i]);
	return found || image->pinned;
}

static void on_images(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct gc_images *g = arg;
	g->call = NULL;
	if (err)
		return;
	const CriV1__ListImagesResponse *list = (const CriV1__ListImagesResponse *)response;
	const struct machine *m = node_manager_machine(g->node);
	int64_t wanted = m->fs_bytes * (100 - g->config->image_gc_low) / 100 - m->fs_available_bytes,
		removed = 0;
	struct strmap *used = strmap_new();
	runtime_cache_for_each(pod_manager_cache(g->pods), note_images, used);
	for (size_t i = 0; i < list->n_images && removed < wanted; i++) {
		if (is_used(used, list->images[i]))
			continue;
		CriV1__RemoveImageRequest request = CRI_V1__REMOVE_IMAGE_REQUEST__INIT;
		CriV1__ImageSpec spec = CRI_V1__IMAGE_SPEC__INIT;
		spec.image = list->images[i]->id;
		request.image = &spec;
		log_info("the disk is full: image %s is removed",
		    list->images[i]->n_repo_tags ? list->images[i]->repo_tags[0] : list->images[i]->id);
		runtime_call(g->rt, RUNTIME_REMOVE_IMAGE, &request, 0, gc_images_ignore, NULL);
		removed += (int64_t)list->images[i]->size;
	}
	g->nothing_left = removed == 0;
	strmap_free(used, NULL);
}

bool gc_images_collect(struct gc_images *g)
{
	CriV1__ListImagesRequest request = CRI_V1__LIST_IMAGES_REQUEST__INIT;
	if (g->call)
		return true;
	g->last_ms = loop_now_ms(g->loop);
	g->call = runtime_call(g->rt, RUNTIME_LIST_IMAGES, &request, 0, on_images, g);
	bool begun = !g->nothing_left;
	g->nothing_left = false;
	return begun;
}

void gc_images_check(struct gc_images *g)
{
	const struct machine *m = node_manager_machine(g->node);
	if (!m->fs_bytes || loop_now_ms(g->loop) - g->last_ms < INTERVAL_MS)
		return;
	if ((m->fs_bytes - m->fs_available_bytes) * 100 / m->fs_bytes >= g->config->image_gc_high)
		gc_images_collect(g);
}

struct gc_images *gc_images_new(const struct kubelet_config *config, struct loop *loop, struct runtime *rt,
    struct pod_manager *pods, struct node_manager *node)
{
	struct gc_images *g = calloc(1, sizeof *g);
	*g = (struct gc_images){.config = config, .loop = loop, .rt = rt, .pods = pods, .node = node};
	return g;
}

void gc_images_free(struct gc_images *g)
{
	runtime_cancel(g->rt, g->call);
	free(g);
}
