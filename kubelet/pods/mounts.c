#include "kubelet/pods/mounts.h"

#include <stdio.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/pods/dns.h"
#include "kubelet/pods/pod_private.h"
#include "kubelet/runtime/convert.h"
#include "kubelet/volumes/volume.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

struct list {
	struct arena *arena;
	CriV1__Mount **items;
	size_t len;
};

static CriV1__Mount *add(struct list *list, const char *host, const char *container, bool read_only)
{
	CriV1__Mount *m = CRI_NEW(list->arena, cri_v1__mount);
	m->host_path = arena_strdup(list->arena, host);
	m->container_path = arena_strdup(list->arena, container);
	m->readonly = read_only;
	cri_append_(list->arena, &list->len, (void ***)&list->items, m);
	return m;
}

/* subPath and subPathExpr may not leave the volume. */
static int check_sub_path(const char *path, struct error *err)
{
	if (*path == '/')
		return error_set(err, ERR_INVALID, "subPath \"%s\" must not be an absolute path", path);
	for (const char *p = path; p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0)
			return error_set(err, ERR_INVALID, "subPath \"%s\" must not contain ..", path);
		p = p[n] ? p + n + 1 : NULL;
	}
	return 0;
}

static int add_volume(struct list *list, const struct mounts_input *in, size_t index, struct error *err)
{
	const CoreV1__VolumeMount *m = in->slot->spec->volume_mounts[index];
	const char *sub_path = str_or(m->sub_path, ""), *host;
	if (!str_empty(m->sub_path_expr) &&
	    env_expand_strict(list->arena, m->sub_path_expr, in->env, &sub_path, err))
		return -1;
	if (check_sub_path(sub_path, err))
		return -1;
	bool read_only = false;
	if (volume_manager_mount_source(in->volumes, in->pod, in->slot->spec->name, index, m, sub_path,
		list->arena, &host, &read_only, err))
		return -1;
	const char *at =
	    *m->mount_path == '/' ? m->mount_path : arena_printf(list->arena, "/%s", m->mount_path);
	CriV1__Mount *out = add(list, host, at, m->read_only || read_only);
	if (str_eq(m->mount_propagation, "HostToContainer"))
		out->propagation = CRI_V1__MOUNT_PROPAGATION__PROPAGATION_HOST_TO_CONTAINER;
	else if (str_eq(m->mount_propagation, "Bidirectional"))
		out->propagation = CRI_V1__MOUNT_PROPAGATION__PROPAGATION_BIDIRECTIONAL;
	return 0;
}

static bool mounts_at(const struct list *list, const char *path)
{
	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->items[i]->container_path, path))
			return true;
	return false;
}

static int add_hosts_file(struct list *list, const struct mounts_input *in, struct error *err)
{
	const CoreV1__Pod *pod = pod_of(in->pod);
	if (mounts_at(list, "/etc/hosts") || (!pod->spec->host_network && !*in->pod_ips))
		return 0;
	char dir[512];
	struct buf text = BUF_INIT, host = BUF_INIT;
	pod_dir(in->config, in->pod->meta->uid, dir);
	const char *path = arena_printf(list->arena, "%s/etc-hosts", dir);
	if (pod->spec->host_network)
		files_read("/etc/hosts", &host);
	dns_hosts_file(&text, pod, in->pod_ips, in->config->cluster_domain, buf_str(&host));
	/* In place: containers that run already keep seeing this file. */
	int rc = files_overwrite(path, buf_str(&text), text.size, 0644, err);
	buf_done(&text);
	buf_done(&host);
	if (rc == 0)
		add(list, path, "/etc/hosts", false);
	return rc;
}

static int add_termination_file(struct list *list, const struct mounts_input *in, struct error *err)
{
	const CoreV1__Container *c = in->slot->spec;
	char dir[512], id[9];
	if (str_empty(c->termination_message_path))
		return 0;
	pod_dir(in->config, in->pod->meta->uid, dir);
	const char *parent = arena_printf(list->arena, "%s/containers/%s", dir, c->name);
	str_random(id, 8);
	const char *path = arena_printf(list->arena, "%s/%s", parent, id);
	if (files_make_path(parent, 0750, err) || files_overwrite(path, "", 0, 0666, err))
		return -1;
	add(list, path, c->termination_message_path, false);
	return 0;
}

int mounts_build(struct arena *arena, const struct mounts_input *in, CriV1__Mount ***ret, size_t *ret_len,
    struct error *err)
{
	struct list list = {.arena = arena};
	for (size_t i = 0; i < in->slot->spec->n_volume_mounts; i++)
		if (add_volume(&list, in, i, err))
			return -1;
	if (add_hosts_file(&list, in, err) || add_termination_file(&list, in, err))
		return -1;
	*ret = list.items;
	*ret_len = list.len;
	return 0;
}
