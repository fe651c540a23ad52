/* What etcd is asked for, by operation and type; the type is read from the key. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/metrics.h"
#include "apiserver/server.h"
#include "apiserver/storage/storage.h"
#include "lib/base/buf.h"
#include "lib/base/metrics.h"
#include "lib/base/strmap.h"

enum { PREFIX_MAX = 256 };

static const double bounds[] = {
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60};
static const char *const operations[STORAGE_OPERATIONS] = {"get", "list", "create", "update", "delete"};

struct counted { /* one operation on one type */
	struct storage_metrics *metrics;
	const char *name;
	enum storage_operation operation;
	struct metric_series *total, *errors, *seconds;
};

struct of_type {
	struct counted operations[STORAGE_OPERATIONS];
};

struct storage_metrics {
	struct api_server *server;
	struct metric_set *set;
	struct metric *total, *errors, *seconds;
	struct strmap *types; /* prefix of keys -> struct of_type */
	struct storage_observer observer;
};

static struct of_type *make(struct storage_metrics *m, const char *prefix)
{
	for (size_t i = 0; i < api_types_count(m->server); i++) {
		const struct resource_type *type = api_types_at(m->server, i);
		if (!type->storage_prefix || strcmp(type->storage_prefix, prefix) != 0)
			continue;
		struct of_type *t = metric_set_alloc(m->set, sizeof *t);
		struct buf name = BUF_INIT;
		buf_printf(&name, "%s%s%s", type->plural, *type->group ? "." : "", type->group);
		char *kept = metric_set_alloc(m->set, name.size + 1);
		memcpy(kept, buf_str(&name), name.size);
		buf_done(&name);
		for (size_t op = 0; op < STORAGE_OPERATIONS; op++)
			t->operations[op] = (struct counted){m, kept, op, NULL, NULL, NULL};
		strmap_put(m->types, prefix, t);
		return t;
	}
	return NULL;
}

/* The type whose prefix the key begins with: one or two words behind "/registry/". */
static struct of_type *find(struct storage_metrics *m, const char *key)
{
	char prefix[PREFIX_MAX];
	const char *end = strchr(key + (*key == '/'), '/');

	for (int words = 0; end && words < 2; words++) {
		end = strchr(end + 1, '/');
		if (!end || (size_t)(end - key) >= sizeof prefix)
			return NULL;
		memcpy(prefix, key, (size_t)(end - key));
		prefix[end - key] = '\0';
		struct of_type *t = strmap_get(m->types, prefix);
		if (t || (t = make(m, prefix)))
			return t;
	}
	return NULL;
}

static void *on_begin(void *arg, enum storage_operation operation, const char *key)
{
	struct of_type *t = find(arg, key);
	return t ? &t->operations[operation] : NULL;
}

static void on_end(void *arg, void *operation, double seconds, bool has_failed)
{
	struct storage_metrics *m = arg;
	struct counted *c = operation;
	const char *const labels[] = {operations[c->operation], c->name};

	metric_add(metrics_once(&c->total, m->total, labels), 1);
	metric_observe(metrics_once(&c->seconds, m->seconds, labels), seconds);
	if (has_failed)
		metric_add(metrics_once(&c->errors, m->errors, labels), 1);
}

struct storage_metrics *storage_metrics_new(struct api_server *server, struct metric_set *set)
{
	struct storage_metrics *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->server = server;
	m->set = set;
	m->types = strmap_new();
	m->total =
	    metric_counter(set, "etcd_requests_total", "Requests made to etcd, by type.", "operation,type");
	m->errors =
	    metric_counter(set, "etcd_request_errors_total", "Those of them that failed.", "operation,type");
	m->seconds = metric_histogram(set, "etcd_request_duration_seconds", "Time until etcd had answered.",
	    "operation,type", bounds, sizeof bounds / sizeof bounds[0]);
	m->observer = (struct storage_observer){on_begin, on_end, m};
	return m;
}

void storage_metrics_free(struct storage_metrics *m)
{
	strmap_free(m->types, NULL);
	free(m);
}

const struct storage_observer *metrics_storage_observer(const struct api_server *server)
{
	return &server->metrics->storage->observer;
}
