#include "apiserver/extensions/aggregation.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/extensions/remote.h"
#include "apiserver/options.h"
#include "apiserver/proxy/proxy.h"
#include "apiserver/registry/registry.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

/* How often servers are asked for their health: soon again while one is away, seldom when all is well. */
enum { CHECK_MS = 30000, RETRY_MS = 2000 };

struct aggregation {
	struct api_server *server;
	struct remote *remotes; /* a list; few */
	struct loop_timer *timer;
};

static ApiregistrationV1__APIService *service_of(const struct object *obj)
{
	return (ApiregistrationV1__APIService *)obj->msg;
}

static struct remote **find(struct aggregation *a, const char *name)
{
	struct remote **p = &a->remotes;
	while (*p && strcmp((*p)->object->meta->name, name) != 0)
		p = &(*p)->next;
	return p;
}

static void check_again(struct aggregation *a, int64_t delay_ms)
{
	if (a->remotes)
		loop_timer_start(a->timer, delay_ms, 0);
	else
		loop_timer_stop(a->timer);
}

static void write_status(struct aggregation *a, const struct remote *r)
{
	struct object *obj = object_clone(r->object);
	ApiregistrationV1__APIServiceStatus *status = service_of(obj)->status;
	ApiregistrationV1__APIServiceCondition *c = NULL;
	const char *value = r->is_available ? "True" : "False";
	for (size_t i = 0; i < status->n_conditions && !c; i++)
		if (str_eq(status->conditions[i]->type, "Available"))
			c = status->conditions[i];
	if (!c) {
		c = API_NEW(obj->arena, apiregistration_v1__apiservice_condition);
		c->type = (char *)"Available";
		api_append(obj->arena, status, conditions, c);
	}
	bool is_same = str_eq(c->status, value) && str_eq(c->reason, r->reason);
	if (!str_eq(c->status, value))
		c->last_transition_time = time_new(obj->arena, clock_wall_s(loop_clock(a->server->loop)));
	c->status = arena_strdup(obj->arena, value);
	c->reason = arena_strdup(obj->arena, r->reason);
	c->message = arena_strdup(obj->arena, r->message);
	if (!is_same)
		registry_update(a->server, resource_apiservices, "status", obj, NULL, NULL);
	object_unref(obj);
}

static void on_checked(void *arg, struct remote *r)
{
	struct aggregation *a = arg;
	write_status(a, r);
	check_again(a, r->is_available ? CHECK_MS : RETRY_MS);
}

static void check_all(void *arg)
{
	struct aggregation *a = arg;
	bool all_well = true;
	for (struct remote *r = a->remotes, *next; r; r = next) {
		next = r->next;
		remote_check(r, on_checked, a);
		all_well = all_well && r->is_available;
	}
	check_again(a, all_well ? CHECK_MS : RETRY_MS);
}

static void on_service(void *arg, const struct object *old, const struct object *obj)
{
	struct aggregation *a = arg;
	struct remote **p = find(a, (obj ? obj : old)->meta->name);
	struct remote *r = *p;
	bool is_remote = obj && service_of(obj)->spec->service;
	if (r && (!is_remote || !api_equal(service_of(r->object)->spec, service_of(obj)->spec))) {
		*p = r->next;
		remote_free(r);
		r = NULL;
	} else if (r) {
		remote_set_object(r, obj);
	}
	if (is_remote && !r) {
		r = remote_new(a->server, obj);
		r->next = a->remotes;
		a->remotes = r;
		check_again(a, 0);
	}
	if (!a->remotes)
		check_again(a, 0);
}

void aggregation_start(struct api_server *server)
{
	struct aggregation *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	a->server = server;
	a->timer = loop_timer_new(server->loop, check_all, a);
	server->aggregation = a;
	watchcache_subscribe(server, resource_apiservices, on_service, a);
}

void aggregation_done(struct api_server *server)
{
	struct aggregation *a = server->aggregation;
	if (!a)
		return;
	server->aggregation = NULL;
	loop_timer_free(a->timer);
	while (a->remotes) {
		struct remote *r = a->remotes;
		a->remotes = r->next;
		remote_free(r);
	}
	free(a);
}

/* Is `path` the segment, or does it start with it? Returns what follows, NULL when not. */
static const char *skip_segment(const char *path, const char *segment)
{
	size_t size = strlen(segment);
	if (strncmp(path, segment, size) != 0 || (path[size] && path[size] != '/'))
		return NULL;
	return path + size;
}

/* /apis/GROUP/VERSION or what is below. */
static struct remote *remote_of_path(struct aggregation *a, const char *path)
{
	if (!str_has_prefix(path, "/apis/"))
		return NULL;
	path += strlen("/apis/");
	for (struct remote *r = a->remotes; r; r = r->next) {
		const char *rest = skip_segment(path, r->group);
		if (rest && *rest && skip_segment(rest + 1, r->version))
			return r;
	}
	return NULL;
}

/* Header values with what could end the line, or is no ASCII, as percent escapes; the percent sign too in
 * extra keys. */
static void add_header(struct buf *out, const char *name, const char *suffix, const char *value)
{
	buf_puts(out, name);
	for (const char *p = suffix; *p; p++) {
		bool is_token = (unsigned char)*p < 0x7f &&
				(*p == '-' || *p == '_' || *p == '.' || (*p >= '0' && *p <= '9') ||
				    ((*p | 32) >= 'a' && (*p | 32) <= 'z'));
		if (is_token)
			buf_putc(out, *p);
		else
			buf_printf(out, "%%%02X", (unsigned char)*p);
	}
	buf_puts(out, ": ");
	for (const char *p = value; *p; p++)
		buf_putc(out, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
	buf_puts(out, "\r\n");
}

static const char *identity(struct api_request *req)
{
	struct buf out = BUF_INIT;
	const struct api_user *user = &req->user;
	add_header(&out, "X-Remote-User", "", user->name);
	if (!str_empty(user->uid))
		add_header(&out, "X-Remote-Uid", "", user->uid);
	for (const char *const *g = user->groups; g && *g; g++)
		add_header(&out, "X-Remote-Group", "", *g);
	for (size_t i = 0; i < user->extra_len; i++)
		for (const char *const *v = user->extra[i].values; *v; v++)
			add_header(&out, "X-Remote-Extra-", user->extra[i].key, *v);
	const char *text = arena_strdup(req->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

int aggregation_serve(struct api_request *req, struct error *err)
{
	struct aggregation *a = req->server->aggregation;
	struct remote *r = a && a->remotes ? remote_of_path(a, req->info.path) : NULL;
	struct relay_target target = {0};
	if (!r)
		return API_NEXT;
	if (!r->is_available)
		return error_set(err, ERR_UNAVAILABLE, "service unavailable");
	if (remote_address(r, req->arena, &target.address, err))
		return API_FAIL;
	target.use_tls = true;
	target.tls = remote_tls(r, req->arena);
	target.host = target.tls.server_name;
	target.path = str_empty(req->http->query)
			  ? req->info.path
			  : arena_printf(req->arena, "%s?%s", req->info.path, req->http->query);
	target.identity = identity(req);
	return relay_start(req, &target);
}

bool aggregation_at(const struct api_server *server, size_t i, struct aggregated_version *ret)
{
	const struct aggregation *a = server->aggregation;
	const struct remote *r = a ? a->remotes : NULL;
	while (r && i--)
		r = r->next;
	if (r)
		*ret = (struct aggregated_version){r->group, r->version, r->is_available, r->resources};
	return r != NULL;
}
