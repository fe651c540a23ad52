#include "lib/client/informer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/informer_index.h"
#include "lib/client/informer_private.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

struct handler {
	struct handler *next;
	informer_handler *fn;
	void *arg;
};

struct progress {
	struct progress *next;
	void (*fn)(void *arg, struct informer *inf);
	void *arg;
};

struct informer {
	struct informer *next;
	struct informer_set *set;
	struct informer_scope scope;
	char *ns, *label_selector, *field_selector;
	struct strmap *entries; /* key -> struct informer_entry */
	struct informer_indexes *indexes;
	struct handler *handlers;
	struct progress *progress;
	struct reflector *reflector;
	int64_t revision;
	unsigned mark; /* of the list under way: entries that keep an older one are gone */
	bool is_synced;
};

struct synced_call {
	struct synced_call *next;
	void (*fn)(void *arg);
	void *arg;
};

struct informer_set {
	struct rest_client *client;
	struct informer *informers;
	struct synced_call *synced_calls;
	struct loop_timer *timer; /* looks for synced calls on the next turn; NULL when fed by hand */
	bool is_started, is_checking;
};

static void *zalloc(size_t size)
{
	void *p = calloc(1, size);
	if (!p)
		abort();
	return p;
}

/* ---- the set ---- */

static void check_synced(void *arg);

struct informer_set *informer_set_new(struct rest_client *client)
{
	struct informer_set *set = zalloc(sizeof(*set));
	set->client = client;
	if (client)
		set->timer = loop_timer_new(rest_client_loop(client), check_synced, set);
	return set;
}

static void entry_free(void *arg)
{
	struct informer_entry *entry = arg;
	object_unref(entry->obj);
	free(entry);
}

