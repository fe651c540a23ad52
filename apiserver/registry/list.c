/*
 * LIST: from the cache when it holds what was asked for: the present, or a past revision after which the type
 * did not change. Other exact revisions, and pages of them, come from the store.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/audit/audit.h"
#include "apiserver/registry/internal.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

enum list_phase { LIST_START, LIST_FRESH, LIST_PAGE };

struct list_state {
	int64_t revision; /* exact; 0: whatever the cache has */
	int64_t limit;
	const char *start;  /* storage key to go on at, "" from the beginning */
	char *prefix, *end; /* storage keys */
	bool is_continued;
	struct buf out, head, tail;
	struct list_output output;
	struct list_page *page; /* from the store, while a webhook converts it */
	int64_t count;          /* items put out so far */
	bool failed;
};

static int continue_error(struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "continue key is not valid");
}

/* {"v":"meta.k8s.io/v1","rv":N,"start":"ns/name\0"}, base64url. */
static int read_continue(struct api_request *req, struct list_state *ls, struct error *err)
{
	const char *token = req->options.continue_token;
	size_t size = 0;
	struct json *tree = NULL;
	char *text = str_unbase64url(req->arena, token, strlen(token), &size);
	/* The NUL at the end of the key makes it the next possible one; JSON readers may refuse it. */
	char *nul = text ? strstr(text, "\\u0000\"") : NULL;
	if (nul) {
		memmove(nul, nul + 6, size - (size_t)(nul + 6 - text) + 1);
		size -= 6;
	}
	if (!text || json_parse(req->arena, text, size, NULL, &tree, NULL) || tree->type != JSON_OBJECT ||
	    strcmp(json_get_string(tree, "v", ""), "meta.k8s.io/v1") != 0)
		return continue_error(err);
	const struct json *start = json_get(tree, "start");
	ls->revision = json_get_int(tree, "rv", 0);
	if (!start || start->type != JSON_STRING || !start->len || start->text[0] == '/' ||
	    ls->revision == 0 || strstr(start->text, "..") || ls->revision < -1)
		return continue_error(err);
	/* A character 1 instead of the NUL does the same, and fits in a string. */
	ls->start = arena_printf(req->arena, "%s%s%s", ls->prefix, start->text, nul ? "\x01" : "");
	ls->is_continued = true;
	if (ls->revision == -1)
		ls->revision = 0;
	return 0;
}

static const char *write_continue(
    struct api_request *req, const struct list_state *ls, const char *last_key, int64_t revision)
{
	struct buf text = BUF_INIT;
	buf_printf(&text, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRId64 ",\"start\":", revision);
	size_t skip = strlen(ls->prefix);
	char *start = arena_alloc(req->arena, strlen(last_key + skip) + 2);
	strcpy(start, last_key + skip);
	json_write_string(&text, start, strlen(start) + 1);
	buf_putc(&text, '}');
	const char *token = str_base64url(req->arena, text.data, text.size);
	buf_done(&text);
	return token;
}

static void begin_output(struct api_request *req, struct list_state *ls)
{
	ls->output = (struct list_output){.req = req, .out = &ls->out, .head = &ls->head, .tail = &ls->tail};
	bytes_begin(&ls->out);
}

static int begin(struct api_request *req, struct list_state *ls, struct error *err)
{
	const struct api_request_options *o = &req->options;
	struct buf key = BUF_INIT;
	watchcache_storage_key(req->server, req->type, registry_ns(req), NULL, &key);
	ls->prefix = arena_strdup(req->arena, buf_str(&key));
	ls->end = arena_strdup(req->arena, buf_str(&key));
	ls->end[key.size - 1]++;
	buf_done(&key);
	ls->start = "";
	ls->limit = o->limit > 0 ? o->limit : 0;
	int64_t revision = 0;
	if (*o->continue_token) {
		if (o->has_resource_version && strcmp(o->resource_version, "0") != 0)
			return error_set(err, ERR_BAD_REQUEST,
			    "specifying resource version is not allowed when using continue");
		return read_continue(req, ls, err);
	}
	if (registry_parse_revision(o->resource_version, &revision, err))
		return -1;
	bool is_exact = !strcmp(o->resource_version_match, "Exact") ||
			(!*o->resource_version_match && ls->limit && revision > 0);
	if (is_exact)
		ls->revision = revision;
	if (o->has_resource_version && revision == 0)
		ls->limit = 0; /* any state of the cache will do, all of it */
	return 0;
}

