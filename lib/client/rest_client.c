#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/api/json.h"
#include "lib/api/codec.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest_private.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define HEADERS_MAX 64
#define TOKEN_CHECK_MS 10000 /* how often the token file is looked at */

static const struct rest_config *copy_config(struct arena *arena, const struct rest_config *config)
{
	struct rest_config *copy = arena_memdup(arena, config, sizeof(*config));
	copy->server = arena_strdup(arena, config->server);
	copy->token = arena_strdup(arena, config->token);
	copy->token_file = arena_strdup(arena, config->token_file);
	copy->username = arena_strdup(arena, config->username);
	copy->password = arena_strdup(arena, config->password);
	copy->ns = arena_strdup(arena, config->ns);
	copy->user_agent = arena_strdup(arena, config->user_agent);
	copy->as_user = arena_strdup(arena, config->as_user);
	if (config->as_groups) {
		size_t len = 0;
		while (config->as_groups[len])
			len++;
		const char **groups = ARENA_ARRAY(arena, const char *, len + 1);
		for (size_t i = 0; i < len; i++)
			groups[i] = arena_strdup(arena, config->as_groups[i]);
		copy->as_groups = groups;
	}
	return copy;
}

struct rest_client *rest_client_new(struct loop *loop, const struct rest_config *config, struct error *err)
{
	if (!str_has_prefix(config->server, "https://") && !str_has_prefix(config->server, "http://")) {
		error_set(err, ERR_BAD_REQUEST, "server address \"%s\" is no http or https URL",
		    str_or(config->server, ""));
		return NULL;
	}
	struct rest_client *client = calloc(1, sizeof(*client));
	if (!client)
		abort();
	client->loop = loop;
	client->arena = arena_new();
	client->config = copy_config(client->arena, config);
	char *server = arena_strdup(client->arena, config->server);
	for (size_t len = strlen(server); len > 0 && server[len - 1] == '/'; len--)
		server[len - 1] = '\0';
	client->server = server;
	client->http = http_client_new(loop, &config->tls);
	return client;
}

void rest_client_free(struct rest_client *client)
{
	if (!client)
		return;
	rest_watch_forget_all(client);
	rest_call_forget_all(client);
	http_client_free(client->http);
	arena_free(client->header_arena);
	arena_free(client->arena);
	free(client);
}

struct loop *rest_client_loop(const struct rest_client *client)
{
	return client->loop;
}

const char *rest_client_server(const struct rest_client *client)
{
	return client->server;
}

struct http_client *rest_client_http(struct rest_client *client)
{
	return client->http;
}

/* Tokens of service accounts are replaced on disk while they are used. */
static bool token_file_changed(struct rest_client *client)
{
	if (str_empty(client->config->token_file))
		return false;
	int64_t now_ms = loop_now_ms(client->loop);
	if (client->headers && now_ms - client->token_checked_ms < TOKEN_CHECK_MS)
		return false;
	client->token_checked_ms = now_ms;
	struct stat st;
	int64_t mtime_ns = 0;
	if (stat(client->config->token_file, &st) == 0)
		mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	bool changed = mtime_ns != client->token_mtime_ns;
	client->token_mtime_ns = mtime_ns;
	return changed;
}

static const char *read_token(struct arena *arena, const char *path)
{
	char text[16384];
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	size_t size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	text[strcspn(text, "\r\n \t")] = '\0';
	return text[0] ? arena_strdup(arena, text) : NULL;
}

static const char *authorization(struct arena *arena, const struct rest_config *config)
{
	const char *token = NULL;
	if (!str_empty(config->token_file))
		token = read_token(arena, config->token_file);
	if (!token && !str_empty(config->token))
		token = config->token;
	if (token)
		return arena_printf(arena, "Authorization: Bearer %s", token);
	if (str_empty(config->username))
		return NULL;
	const char *pair = arena_printf(arena, "%s:%s", config->username, str_or(config->password, ""));
	return arena_printf(arena, "Authorization: Basic %s", str_base64(arena, pair, strlen(pair)));
}

