/* What the runtime holds of one pod: the entries of the cache. */
#include <stdlib.h>
#include <string.h>

#include "kubelet/runtime/cache.h"
#include "kubelet/runtime/convert.h"
#include "lib/base/str.h"

void rt_pod_free(void *p)
{
	struct rt_pod *pod = p;
	for (size_t i = 0; i < pod->sandboxes_len; i++)
		rt_sandbox_free(pod->sandboxes[i]);
	for (size_t i = 0; i < pod->containers_len; i++)
		rt_container_free(pod->containers[i]);
	free(pod->sandboxes);
	free(pod->containers);
	free(pod->uid);
	free(pod->name);
	free(pod->ns);
	free(pod);
}

static int newest_container_first(const void *a, const void *b)
{
	const struct rt_container *x = *(struct rt_container *const *)a,
				  *y = *(struct rt_container *const *)b;
	return x->created_ns < y->created_ns ? 1 : x->created_ns > y->created_ns ? -1 : 0;
}

static int newest_sandbox_first(const void *a, const void *b)
{
	const struct rt_sandbox *x = *(struct rt_sandbox *const *)a, *y = *(struct rt_sandbox *const *)b;
	return x->created_ns < y->created_ns ? 1 : x->created_ns > y->created_ns ? -1 : 0;
}

/* Takes over c; true when something visible changed. */
bool rt_pod_put_container(struct rt_pod *pod, struct rt_container *take_c)
{
	for (size_t i = 0; i < pod->containers_len; i++) {
		struct rt_container *old = pod->containers[i];
		if (!str_eq(old->id, take_c->id))
			continue;
		bool changed = !rt_container_equal(old, take_c);
		if (changed) {
			rt_container_free(old);
			pod->containers[i] = take_c;
		} else {
			rt_container_free(take_c);
		}
		return changed;
	}
	pod->containers = realloc(pod->containers, (pod->containers_len + 1) * sizeof *pod->containers);
	pod->containers[pod->containers_len++] = take_c;
	qsort(pod->containers, pod->containers_len, sizeof *pod->containers, newest_container_first);
	return true;
}

bool rt_pod_put_sandbox(struct rt_pod *pod, struct rt_sandbox *take_s)
{
	for (size_t i = 0; i < pod->sandboxes_len; i++) {
		struct rt_sandbox *old = pod->sandboxes[i];
		if (!str_eq(old->id, take_s->id))
			continue;
		bool changed = !rt_sandbox_equal(old, take_s);
		if (changed) {
			rt_sandbox_free(old);
			pod->sandboxes[i] = take_s;
		} else {
			rt_sandbox_free(take_s);
		}
		return changed;
	}
	pod->sandboxes = realloc(pod->sandboxes, (pod->sandboxes_len + 1) * sizeof *pod->sandboxes);
	pod->sandboxes[pod->sandboxes_len++] = take_s;
	qsort(pod->sandboxes, pod->sandboxes_len, sizeof *pod->sandboxes, newest_sandbox_first);
	return true;
}

void rt_pod_remove(struct rt_pod *pod, const char *id)
{
	for (size_t i = 0; i < pod->containers_len; i++) {
		if (!str_eq(pod->containers[i]->id, id))
			continue;
		rt_container_free(pod->containers[i]);
		memmove(pod->containers + i, pod->containers + i + 1,
		    (--pod->containers_len - i) * sizeof *pod->containers);
	}
	for (size_t i = 0; i < pod->sandboxes_len; i++) {
		if (!str_eq(pod->sandboxes[i]->id, id))
			continue;
		rt_sandbox_free(pod->sandboxes[i]);
		memmove(pod->sandboxes + i, pod->sandboxes + i + 1,
		    (--pod->sandboxes_len - i) * sizeof *pod->sandboxes);
	}
}

const struct rt_container *rt_pod_container(const struct rt_pod *pod, const char *name, size_t skip)
{
	for (size_t i = 0; pod && i < pod->containers_len; i++)
		if (str_eq(pod->containers[i]->name, name) && skip-- == 0)
			return pod->containers[i];
	return NULL;
}

const struct rt_container *rt_pod_container_by_id(const struct rt_pod *pod, const char *id)
{
	for (size_t i = 0; pod && i < pod->containers_len; i++)
		if (str_eq(pod->containers[i]->id, id))
			return pod->containers[i];
	return NULL;
}

const struct rt_sandbox *rt_pod_sandbox(const struct rt_pod *pod)
{
	return pod && pod->sandboxes_len ? pod->sandboxes[0] : NULL;
}