/* From the cache as it stands. */
static int answer(struct api_request *req, struct list_state *ls, struct error *err)
{
	struct watchcache_cursor cursor;
	struct cache_item *item = NULL, *last = NULL;
	const struct object *const *unconverted;
	size_t unconverted_len = registry_list_unconverted(req, &unconverted);
	if (unconverted_len)
		return registry_convert(req, req->type, unconverted, unconverted_len);
	int64_t revision = ls->revision ? ls->revision : watchcache_revision(req->server);
	bool has_selector = req->options.labels || req->options.fields, more = false;
	size_t skip = strlen(ls->prefix);
	watchcache_cursor_init(&cursor, req->server, req->type, registry_ns(req));
	size_t rest_skip = *registry_ns(req) ? strlen(registry_ns(req)) + 1 : 0;
	while ((item = watchcache_next_item(&cursor))) {
		if (*ls->start && strcmp(item->key + rest_skip, ls->start + skip) < 0)
			continue;
		if (ls->limit && ls->count >= ls->limit) {
			more = true;
			break;
		}
		last = item;
		if (!registry_matches(req, item->object))
			continue;
		if (list_output_add(&ls->output, item, err))
			return API_FAIL;
		ls->count++;
	}
	const char *token = NULL;
	int64_t remaining = -1;
	if (more) {
		token = write_continue(
		    req, ls, arena_printf(req->arena, "%s%s", ls->prefix, last->key + rest_skip), revision);
		remaining = 1;
		while (watchcache_next_item(&cursor))
			remaining++;
	}
	list_output_finish(&ls->output, revision, token, has_selector ? -1 : remaining);
	return API_NEXT;
}

static int expired(struct api_request *req, struct list_state *ls, struct error *err)
{
	if (!ls->is_continued)
		return error_set(err, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
	error_set(err, ERR_EXPIRED,
	    "The provided continue parameter is too old to display a consistent list result. You can start a "
	    "new list "
	    "without the continue parameter, or use the continue token in this response to retrieve the "
	    "remainder of the "
	    "results. Continuing with the provided token results in an inconsistent list - objects that were "
	    "created, "
	    "modified, or deleted between the time the first chunk was returned and now may show up in the "
	    "list.");
	char *start = arena_strdup(req->arena, ls->start);
	size_t size = strlen(start);
	if (size && start[size - 1] == '\x01')
		start[size - 1] = '\0';
	req->continue_after_error = write_continue(req, ls, start, -1);
	return API_FAIL;
}

static void cancel_op(void *arg)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	storage_cancel(req->server->storage, state->op);
	state->op = NULL;
}

static void on_page(void *arg, const struct storage_result *result);

static void ask_page(struct api_request *req, struct list_state *ls, const char *start)
{
	registry_state(req)->op = req->server->storage->functions->list(req->server->storage, start, ls->end,
	    ls->revision, ls->limit ? ls->limit + 1 : 0, false, on_page, req);
	req->cancel = cancel_op;
	req->cancel_arg = req;
}

/* One page from the store: its items as objects, and what the store said of the rest. */
struct list_page {
	struct cache_item **items;
	const char **keys;
	size_t len;
	bool more;
	int64_t remaining;
};

static void free_page(struct list_page *page)
{
	for (size_t i = 0; page && i < page->len; i++)
		cache_item_unref(page->items[i]);
	if (page)
		page->len = 0;
}

/* Puts out what fits. True when the list is complete, or has failed; else the next page has been asked for.
 */
