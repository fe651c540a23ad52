#include "proxy/aftercare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"
#include "proxy/conntrack.h"
#include "proxy/health.h"

/* What was noted of one Service. */
struct note {
	struct arena *arena;
	struct render_extra extra;
	char *ns, *name;
	struct health_listener *listener;
	int port; /* that it listens on, or tried to */
};

/* One run of conntrack_clear() on the thread pool, with its own copy of the frontends. */
struct clearing {
	struct aftercare *care; /* NULL: freed meanwhile */
	struct arena *arena;
	struct udp_frontend *frontends;
	size_t len;
	int deleted;
	struct error error;
};

struct aftercare {
	struct loop *loop;
	char *address;
	struct strmap *notes; /* key -> struct note, of Services that need any care */
	bool udp_changed, ports_changed;
	struct clearing *clearing;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct aftercare *aftercare_new(struct loop *loop, const char *health_address)
{
	struct aftercare *care = must(calloc(1, sizeof(*care)));
	care->loop = loop;
	care->address = must(strdup(str_or(health_address, "0.0.0.0")));
	care->notes = strmap_new();
	return care;
}

static void free_note(void *value)
{
	struct note *note = value;
	if (!note)
		return;
	health_close(note->listener);
	arena_free(note->arena);
}

void aftercare_free(struct aftercare *care)
{
	if (!care)
		return;
	if (care->clearing)
		care->clearing->care = NULL;
	strmap_free(care->notes, free_note);
	free(care->address);
	free(care);
}

/* Noting */

static void copy_frontends(
    struct arena *arena, struct udp_frontend *to, const struct udp_frontend *from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char **endpoints = ARENA_ARRAY(arena, const char *, from[i].endpoints_len + 1);
		to[i] = from[i];
		for (size_t e = 0; e < from[i].endpoints_len; e++)
			endpoints[e] = arena_strdup(arena, from[i].endpoints[e]);
		to[i].endpoints = endpoints;
	}
}

static bool same_frontends(const struct render_extra *a, const struct render_extra *b)
{
	if (a->udp_len != b->udp_len)
		return false;
	for (size_t i = 0; i < a->udp_len; i++) {
		const struct udp_frontend *x = &a->udp[i], *y = &b->udp[i];
		if (strcmp(x->address, y->address) != 0 || x->endpoints_len != y->endpoints_len)
			return false;
		for (size_t e = 0; e < x->endpoints_len; e++)
			if (strcmp(x->endpoints[e], y->endpoints[e]) != 0)
				return false;
	}
	return true;
}

void aftercare_note(struct aftercare *care, const char *key, const struct render_extra *extra)
{
	static const struct render_extra nothing;
	struct note *old = strmap_get(care->notes, key);
	const struct render_extra *before = old ? &old->extra : &nothing;
	bool needs_care = extra->udp_len || extra->health_check_port;
	if (!old && !needs_care)
		return;
	care->udp_changed |= !same_frontends(before, extra);
	care->ports_changed |= before->health_check_port != extra->health_check_port;
	struct arena *arena = arena_new();
	struct note *note = ARENA_NEW(arena, struct note);
	note->arena = arena;
	note->extra = *extra;
	note->extra.udp = ARENA_ARRAY(arena, struct udp_frontend, extra->udp_len + 1);
	copy_frontends(arena, note->extra.udp, extra->udp, extra->udp_len);
	const char *slash = strchrnul(key, '/');
	note->ns = arena_strndup(arena, key, (size_t)(slash - key));
	note->name = arena_strdup(arena, *slash ? slash + 1 : "");
	if (old) {
		/* The listener's callback argument is the note: it cannot be moved, so it opens anew when the
		 * port stays. */
		care->ports_changed |= old->listener != NULL;
		free_note(old);
	}
	if (needs_care) {
		strmap_put(care->notes, key, note);
	} else {
		strmap_remove(care->notes, key);
		free_note(note);
	}
}

/* Health check ports */

static int answer(void *arg, const char *path, struct buf *body, const char **content_type)
{
	const struct note *note = arg;
	*content_type = "application/json";
	buf_printf(body,
	    "{\n\t\"service\": {\n\t\t\"namespace\": \"%s\",\n\t\t\"name\": "
	    "\"%s\"\n\t},\n\t\"localEndpoints\": %d,\n"
	    "\t\"serviceProxyHealthy\": true\n}",
	    note->ns, note->name, note->extra.local_endpoints);
	return note->extra.local_endpoints ? 200 : 503;
}

static void update_ports(struct aftercare *care)
{
	strmap_for_each (care->notes, e) {
		struct note *note = strmap_value(e);
		char address[128];
		struct error err = ERROR_INIT;
		if (note->port == note->extra.health_check_port)
			continue;
		note->port = note->extra.health_check_port;
		snprintf(address, sizeof(address), strchr(care->address, ':') ? "[%s]:%d" : "%s:%d",
		    care->address, note->port);
		note->listener = health_listen(care->loop, address, answer, note, &err);
		if (!note->listener)
			log_warning("health check port of service %s: %s", strmap_key(e), err.message);
	}
}

/* UDP flows */

static void start_clearing(struct aftercare *care);

static void clear(void *arg)
{
	struct clearing *clearing = arg;
	clearing->deleted = conntrack_clear(clearing->frontends, clearing->len, &clearing->error);
}

static void on_cleared(void *arg)
{
	struct clearing *clearing = arg;
	struct aftercare *care = clearing->care;
	if (clearing->deleted < 0)
		log_warning("%s", clearing->error.message);
	else if (clearing->deleted)
		log_debug("%d stale UDP flows deleted", clearing->deleted);
	arena_free(clearing->arena);
	if (!care)
		return;
	care->clearing = NULL;
	if (care->udp_changed)
		start_clearing(care);
}

static void start_clearing(struct aftercare *care)
{
	struct arena *arena = arena_new();
	struct clearing *clearing = ARENA_NEW(arena, struct clearing);
	size_t len = 0, at = 0;
	care->udp_changed = false;
	strmap_for_each (care->notes, e)
		len += ((const struct note *)strmap_value(e))->extra.udp_len;
	*clearing = (struct clearing){.care = care, .arena = arena, .len = len};
	clearing->frontends = ARENA_ARRAY(arena, struct udp_frontend, len + 1);
	strmap_for_each (care->notes, e) {
		const struct render_extra *extra = &((const struct note *)strmap_value(e))->extra;
		copy_frontends(arena, clearing->frontends + at, extra->udp, extra->udp_len);
		at += extra->udp_len;
	}
	care->clearing = clearing;
	loop_work(care->loop, clear, on_cleared, clearing);
}

void aftercare_run(struct aftercare *care)
{
	if (care->ports_changed)
		update_ports(care);
	care->ports_changed = false;
	if (care->udp_changed && !care->clearing)
		start_clearing(care);
}
