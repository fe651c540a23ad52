#include "kubelet/pods/downward.h"

#include <stdio.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

/* A value as Go's %q prints it: what a shell or a parser of the file expects. */
static void append_quoted(struct buf *out, const char *s)
{
	buf_putc(out, '"');
	for (; *s; s++) {
		switch (*s) {
		case '"':
			buf_puts(out, "\\\"");
			break;
		case '\\':
			buf_puts(out, "\\\\");
			break;
		case '\n':
			buf_puts(out, "\\n");
			break;
		case '\t':
			buf_puts(out, "\\t");
			break;
		case '\r':
			buf_puts(out, "\\r");
			break;
		default:
			buf_putc(out, *s);
		}
	}
	buf_putc(out, '"');
}

static const char *format_map(struct arena *arena, size_t len, void *entries)
{
	struct api_string_entry **items = entries;
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < len; i++) {
		buf_printf(&out, "%s%s=", i ? "\n" : "", items[i]->key);
		append_quoted(&out, items[i]->value);
	}
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

/* The x of metadata.labels['x'], or NULL. */
static const char *subscript(struct arena *arena, const char *path, const char *prefix)
{
	size_t n = strlen(prefix), len = strlen(path);
	if (strncmp(path, prefix, n) != 0 || len < n + 4 || strncmp(path + n, "['", 2) != 0 ||
	    strcmp(path + len - 2, "']") != 0)
		return NULL;
	return arena_strndup(arena, path + n + 2, len - n - 4);
}

int downward_field(struct arena *arena, const struct object *obj, const struct downward_facts *facts,
    const char *path, const char **ret, struct error *err)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;
	const MetaV1__ObjectMeta *meta = pod->metadata;
	const struct {
		const char *path, *value;
	} plain[] = {{"metadata.name", meta->name}, {"metadata.namespace", meta->namespace_},
	    {"metadata.uid", meta->uid}, {"spec.nodeName", pod->spec->node_name},
	    {"spec.serviceAccountName", pod->spec->service_account_name}, {"status.hostIP", facts->host_ip},
	    {"status.hostIPs", facts->host_ip}, {"status.podIP", facts->pod_ip},
	    {"status.podIPs", facts->pod_ips}};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		if (str_eq(path, plain[i].path)) {
			*ret = arena_strdup(arena, str_or(plain[i].value, ""));
			return 0;
		}
	}
	const char *key;
	if ((key = subscript(arena, path, "metadata.labels")))
		*ret = str_or(api_map_get(meta, labels, key), "");
	else if ((key = subscript(arena, path, "metadata.annotations")))
		*ret = str_or(api_map_get(meta, annotations, key), "");
	else if (str_eq(path, "metadata.labels"))
		*ret = format_map(arena, meta->n_labels, meta->labels);
	else if (str_eq(path, "metadata.annotations"))
		*ret = format_map(arena, meta->n_annotations, meta->annotations);
	else
		return error_set(err, ERR_INVALID, "unsupported fieldPath: %s", path);
	return 0;
}

static const CoreV1__Container *find_container(const CoreV1__Pod *pod, const char *name)
{
	for (size_t i = 0; i < pod->spec->n_containers; i++)
		if (str_eq(pod->spec->containers[i]->name, name))
			return pod->spec->containers[i];
	for (size_t i = 0; i < pod->spec->n_init_containers; i++)
		if (str_eq(pod->spec->init_containers[i]->name, name))
			return pod->spec->init_containers[i];
	return NULL;
}

int downward_resource(struct arena *arena, const CoreV1__Pod *pod, const char *container,
    const CoreV1__ResourceFieldSelector *selector, const struct downward_facts *facts, const char **ret,
    struct error *err)
{
	const CoreV1__Container *c = find_container(pod, str_or(selector->container_name, container));
	const char *dot = strchr(selector->resource, '.');
	if (!c)
		return error_set(err, ERR_INVALID, "container %s not found", selector->container_name);
	if (!dot)
		return error_set(err, ERR_INVALID, "unsupported resource: %s", selector->resource);
	struct quantity q = {0}, divisor = quantity_of(selector->divisor);
	bool is_limit = strncmp(selector->resource, "limits.", 7) == 0;
	bool found = is_limit ? quantity_in(c->resources, limits, dot + 1, &q)
			      : quantity_in(c->resources, requests, dot + 1, &q);
	if (!found && is_limit && facts->node)
		quantity_in(facts->node->status, allocatable, dot + 1, &q);
	if (!divisor.nano)
		divisor.nano = 1000000000;
	__int128 units = q.nano / divisor.nano + (q.nano % divisor.nano != 0);
	*ret = arena_printf(arena, "%lld", (long long)units);
	return 0;
}