static bool take_page(struct api_request *req, struct list_state *ls, struct list_page *page)
{
	struct registry_state *state = registry_state(req);
	const char *last = NULL;
	size_t i = 0;
	for (; i < page->len && !state->error.code; i++) {
		if (ls->limit && ls->count >= ls->limit)
			break;
		last = page->keys[i];
		if (page->items[i] && registry_matches(req, page->items[i]->object)) {
			list_output_add(&ls->output, page->items[i], &state->error);
			ls->count++;
		}
	}
	size_t left = page->len - i;
	free_page(page);
	bool more = left > 0 || page->more;
	if (more && last && !(ls->limit && ls->count >= ls->limit) && !state->error.code) {
		/* Selectors left room on the page: go on behind it. */
		ls->start = arena_printf(req->arena, "%s\x01", last);
		ask_page(req, ls, ls->start);
		return false;
	}
	const char *token = more && last ? write_continue(req, ls, last, ls->revision) : NULL;
	bool has_selector = req->options.labels || req->options.fields;
	int64_t remaining = token && !has_selector ? (int64_t)left + page->remaining : -1;
	list_output_finish(&ls->output, ls->revision, token, remaining);
	return true;
}

static void read_page(struct api_request *req, struct list_page *page, const struct storage_result *result)
{
	*page = (struct list_page){.more = result->more, .remaining = result->remaining};
	page->items = ARENA_ARRAY(req->arena, struct cache_item *, result->items_len + 1);
	page->keys = ARENA_ARRAY(req->arena, const char *, result->items_len + 1);
	for (size_t i = 0; i < result->items_len; i++) {
		const struct storage_item *stored = &result->items[i];
		struct error unreadable = ERROR_INIT; /* left out, as from the cache */
		page->keys[i] = arena_strdup(req->arena, stored->key);
		page->items[i] = watchcache_decode(req->server, req->type, stored->key, stored->value,
		    stored->value_size, stored->revision, &unreadable);
		page->len++;
	}
}

static void on_page(void *arg, const struct storage_result *result)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	struct list_state *ls = state->list;
	state->op = NULL;
	state->error = ERROR_INIT;
	if (result->error) {
		state->has_result = true;
		if (result->error->code == ERR_EXPIRED)
			expired(req, ls, &state->error);
		else
			state->error = *result->error;
		api_request_resume(req);
		return;
	}
	if (!ls->page)
		ls->page = ARENA_NEW(req->arena, struct list_page);
	read_page(req, ls->page, result);
	const struct object **unconverted = ARENA_ARRAY(req->arena, const struct object *, ls->page->len + 1);
	size_t len = 0;
	for (size_t i = 0; i < ls->page->len; i++)
		if (ls->page->items[i] && registry_must_convert(req->type, ls->page->items[i]->object))
			unconverted[len++] = ls->page->items[i]->object;
	if (len) {
		registry_convert(req, req->type, unconverted, len); /* and on in registry_list() */
	} else if (take_page(req, ls, ls->page)) {
		state->has_result = true;
		api_request_resume(req);
	}
}

static int ask_store(struct api_request *req, struct list_state *ls)
{
	registry_state(req)->phase = LIST_PAGE;
	ask_page(req, ls, *ls->start ? ls->start : ls->prefix);
	return API_PENDING;
}

static int freshen(struct api_request *req, struct list_state *ls)
{
	const struct api_request_options *o = &req->options;
	int64_t revision = 0;
	registry_state(req)->phase = LIST_FRESH;
	registry_parse_revision(o->resource_version, &revision, NULL);
	if (ls->is_continued)
		revision = ls->revision;
	else if (!o->has_resource_version)
		return registry_fence(req);
	if (revision > watchcache_revision(req->server) || !watchcache_is_settled(req->server))
		return registry_wait(req, revision, REGISTRY_CACHE_WAIT_MS);
	return API_NEXT;
}

static int answer_or_ask(struct api_request *req, struct list_state *ls, struct error *err)
{
	if (ls->revision && ls->revision < watchcache_changed_revision(req->server, req->type))
		return ask_store(req, ls);
	return answer(req, ls, err);
}

