/*
 * kubectl proxy: serves the API on a local port with this user's credentials. Each connection carries one
 * request: its head is rewritten, the rest is passed on as bytes, so that watches and uploads work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kubectl/kubectl.h"
#include "kubectl/stream/tunnel.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

enum { HEAD_MAX = 256 * 1024, PENDING_MAX = 1024 * 1024, CONNECT_TIMEOUT_MS = 30000 };

struct proxy {
	struct kubectl *k;
	const char *prefix;
	bool unfiltered;
};

struct link { /* one client and its connection to the server */
	struct proxy *proxy;
	struct arena *arena;
	struct stream *client, *server;
	struct buf head;
	bool client_over, server_over;
};

static void close_link(struct link *l)
{
	stream_close(l->client);
	stream_close(l->server);
	buf_done(&l->head);
	arena_free(l->arena);
	free(l);
}

static void refuse(struct link *l, int status, const char *text)
{
	const char *answer = arena_printf(l->arena,
	    "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: "
	    "close\r\n\r\n%s",
	    status, text, strlen(text), text);
	stream_write(l->client, answer, strlen(answer));
	stream_shutdown(l->client);
}

/* -- the server's side
 * -------------------------------------------------------------------------------------------- */

static void on_server_data(void *arg, const char *data, size_t size)
{
	struct link *l = arg;
	stream_write(l->client, data, size);
	if (stream_pending(l->client) > PENDING_MAX)
		stream_pause(l->server);
}

static void on_server_drain(void *arg)
{
	struct link *l = arg;
	if (!l->client_over)
		stream_resume(l->client);
}

static void on_server_end(void *arg, const struct error *err)
{
	struct link *l = arg;
	l->server_over = true;
	if (err && !l->client_over)
		refuse(l, 502, "the API server cannot be reached");
	else
		stream_shutdown(l->client);
	if (l->client_over)
		close_link(l);
}

/* -- the client's side
 * -------------------------------------------------------------------------------------------- */

/* Pages from elsewhere must not reach the API by a name that resolves to this machine. */
static bool is_local_host(const char *host, size_t len)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(names[i]);
		if (len >= n && strncasecmp(host, names[i], n) == 0 && (len == n || host[n] == ':'))
			return true;
	}
	return false;
}

static bool is_filtered(const char *path)
{
	const char *pods = strstr(path, "/pods/");
	const char *rest = pods ? strchr(pods + 6, '/') : NULL;
	return rest && (str_has_prefix(rest, "/exec") || str_has_prefix(rest, "/attach"));
}

/* The head with our headers; NULL when it was refused. */
static const char *rewrite(struct link *l, size_t head_size)
{
	struct kubectl *k = l->proxy->k;
	struct buf out = BUF_INIT;
	size_t len;
	char **lines = str_split(l->arena, arena_strndup(l->arena, l->head.data, head_size), '\n', &len);
	char *method = strtok(lines[0], " "), *path = strtok(NULL, " ");
	bool upgrades = false, local = false;
	if (!method || !path || path[0] != '/') {
		refuse(l, 400, "Bad Request");
		return NULL;
	}
	if (!str_has_prefix(path, l->proxy->prefix)) {
		refuse(l, 404, "Not Found");
		return NULL;
	}
	path += strlen(l->proxy->prefix) - 1;
	const char *server = rest_client_server(k->rest), *host = strstr(server, "://") + 3;
	buf_printf(&out, "%s %s%s HTTP/1.1\r\nHost: %.*s\r\n", method, host + strcspn(host, "/"), path,
	    (int)strcspn(host, "/"), host);
	for (const char *const *h = rest_client_headers(k->rest); *h; h++)
		buf_printf(&out, "%s\r\n", *h);
	for (size_t i = 1; i < len; i++) {
		lines[i][strcspn(lines[i], "\r")] = '\0';
		upgrades = upgrades || strncasecmp(lines[i], "Upgrade:", 8) == 0;
		if (strncasecmp(lines[i], "Host:", 5) == 0) {
			const char *value = lines[i] + 5 + strspn(lines[i] + 5, " ");
			local = is_local_host(value, strlen(value));
			continue;
		}
		if (*lines[i] && strncasecmp(lines[i], "Authorization:", 14) &&
		    strncasecmp(lines[i], "User-Agent:", 11) && strncasecmp(lines[i], "Connection:", 11))
			buf_printf(&out, "%s\r\n", lines[i]);
	}
	buf_printf(&out, "Connection: %s\r\n\r\n", upgrades ? "Upgrade" : "close");
	const char *text = arena_strdup(l->arena, buf_str(&out));
	buf_done(&out);
	if (!local || (!l->proxy->unfiltered && is_filtered(path))) {
		refuse(l, 403, "Forbidden");
		return NULL;
	}
	return text;
}