static void informer_free(struct informer *inf)
{
	reflector_free(inf->reflector);
	informer_indexes_free(inf->indexes);
	strmap_free(inf->entries, entry_free);
	for (struct handler *h = inf->handlers, *next; h; h = next) {
		next = h->next;
		free(h);
	}
	for (struct progress *p = inf->progress, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	free(inf->ns);
	free(inf->label_selector);
	free(inf->field_selector);
	free(inf);
}

void informer_set_free(struct informer_set *set)
{
	if (!set)
		return;
	for (struct informer *inf = set->informers, *next; inf; inf = next) {
		next = inf->next;
		informer_free(inf);
	}
	for (struct synced_call *call = set->synced_calls, *next; call; call = next) {
		next = call->next;
		free(call);
	}
	loop_timer_free(set->timer);
	free(set);
}

bool informer_set_synced(const struct informer_set *set)
{
	for (const struct informer *inf = set->informers; inf; inf = inf->next)
		if (!inf->is_synced)
			return false;
	return true;
}

/* Calls that wait for the first lists; a call may ask for more informers and wait again. */
static void check_synced(void *arg)
{
	struct informer_set *set = arg;
	if (set->is_checking)
		return;
	set->is_checking = true;
	while (set->is_started && set->synced_calls && informer_set_synced(set)) {
		struct synced_call *call = set->synced_calls;
		set->synced_calls = call->next;
		call->fn(call->arg);
		free(call);
	}
	set->is_checking = false;
}

void informer_set_start(struct informer_set *set)
{
	set->is_started = true;
	for (struct informer *inf = set->informers; inf; inf = inf->next) {
		if (!set->client)
			inf->is_synced = true; /* fed by hand */
		else if (!inf->reflector)
			inf->reflector = reflector_new(set->client, inf, &inf->scope);
	}
	if (set->timer)
		loop_timer_start(set->timer, 0, 0);
	else
		check_synced(set);
}

void informer_set_on_synced(struct informer_set *set, void (*fn)(void *arg), void *arg)
{
	struct synced_call *call = zalloc(sizeof(*call)), **end = &set->synced_calls;
	call->fn = fn;
	call->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = call;
	if (set->timer)
		loop_timer_start(set->timer, 0, 0);
	else
		check_synced(set);
}

static char *dup_or_null(const char *s)
{
	return str_empty(s) ? NULL : strdup(s);
}

struct informer *informer_get(struct informer_set *set, const struct resource_type *type)
{
	return informer_get_filtered(set, type, NULL, NULL, NULL);
}

static struct informer *find_filtered(const struct informer_set *set, const struct resource_type *type,
    const char *ns, const char *label_selector, const char *field_selector)
{
	for (struct informer *inf = set->informers; inf; inf = inf->next)
		if (inf->scope.type == type && str_eq(inf->ns, ns) &&
		    str_eq(inf->label_selector, label_selector) &&
		    str_eq(inf->field_selector, field_selector))
			return inf;
	return NULL;
}

struct informer *informer_find(const struct informer_set *set, const struct resource_type *type)
{
	return find_filtered(set, type, NULL, NULL, NULL);
}

struct informer *informer_get_filtered(struct informer_set *set, const struct resource_type *type,
    const char *ns, const char *label_selector, const char *field_selector)
{
	struct informer *inf = find_filtered(set, type, ns, label_selector, field_selector);
	if (inf)
		return inf;
	inf = zalloc(sizeof(*inf));
	inf->set = set;
	inf->ns = dup_or_null(ns);
	inf->label_selector = dup_or_null(label_selector);
	inf->field_selector = dup_or_null(field_selector);
	inf->scope = (struct informer_scope){type, inf->ns, inf->label_selector, inf->field_selector};
	inf->entries = strmap_new();
	inf->indexes = informer_indexes_new();
	inf->next = set->informers;
	set->informers = inf;
	return inf;
}

const struct resource_type *informer_type(const struct informer *inf)
{
	return inf->scope.type;
}

bool informer_synced(const struct informer *inf)
{
	return inf->is_synced;
}

int64_t informer_revision(const struct informer *inf)
{
	return inf->revision;
}

void informer_add_handler(struct informer *inf, informer_handler *fn, void *arg)
{
	struct handler *handler = zalloc(sizeof(*handler)), **end = &inf->handlers;
	handler->fn = fn;
	handler->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = handler;
	informer_for_each (obj, informer_all(inf))
		fn(arg, NULL, obj);
}

void informer_on_progress(struct informer *inf, void (*fn)(void *arg, struct informer *inf), void *arg)
{
	for (struct progress *known = inf->progress; known; known = known->next)
		if (known->fn == fn && known->arg == arg)
			return;
	struct progress *progress = zalloc(sizeof(*progress));
	progress->fn = fn;
	progress->arg = arg;
	progress->next = inf->progress;
	inf->progress = progress;
}

/* ---- lister ---- */

const struct object *informer_lookup_key(const struct informer *inf, const char *key)
{
	const struct informer_entry *entry = strmap_get(inf->entries, key);
	return entry ? entry->obj : NULL;
}

static void make_key(char out[OBJECT_KEY_MAX], const char *ns, const char *name)
{
	size_t ns_len = str_empty(ns) ? 0 : strlen(ns), name_len = name ? strlen(name) : 0;
	out[0] = '\0';
	if (ns_len + name_len + 2 > OBJECT_KEY_MAX) /* no valid name: nothing has this key */
		return;
	if (ns_len > 0) {
		memcpy(out, ns, ns_len);
		out[ns_len++] = '/';
	}
	memcpy(out + ns_len, str_or(name, ""), name_len + 1);
}

const struct object *informer_lookup(const struct informer *inf, const char *ns, const char *name)
{
	char key[OBJECT_KEY_MAX];
	make_key(key, ns, name);
	return informer_lookup_key(inf, key);
}

const struct object *informer_lookup_uid(const struct informer *inf, const char *uid)
{
	struct informer_iter iter = informer_by_index(inf, "uid", uid);
	return informer_next(&iter);
}

size_t informer_len(const struct informer *inf)
{
	return strmap_len(inf->entries);
}

/*
 * An iterator walks either all entries (index_key NULL, next is a strmap entry) or the members of one index
 * value (next is an index link). It stands on the element to be returned next.
 */
struct informer_iter informer_all(const struct informer *inf)
{
	return (struct informer_iter){.inf = inf, .next = strmap_first(inf->entries)};
}

struct informer_iter informer_in_namespace(const struct informer *inf, const char *ns)
{
	return str_empty(ns) ? informer_all(inf) : informer_by_index(inf, "namespace", ns);
}

struct informer_iter informer_by_index(const struct informer *inf, const char *index, const char *value)
{
	/* Indexes are built when first asked for: filling one changes nothing that a reader can see. */
	return (struct informer_iter){.inf = inf,
	    .next = informer_indexes_first(inf->indexes, inf->entries, index, str_or(value, "")),
	    .index_key = index};
}

const struct object *informer_next(struct informer_iter *iter)
{
	if (!iter->next)
		return NULL;
	if (iter->index_key) {
		struct informer_link *link = iter->next;
		iter->next = link->next;
		return link->entry->obj;
	}
	struct informer_entry *entry = strmap_value(iter->next);
	iter->next = strmap_next(iter->next);
	return entry->obj;
}

void informer_add_index(struct informer *inf, const char *name, informer_index_fn *fn)
{
	informer_indexes_add(inf->indexes, name, fn);
}

/* ---- changes ---- */

static void notify(struct informer *inf, const struct object *old, const struct object *new_)
{
	for (struct handler *handler = inf->handlers; handler; handler = handler->next)
		handler->fn(handler->arg, old, new_);
}

static void notify_progress(struct informer *inf, int64_t revision)
{
	if (revision > inf->revision)
		inf->revision = revision;
	for (struct progress *progress = inf->progress; progress; progress = progress->next)
		progress->fn(progress->arg, inf);
}

static struct informer_entry *set_object(struct informer *inf, const struct object *obj, bool force)
{
	char key[OBJECT_KEY_MAX];
	object_key(obj, key);
	struct informer_entry *entry = strmap_get(inf->entries, key);
	if (!entry) {
		entry = zalloc(sizeof(*entry));
		entry->mark = inf->mark;
		entry->obj = object_ref(obj);
		strmap_put(inf->entries, key, entry);
		informer_indexes_insert(inf->indexes, entry);
		notify(inf, NULL, obj);
		return entry;
	}
	const struct object *old = entry->obj;
	if (old->revision != 0 &&
	    (obj->revision == old->revision || (!force && obj->revision < old->revision)))
		return entry; /* seen already, or older than what is known */
	informer_indexes_remove(inf->indexes, entry);
	entry->obj = object_ref(obj);
	informer_indexes_insert(inf->indexes, entry);
	notify(inf, old, obj);
	object_unref(old);
	return entry;
}

/* last: the final state when the event brought it, else NULL. */
static void remove_object(struct informer *inf, const char *key, const struct object *last)
{
	struct informer_entry *entry = strmap_get(inf->entries, key);
	if (!entry || (last && last->revision != 0 && last->revision < entry->obj->revision))
		return; /* unknown, or made again since */
	strmap_remove(inf->entries, key);
	informer_indexes_remove(inf->indexes, entry);
	notify(inf, last ? last : entry->obj, NULL);
	entry_free(entry);
}

void informer_inject(struct informer *inf, const struct object *obj)
{
	set_object(inf, obj, false);
	notify_progress(inf, obj->revision);
}

void informer_inject_delete(struct informer *inf, const char *ns, const char *name)
{
	char key[OBJECT_KEY_MAX];
	make_key(key, ns, name);
	remove_object(inf, key, NULL);
	notify_progress(inf, 0);
}

void informer_apply(struct informer *inf, const struct object *obj, bool deleted)
{
	char key[OBJECT_KEY_MAX];
	if (deleted)
		remove_object(inf, object_key(obj, key), obj);
	else
		set_object(inf, obj, false);
	notify_progress(inf, obj->revision);
}

void informer_bookmark(struct informer *inf, int64_t revision)
{
	notify_progress(inf, revision);
}

void informer_replace_begin(struct informer *inf)
{
	inf->mark++;
}

void informer_replace_item(struct informer *inf, const struct object *obj, bool force)
{
	set_object(inf, obj, force)->mark = inf->mark;
}

void informer_replace_end(struct informer *inf, int64_t revision)
{
	strmap_for_each (inf->entries, e) {
		struct informer_entry *entry = strmap_value(e);
		if (entry->mark == inf->mark)
			continue;
		char key[OBJECT_KEY_MAX];
		remove_object(inf, object_key(entry->obj, key), NULL);
	}
	bool is_first = !inf->is_synced;
	inf->is_synced = true;
	inf->revision = revision; /* may also go back, when the store did */
	notify_progress(inf, revision);
	if (is_first)
		check_synced(inf->set);
}
