/* One exchange: the options of its curl handle, its callbacks, and the response made of it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/loop/http_internal.h"
#include "lib/loop/loop.h"

#define RESPONSE_MAX ((size_t)64 << 20)
enum { KEPT_MAX = 64 * 1024 }; /* bytes of a buffer that stays with a call in the pool */
enum {
	TIMEOUT_MS = 30000,
	CONNECT_TIMEOUT_MS = 5000,
	REDIRECTS_MAX = 10,
	KEEPALIVE_S = 30,
	IDLE_MAX_S = 120
};

struct response {
	struct http_response public; /* first: the header lookup casts back */
	const struct http_call *call;
};

static int status_of(const struct http_call *call)
{
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

/* The head is kept as one string a line. */
static void add_line(struct http_call *call, const char *line, size_t size)
{
	/* A status line begins a new head: after 100-continue, after a redirect. */
	if (size > 5 && memcmp(line, "HTTP/", 5) == 0)
		buf_reset(&call->head);
	while (size && strchr(" \t\r\n", line[size - 1]))
		size--;
	buf_append(&call->head, line, size);
	buf_putc(&call->head, 0);
}

/* The head of a streamed 2xx answer is complete; asked at the first data and at the end. */
static bool streams_now(struct http_call *call)
{
	int status = status_of(call);
	if (!call->on_data || status < 200 || status > 299)
		return false;
	if (!call->opened) {
		call->opened = true;
		if (call->on_open)
			call->on_open(call->arg, status);
	}
	return true;
}

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
	struct http_call *call = arg;
	if (call->cancelled)
		return CURL_WRITEFUNC_ERROR;
	if (streams_now(call)) {
		if (!call->cancelled)
			call->on_data(call->arg, data, size);
		return call->cancelled ? CURL_WRITEFUNC_ERROR : size;
	}
	if (call->body.size + size > call->response_max) {
		call->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	buf_append(&call->body, data, size);
	return size;
}

/* An empty line ends a head. Only here is a watch known to be open before its first event. */
static size_t on_header(char *data, size_t one, size_t size, void *arg)
{
	struct http_call *call = arg;
	if (call->cancelled)
		return CURL_WRITEFUNC_ERROR;
	call->is_answered = true;
	add_line(call, data, size);
	if (call->on_data && size <= 2 && (data[0] == '\r' || data[0] == '\n'))
		streams_now(call);
	return call->cancelled ? CURL_WRITEFUNC_ERROR : size;
}

static void add_header(struct http_call *call, const char *line)
{
	call->headers = loop_must(curl_slist_append(call->headers, line));
}

static bool has_header(const char *const *headers, const char *name)
{
	size_t len = strlen(name);
	for (; headers && *headers; headers++)
		if (strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
			return true;
	return false;
}

static void set_blob(CURL *easy, CURLoption option, const char *text)
{
	/* The client outlives its calls, so curl need not copy. */
	struct curl_blob blob = {(void *)text, strlen(text), CURL_BLOB_NOCOPY};
	curl_easy_setopt(easy, option, &blob);
}

static void set_tls(CURL *easy, const struct http_tls *tls)
{
	if (tls->ca_data)
		set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca_data);
	else if (tls->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
	if (tls->cert_data)
		set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->cert_data);
	else if (tls->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert_file);
	if (tls->key_data)
		set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key_data);
	else if (tls->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_file);
	if (tls->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

/*
 * curl checks the certificate against the URL's host. For another name the URL gets that name, the connection
 * still goes to the host asked for, and so does the Host header.
 */
static void set_server_name(struct http_call *call, const char *url, const char *server_name)
{
	char *host = NULL, *port = NULL, *changed = NULL, text[600];
	CURLU *parts = curl_url();
	unsigned keep = CURLU_PATH_AS_IS;
	if (!curl_url_set(parts, CURLUPART_URL, url, keep) &&
	    !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	    !curl_url_set(parts, CURLUPART_HOST, server_name, 0) &&
	    !curl_url_get(parts, CURLUPART_URL, &changed, 0)) {
		snprintf(text, sizeof(text), "::%s:%s", host, port);
		call->connect_to = loop_must(curl_slist_append(NULL, text));
		snprintf(text, sizeof(text), "Host: %s:%s", host, port);
		add_header(call, text);
		curl_easy_setopt(call->easy, CURLOPT_URL, changed);
		curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to);
	}
	curl_free(host);
	curl_free(port);
	curl_free(changed);
	curl_url_cleanup(parts);
}

static void set_body(struct http_call *call)
{
	curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->request_body.size);
	curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, buf_str(&call->request_body));
}

