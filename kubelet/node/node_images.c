#include "kubelet/node/node_images.h"

#include <stdlib.h>

#include "kubelet/node/node.h"
#include "kubelet/runtime/runtime.h"
#include "lib/base/arena.h"
#include "lib/loop/loop.h"

#define REFRESH_MS 500 /* imports come in bursts of events */

struct node_images {
	struct runtime *rt;
	struct arena *arena; /* of the items */
	struct node_image *items;
	size_t len;
	struct runtime_call *call;
	struct loop_timer *timer;
	void (*on_change)(void *arg);
	void *on_change_arg;
};

static int by_size(const void *a, const void *b)
{
	const struct node_image *x = a, *y = b;
	return x->size < y->size ? 1 : x->size > y->size ? -1 : 0;
}

static void on_images(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct node_images *n = arg;
	n->call = NULL;
	if (err)
		return;
	const CriV1__ListImagesResponse *list = (const CriV1__ListImagesResponse *)response;
	arena_free(n->arena);
	n->arena = arena_new();
	n->items = ARENA_ARRAY(n->arena, struct node_image, list->n_images + 1);
	n->len = list->n_images;
	for (size_t i = 0; i < list->n_images; i++) {
		const CriV1__Image *image = list->images[i];
		size_t len = image->n_repo_digests + image->n_repo_tags, names_len = 0;
		const char **names = ARENA_ARRAY(n->arena, const char *, len + 1);
		for (size_t k = 0; k < image->n_repo_digests; k++)
			names[names_len++] = arena_strdup(n->arena, image->repo_digests[k]);
		for (size_t k = 0; k < image->n_repo_tags; k++)
			names[names_len++] = arena_strdup(n->arena, image->repo_tags[k]);
		n->items[i] = (struct node_image){names, names_len, (int64_t)image->size};
	}
	qsort(n->items, n->len, sizeof *n->items, by_size);
	n->on_change(n->on_change_arg);
}

static void ask_images(void *arg)
{
	struct node_images *n = arg;
	CriV1__ListImagesRequest request = CRI_V1__LIST_IMAGES_REQUEST__INIT;
	if (!n->call)
		n->call = runtime_call(n->rt, RUNTIME_LIST_IMAGES, &request, 10000, on_images, n);
}

struct node_images *node_images_new(
    struct loop *loop, struct runtime *rt, void (*on_change)(void *arg), void *arg)
{
	struct node_images *n = calloc(1, sizeof *n);
	*n = (struct node_images){.rt = rt, .on_change = on_change, .on_change_arg = arg};
	n->timer = loop_timer_new(loop, ask_images, n);
	return n;
}

void node_images_free(struct node_images *n)
{
	if (!n)
		return;
	runtime_cancel(n->rt, n->call);
	loop_timer_free(n->timer);
	arena_free(n->arena);
	free(n);
}

void node_images_refresh(struct node_images *n)
{
	if (!loop_timer_is_active(n->timer))
		loop_timer_start(n->timer, REFRESH_MS, 0);
}

const struct node_image *node_images_list(const struct node_images *n, size_t *ret_len)
{
	*ret_len = n->len;
	return n->items;
}
