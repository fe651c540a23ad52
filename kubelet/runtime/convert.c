#include "kubelet/runtime/convert.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kubelet/logs/log_reader.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

#define TERMINATION_MESSAGE_MAX 4096
#define TERMINATION_LOG_LINES 80
#define TERMINATION_LOG_MAX 2048

struct cri_entry {
	ProtobufCMessage base;
	char *key, *value;
};

const char *cri_map_get_(size_t len, void *entries, const char *key)
{
	struct cri_entry **items = entries;
	for (size_t i = 0; i < len; i++)
		if (strcmp(items[i]->key, key) == 0)
			return items[i]->value;
	return NULL;
}

void *cri_new_(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
	ProtobufCMessage *m = arena_alloc(arena, descriptor->sizeof_message);
	descriptor->message_init(m);
	return m;
}

void cri_append_(struct arena *arena, size_t *len, void ***items, void *item)
{
	void **grown = arena_grow(arena, *items, *len * sizeof *grown, (*len + 1) * sizeof *grown);
	grown[*len] = item;
	*items = grown;
	(*len)++;
}

void cri_map_add_(struct arena *arena, size_t *len, void ***entries, const ProtobufCMessageDescriptor *entry,
    const char *key, const char *value)
{
	struct cri_entry *e = cri_new_(arena, entry);
	e->key = arena_strdup(arena, key);
	e->value = arena_strdup(arena, value);
	cri_append_(arena, len, entries, e);
}

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

/* The bytes that may be shown: valid UTF-8 passes, anything else becomes U+FFFD. */
static void append_utf8(struct buf *out, const char *s, size_t size)
{
	for (size_t i = 0; i < size;) {
		unsigned char b = (unsigned char)s[i];
		size_t n = b < 0x80                ? 1
			   : b >= 0xc2 && b < 0xe0 ? 2
			   : b >= 0xe0 && b < 0xf0 ? 3
			   : b >= 0xf0 && b < 0xf5 ? 4
						   : 0;
		bool ok = n && i + n <= size && b;
		for (size_t k = 1; ok && k < n; k++)
			ok = ((unsigned char)s[i + k] & 0xc0) == 0x80;
		if (ok) {
			buf_append(out, s + i, n);
			i += n;
		} else {
			buf_puts(out, "\xef\xbf\xbd");
			i++;
		}
	}
}

static char *read_termination_message(const struct rt_container *c, const char *host_path)
{
	struct buf raw = BUF_INIT, out = BUF_INIT;
	int fd = host_path ? open(host_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
	if (fd >= 0) {
		char *where = buf_reserve(&raw, TERMINATION_MESSAGE_MAX);
		ssize_t n = read(fd, where, TERMINATION_MESSAGE_MAX);
		if (n > 0)
			raw.size += (size_t)n;
		close(fd);
	}
	if (!raw.size && c->exit_code != 0 && str_eq(c->termination_policy, "FallbackToLogsOnError") &&
	    c->log_path)
		log_tail_text(c->log_path, TERMINATION_LOG_LINES, TERMINATION_LOG_MAX, &raw);
	append_utf8(&out, buf_str(&raw), raw.size);
	buf_done(&raw);
	return out.size ? buf_take(&out, NULL) : (buf_done(&out), NULL);
}

struct rt_container *convert_container(const CriV1__ContainerStatus *s)
{
	struct rt_container *c = calloc(1, sizeof *c);
	c->id = strdup(s->id);
	c->name = strdup(
	    str_or(cri_map_get(s, labels, LABEL_CONTAINER_NAME), s->metadata ? s->metadata->name : ""));
	c->image = copy(s->image ? s->image->image : NULL);
	c->image_ref = copy(s->image_ref);
	c->reason = copy(s->reason);
	c->message = copy(s->message);
	c->log_path = copy(s->log_path);
	c->hash = copy(cri_map_get(s, annotations, ANNOTATION_HASH));
	c->termination_path = copy(cri_map_get(s, annotations, ANNOTATION_TERMINATION_PATH));
	c->termination_policy = copy(cri_map_get(s, annotations, ANNOTATION_TERMINATION_POLICY));
	c->state = (enum rt_state)s->state;
	c->exit_code = s->exit_code;
	int64_t count;
	c->restart_count = str_to_int64(cri_map_get(s, annotations, ANNOTATION_RESTART_COUNT), &count)
			       ? (int32_t)count
			   : s->metadata ? (int32_t)s->metadata->attempt
					 : 0;
	c->created_ns = s->created_at;
	c->started_ns = s->started_at;
	c->finished_ns = s->finished_at;
	if (c->state != RT_EXITED)
		return c;
	const char *host_path = NULL;
	for (size_t i = 0; i < s->n_mounts; i++)
		if (c->termination_path && str_eq(s->mounts[i]->container_path, c->termination_path))
			host_path = s->mounts[i]->host_path;
	c->termination_message = read_termination_message(c, host_path);
	return c;
}

struct rt_sandbox *convert_sandbox(const CriV1__PodSandboxStatus *s)
{
	struct rt_sandbox *sb = calloc(1, sizeof *sb);
	sb->id = strdup(s->id);
	sb->attempt = s->metadata ? s->metadata->attempt : 0;
	sb->ready = s->state == CRI_V1__POD_SANDBOX_STATE__SANDBOX_READY;
	sb->created_ns = s->created_at;
	if (s->linux_ && s->linux_->namespaces && s->linux_->namespaces->options)
		sb->host_network = s->linux_->namespaces->options->network == CRI_V1__NAMESPACE_MODE__NODE;
	if (s->network) {
		sb->ip = copy(s->network->ip);
		struct buf extra = BUF_INIT;
		for (size_t i = 0; i < s->network->n_additional_ips; i++)
			buf_printf(&extra, "%s%s", i ? "," : "", s->network->additional_ips[i]->ip);
		sb->extra_ips = copy(buf_str(&extra));
		buf_done(&extra);
	}
	return sb;
}

void rt_container_free(struct rt_container *c)
{
	if (!c)
		return;
	free(c->id);
	free(c->name);
	free(c->image);
	free(c->image_ref);
	free(c->reason);
	free(c->message);
	free(c->log_path);
	free(c->hash);
	free(c->termination_path);
	free(c->termination_policy);
	free(c->termination_message);
	free(c);
}

void rt_sandbox_free(struct rt_sandbox *s)
{
	if (!s)
		return;
	free(s->id);
	free(s->ip);
	free(s->extra_ips);
	free(s);
}

bool rt_container_equal(const struct rt_container *a, const struct rt_container *b)
{
	return a->state == b->state && a->exit_code == b->exit_code && a->started_ns == b->started_ns &&
	       a->finished_ns == b->finished_ns && str_eq(a->reason, b->reason) &&
	       str_eq(a->message, b->message) && str_eq(a->image_ref, b->image_ref);
}

bool rt_sandbox_equal(const struct rt_sandbox *a, const struct rt_sandbox *b)
{
	return a->ready == b->ready && str_eq(a->ip, b->ip) && str_eq(a->extra_ips, b->extra_ips);
}