/*
 * curl sends a request anew when a connection that was used before ends without an answer. The first one may
 * have been carried out: nothing that changes things is sent twice. Called before each sending, redirects
 * among them.
 */
static int on_sending(void *arg, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
	struct http_call *call = arg;
	long redirects = 0, sent_size = 0;
	curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &redirects);
	curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent_size);
	call->sendings++;
	call->lost_answer = call->sendings > redirects + 1 && sent_size > 0;
	return call->lost_answer ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void set_method(struct http_call *call, const struct http_request *request)
{
	const char *method = request->method ? request->method : "GET";
	bool is_get = strcmp(method, "GET") == 0, is_head = strcmp(method, "HEAD") == 0;
	call->sends = request->body_size || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
		      !strcmp(method, "PATCH");
	if (call->sends) {
		set_body(call);
		if (!has_header(request->headers, "Content-Type"))
			add_header(call, "Content-Type:"); /* not curl's form type */
	}
	if (is_head)
		curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
	else if (!is_get || call->sends)
		curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, method);
	if (!is_get && !is_head) {
		curl_easy_setopt(call->easy, CURLOPT_PREREQFUNCTION, on_sending);
		curl_easy_setopt(call->easy, CURLOPT_PREREQDATA, call);
	}
	/* Without it curl waits a second for "100 Continue" before a body of more than 1 MB. */
	add_header(call, "Expect:");
}

static void set_limits(struct http_call *call, const struct http_request *request)
{
	long timeout = request->timeout_ms < 0 ? 0 : request->timeout_ms ? request->timeout_ms : TIMEOUT_MS;
	long connect = request->connect_timeout_ms > 0 ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, timeout);
	curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, connect);
	/* A watch may be silent for long; a peer that is gone without a word is noticed by this alone. */
	curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S / 3);
	call->response_max = request->response_max ? request->response_max : RESPONSE_MAX;
	if (!request->no_redirects) {
		curl_easy_setopt(call->easy, CURLOPT_FOLLOWLOCATION, 1L);
		curl_easy_setopt(call->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	}
	if (request->fresh_connection) {
		curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
	}
}

static void set_up(struct http_call *call, const struct http_request *request)
{
	const struct http_tls *tls = &call->client->tls;
	CURL *easy = call->easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(
	    easy, CURLOPT_PROXY, ""); /* not from the environment: everything here is inside the cluster */
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->message);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, http_socket_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->client);
	if (request->unix_socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	set_tls(easy, tls);
	if (tls->server_name)
		set_server_name(call, request->url, tls->server_name);
	set_limits(call, request);
	set_method(call, request);
	for (const char *const *line = request->headers; line && *line; line++)
		add_header(call, *line);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
}

/* Everything of a request but its body: what a handle was set up for serves the next request of the kind. */
static void describe(struct buf *out, const struct http_request *request)
{
	struct {
		int64_t timeout_ms, connect_timeout_ms;
		size_t response_max;
		bool no_redirects, fresh_connection, has_body, has_socket;
	} rest;
	memset(&rest, 0, sizeof rest); /* padding is compared too */
	rest.timeout_ms = request->timeout_ms;
	rest.connect_timeout_ms = request->connect_timeout_ms;
	rest.response_max = request->response_max;
	rest.no_redirects = request->no_redirects;
	rest.fresh_connection = request->fresh_connection;
	rest.has_body = request->body_size > 0;
	rest.has_socket = request->unix_socket != NULL;
	buf_append(out, &rest, sizeof rest);
	const char *const texts[] = {
	    str_or(request->method, "GET"), request->url, str_or(request->unix_socket, "")};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		buf_append(out, texts[i], strlen(texts[i]) + 1);
	for (const char *const *line = request->headers; line && *line; line++)
		buf_append(out, *line, strlen(*line) + 1);
}

static void empty(struct buf *buf)
{
	if (buf->capacity > KEPT_MAX)
		buf_done(buf);
	else
		buf_reset(buf);
}