const char *const *rest_client_headers(struct rest_client *client)
{
	bool changed = token_file_changed(client);
	if (client->headers && !changed)
		return client->headers;
	const struct rest_config *config = client->config;
	arena_free(client->header_arena);
	struct arena *arena = client->header_arena = arena_new();
	client->headers = ARENA_ARRAY(arena, const char *, HEADERS_MAX + 1);
	size_t len = 0;
	client->headers[len++] =
	    arena_printf(arena, "User-Agent: %s", str_or(config->user_agent, "cube/v1.32.0+cube"));
	const char *auth = authorization(arena, config);
	if (auth)
		client->headers[len++] = auth;
	if (!str_empty(config->as_user))
		client->headers[len++] = arena_printf(arena, "Impersonate-User: %s", config->as_user);
	for (const char *const *group = config->as_groups; group && *group && len < HEADERS_MAX; group++)
		client->headers[len++] = arena_printf(arena, "Impersonate-Group: %s", *group);
	return client->headers;
}

const char *const *rest_headers(
    struct rest_client *client, struct arena *arena, const char *accept, const char *content_type)
{
	const char *const *base = rest_client_headers(client);
	size_t len = 0;
	while (base[len])
		len++;
	const char **headers = ARENA_ARRAY(arena, const char *, len + 3);
	for (size_t i = 0; i < len; i++)
		headers[i] = arena_strdup(arena, base[i]);
	if (accept)
		headers[len++] = arena_printf(arena, "Accept: %s", accept);
	if (content_type)
		headers[len++] = arena_printf(arena, "Content-Type: %s", content_type);
	return headers;
}

unsigned rest_random(unsigned below)
{
	unsigned value = 0;
	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		value = (unsigned)random();
	return value % below;
}

struct http_call *rest_raw(struct rest_client *client, const char *method, const char *path,
    const char *accept, const char *content_type, const void *body, size_t body_size,
    void (*done)(void *arg, const struct http_response *response), void *arg)
{
	struct arena *arena = arena_new();
	struct http_request request = {
	    .method = method,
	    .url = arena_printf(arena, "%s%s%s", client->server, path[0] == '/' ? "" : "/", path),
	    .headers = rest_headers(client, arena, accept, content_type),
	    .body = body,
	    .body_size = body_size,
	};
	struct http_call *call = http_client_send(client->http, &request, done, arg);
	arena_free(arena);
	return call;
}

/* The tree is read in memory of its own, so that the object keeps nothing of it: caches hold thousands. */
static int decode_message(
    const struct schema *schema, const struct json *tree, struct object **ret, struct error *err)
{
	struct arena *arena = arena_new();
	ProtobufCMessage *msg = NULL;
	if (codec_from_json(arena, schema, tree, NULL, &msg, err) < 0) {
		arena_free(arena);
		return -1;
	}
	*ret = object_wrap(arena, schema, msg);
	return 0;
}

/* resource_api_version() knows the built-in types only. */
static const char *api_version_of(struct arena *arena, const struct resource_type *type)
{
	return str_empty(type->group) ? type->version
				      : arena_printf(arena, "%s/%s", type->group, type->version);
}

static int decode_tree(
    const struct resource_type *type, const struct json *tree, struct object **ret, struct error *err)
{
	struct arena *arena = arena_new();
	struct json *copy = json_clone(arena, tree);
	if (!json_get(copy, "apiVersion"))
		json_set(arena, copy, "apiVersion", json_new_string(arena, api_version_of(arena, type)));
	if (!json_get(copy, "kind"))
		json_set(arena, copy, "kind", json_new_string(arena, type->kind));
	struct object *obj = object_wrap_tree(arena, copy, err); /* takes the arena, also when it fails */
	if (!obj)
		return -1;
	*ret = obj;
	return 0;
}

int rest_decode(const struct resource_type *type, const char *text, size_t size, bool drop_managed_fields,
    struct object **ret, struct error *err)
{
	struct arena *scratch = arena_new();
	struct json *tree = NULL;
	int result = json_parse(scratch, text, size, &(struct json_limits){.size_max = size + 1}, &tree, err);
	if (result == 0) {
		struct json *meta = json_get(tree, "metadata");
		if (drop_managed_fields && meta && meta->type == JSON_OBJECT)
			json_remove(meta, "managedFields");
		result = type->schema ? decode_message(type->schema, tree, ret, err)
				      : decode_tree(type, tree, ret, err);
	}
	arena_free(scratch);
	return result;
}