int registry_list(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!state->list) {
		struct list_state *ls = state->list = ARENA_NEW(req->arena, struct list_state);
		begin_output(req, ls);
		registry_warn_unreadable(req);
		state->phase = LIST_START;
		if (begin(req, ls, err))
			return API_FAIL;
		int rc = freshen(req, ls);
		return rc == API_NEXT ? answer_or_ask(req, ls, err) : rc;
	}
	registry_take_result(req);
	if (state->error.code) {
		int64_t revision = 0;
		if (state->error.code == ERR_TIMEOUT && req->options.has_resource_version &&
		    state->phase == LIST_FRESH &&
		    !registry_parse_revision(req->options.resource_version, &revision, NULL))
			return registry_too_new(req, revision, err);
		*err = state->error;
		return API_FAIL;
	}
	if (state->phase != LIST_PAGE)
		return answer_or_ask(req, state->list, err);
	struct list_page *page = state->list->page;
	if (!page || !page->len) /* all of them have been taken */
		return API_NEXT;
	if (!take_page(req, state->list, page))
		return API_PENDING;
	if (state->error.code) {
		*err = state->error;
		return API_FAIL;
	}
	return API_NEXT;
}

int registry_list_one(struct api_request *req, struct object *obj, struct error *err)
{
	struct list_state *ls = registry_state(req)->list = ARENA_NEW(req->arena, struct list_state);
	struct cache_item *item = cache_item_new(object_ref(obj), obj->meta->name);
	begin_output(req, ls);
	int rc = list_output_add(&ls->output, item, err);
	cache_item_unref(item);
	list_output_finish(&ls->output, watchcache_revision(req->server), NULL, -1);
	return rc ? API_FAIL : API_NEXT;
}

static void audit_parts(struct api_request *req, struct bytes *const *parts, size_t len)
{
	struct buf whole = BUF_INIT;
	for (size_t i = 0; i < len; i++)
		buf_append(&whole, parts[i]->data, parts[i]->size);
	audit_response_body(req, whole.data, whole.size);
	buf_done(&whole);
}

/* A list that would leave in pieces, put together. */
static struct bytes *drain(struct http_source *source)
{
	struct buf text = BUF_INIT;
	bytes_begin(&text);
	size_t start = text.size;
	buf_reserve(&text, source->size + 1);
	while (text.size < start + source->size)
		text.size +=
		    source->fill(source->arg, text.data + text.size, start + source->size - text.size);
	source->done(source->arg);
	return bytes_finish(&text);
}

static void respond_parts(struct api_request *req, struct list_state *ls)
{
	struct bytes *parts[] = {bytes_new(ls->head.data, ls->head.size), bytes_finish(&ls->out),
	    bytes_new(ls->tail.data, ls->tail.size)};
	if (audit_wants_response_body(req))
		audit_parts(req, parts, 3);
	api_send_bytes(req, 200, api_content_type(req), api_headers(req, NULL), parts, 3);
	for (size_t i = 0; i < 3; i++)
		bytes_unref(parts[i]);
}

static void respond_body(struct api_request *req, struct list_state *ls)
{
	struct http_source source = list_body_source(ls->output.body, &ls->head, &ls->tail);
	ls->output.body = NULL;
	if (audit_wants_response_body(req)) {
		struct bytes *whole = drain(&source);
		audit_response_body(req, whole->data, whole->size);
		api_send_bytes(req, 200, api_content_type(req), api_headers(req, NULL), &whole, 1);
		bytes_unref(whole);
		return;
	}
	api_send_source(req, 200, api_content_type(req), api_headers(req, NULL), &source);
}

void registry_list_respond(struct api_request *req)
{
	struct list_state *ls = registry_state(req)->list;
	if (req->http && ls->output.body)
		respond_body(req, ls);
	else if (req->http)
		respond_parts(req, ls);
	api_request_finished(req, 200);
}

void registry_list_done(struct list_state *ls)
{
	if (!ls)
		return;
	buf_done(&ls->out);
	buf_done(&ls->head);
	buf_done(&ls->tail);
	free_page(ls->page);
	list_body_free(ls->output.body);
}