/* A call of the pool as new; `keeps_options`: its handle is set up for the same kind of request. */
static void recycle(struct http_call *call, bool keeps_options)
{
	empty(&call->head);
	empty(&call->body);
	empty(&call->request_body);
	call->is_answered = call->cancelled = call->opened = call->too_large = call->lost_answer = false;
	call->sendings = 0;
	call->on_open = NULL;
	call->on_data = NULL;
	call->done = NULL;
	call->result = CURLE_OK;
	call->message[0] = '\0';
	if (keeps_options)
		return;
	curl_easy_reset(call->easy);
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->connect_to);
	call->headers = call->connect_to = NULL;
	buf_reset(&call->shape);
}

static struct http_call *take_from_pool(struct http_client *client)
{
	struct http_call *call;
	for (size_t i = client->pool_len; i-- > 0;) {
		call = client->pool[i];
		if (call->shape.size != client->shape.size ||
		    memcmp(call->shape.data, client->shape.data, client->shape.size) != 0)
			continue;
		client->pool[i] = client->pool[--client->pool_len];
		recycle(call, true);
		return call;
	}
	if (client->pool_len == 0)
		return NULL;
	call = client->pool[0]; /* the one that waits longest, by and large */
	client->pool[0] = client->pool[--client->pool_len];
	recycle(call, false);
	return call;
}

/*
 * For each call anew, whatever its handle was set up for. curl counts a connection's age in whole seconds,
 * and without a limit keeps idle ones for two minutes.
 */
static void set_connection_age(struct http_call *call, const struct http_request *request)
{
	const struct http_client *client = call->client;
	if (!client->distrusted_ms)
		return;
	int64_t age_s = (loop_now_ms(client->loop) - client->distrusted_ms) / 1000;
	bool is_fresh = request->fresh_connection || age_s < 2, has_limit = age_s >= 2 && age_s <= IDLE_MAX_S;
	curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, is_fresh ? 1L : 0L);
	curl_easy_setopt(call->easy, CURLOPT_MAXLIFETIME_CONN, has_limit ? (long)age_s - 1 : 0L /* none */);
}

struct http_call *http_call_new(struct http_client *client, const struct http_request *request)
{
	buf_reset(&client->shape);
	describe(&client->shape, request);
	struct http_call *call = take_from_pool(client);
	if (!call) {
		call = loop_must(calloc(1, sizeof(*call)));
		call->client = client;
		call->easy = loop_must(curl_easy_init());
	}
	buf_append(&call->request_body, request->body, request->body_size);
	call->keeps_socket = request->no_redirects && !request->fresh_connection;
	if (call->shape.size == 0) {
		buf_append(&call->shape, client->shape.data, client->shape.size);
		set_up(call, request);
	} else if (call->sends) {
		set_body(call);
	}
	set_connection_age(call, request);
	return call;
}

void http_call_free(struct http_call *call)
{
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->connect_to);
	buf_done(&call->head);
	buf_done(&call->body);
	buf_done(&call->request_body);
	buf_done(&call->shape);
	free(call);
}

static const char *find_header(const struct http_response *response, const char *name)
{
	const struct http_call *call = ((const struct response *)response)->call;
	const char *line = call->head.data, *end = line + call->head.size;
	size_t len = strlen(name);
	for (; line && line < end; line += strlen(line) + 1)
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	return NULL;
}

static void describe_failure(struct http_call *call, struct error *err)
{
	const char *text = *call->message ? call->message : curl_easy_strerror(call->result);
	if (call->too_large)
		error_set(err, ERR_TOO_LARGE, "the answer is larger than %zu bytes", call->response_max);
	else if (call->lost_answer)
		error_set(err, ERR_IO, "the connection ended before an answer came");
	else if (call->result == CURLE_OPERATION_TIMEDOUT)
		error_set(err, ERR_TIMEOUT, "%s", text);
	else
		error_set(err, ERR_IO, "%s", text);
}

void http_call_finish(struct http_call *call)
{
	struct error err = ERROR_INIT;
	struct response response = {.call = call};
	if (call->result != CURLE_OK)
		describe_failure(call, &err);
	response.public = (struct http_response){
	    .status = status_of(call),
	    .body = call->opened ? NULL : buf_str(&call->body),
	    .body_size = call->body.size,
	    .error = err.code ? &err : NULL,
	    .header = find_header,
	};
	response.public.content_type = str_or(find_header(&response.public, "Content-Type"), "");
	if (call->done)
		call->done(call->arg, &response.public);
}