static void connect_server(struct link *l, size_t head_size)
{
	static const struct stream_callbacks callbacks = {
	    .on_data = on_server_data, .on_drain = on_server_drain, .on_end = on_server_end};
	struct kubectl *k = l->proxy->k;
	const char *head = rewrite(l, head_size);
	if (!head)
		return;
	bool tls;
	struct http_tls security;
	const char *address = tunnel_address(k, &security, &tls);
	l->server =
	    stream_connect(k->loop, address, tls ? &security : NULL, CONNECT_TIMEOUT_MS, &callbacks, l);
	stream_write(l->server, head, strlen(head));
	if (l->head.size > head_size)
		stream_write(l->server, l->head.data + head_size, l->head.size - head_size);
}

static void on_client_data(void *arg, const char *data, size_t size)
{
	struct link *l = arg;
	if (l->server) {
		stream_write(l->server, data, size);
		if (stream_pending(l->server) > PENDING_MAX)
			stream_pause(l->client);
		return;
	}
	buf_append(&l->head, data, size);
	const char *end = strstr(l->head.data, "\r\n\r\n");
	if (end)
		connect_server(l, (size_t)(end - l->head.data) + 2);
	else if (l->head.size > HEAD_MAX)
		refuse(l, 431, "Request Header Fields Too Large");
}

static void on_client_drain(void *arg)
{
	struct link *l = arg;
	if (l->server && !l->server_over)
		stream_resume(l->server);
}

static void on_client_end(void *arg, const struct error *err)
{
	struct link *l = arg;
	l->client_over = true;
	close_link(l);
}

static void on_accept(void *arg, int fd)
{
	static const struct stream_callbacks callbacks = {
	    .on_data = on_client_data, .on_drain = on_client_drain, .on_end = on_client_end};
	struct proxy *proxy = arg;
	struct link *l = calloc(1, sizeof(*l));
	if (!l)
		abort();
	l->proxy = proxy;
	l->arena = arena_new();
	l->client = stream_adopt(proxy->k->loop, fd, &callbacks, l);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct proxy proxy = {.k = k, .prefix = "/"};
	const char *address = "127.0.0.1", *missing = NULL;
	int64_t port = 8001;
	const struct flag flags[] = {{"port", 'p', FLAG_INT, &port, "Port; 0 for any"},
	    {"address", 0, FLAG_STRING, &address, "Address to listen on"},
	    {"api-prefix", 0, FLAG_STRING, &proxy.prefix, "Prefix of the API's paths"},
	    {"disable-filter", 0, FLAG_BOOL, &proxy.unfiltered, "Let exec and attach through"},
	    /* A filter that is taken and not applied would let more through than its user believes. */
	    {"accept-hosts", 0, FLAG_STRING, &missing, "Not supported: this machine's names are accepted"},
	    {"accept-paths", 0, FLAG_STRING, &missing, "Not supported"},
	    {"reject-paths", 0, FLAG_STRING, &missing, "Not supported"},
	    {"www", 'w', FLAG_STRING, &missing, "Not supported"},
	    {"www-prefix", 'P', FLAG_STRING, &missing, "Not supported"},
	    {"unix-socket", 'u', FLAG_STRING, &missing, "Not supported"}, FLAG_END};
	struct args args;
	if (kubectl_parse(k, "kubectl proxy [--port=PORT] [--address=ADDRESS] [--api-prefix=prefix]", flags,
		argc, argv, &args, err))
		return -1;
	if (missing)
		return error_set(err, ERR_PARSE,
		    "--accept-hosts, --accept-paths, --reject-paths, --www, --www-prefix and --unix-socket "
		    "are not "
		    "supported: leave them out");
	if (kubectl_connect(k, err))
		return -1;
	if (!str_has_suffix(proxy.prefix, "/"))
		proxy.prefix = arena_printf(k->arena, "%s/", proxy.prefix);
	struct stream_listener *listener = stream_listen(k->loop,
	    arena_printf(k->arena, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, (int)port), on_accept,
	    &proxy, err);
	if (!listener) {
		err->code = ERR_PARSE;
		return -1;
	}
	printf("Starting to serve on %s:%d\n", address, stream_listener_port(listener));
	fflush(stdout);
	loop_run(k->loop);
	stream_listener_close(listener);
	return 0;
}

const struct command command_proxy = {"proxy", NULL,
    "Troubleshooting and Debugging Commands:", "Run a proxy to the Kubernetes API server", run};
