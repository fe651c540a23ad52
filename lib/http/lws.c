#include "lib/http/lws.h"

#include <libwebsockets.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/http/server.h"
#include "lib/loop/loop.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

struct http_lws {
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct http_server *server;
	const struct http_server_options *options;
	void *ssl_ctx; /* SSL_CTX * of the vhost; NULL without TLS */
};

/*
 * Without reading ahead OpenSSL asks the kernel twice for each record: for its head and for the rest. With
 * it, one read may bring several records, of which lws knows the first only; the others are taken here, with
 * reading ahead switched off: so this ends, even when the client sends without a pause. Reading ahead begins
 * behind the handshake, because lws would not look at what came with the handshake's last message.
 */
static int receive(struct http_conn *conn, struct lws *wsi, const char *data, size_t size)
{
	SSL *ssl = lws_get_ssl(lws_get_network_wsi(wsi));
	int rc = http_conn_receive(conn, data, size);
	if (!ssl)
		return rc;
	SSL_set_read_ahead(ssl, 0);
	while (!rc && SSL_has_pending(ssl)) {
		char more[16 * 1024];
		int n = SSL_read(ssl, more, sizeof more);
		if (n > 0)
			rc = http_conn_receive(conn, more, (size_t)n);
		else if (SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ)
			break; /* the rest of a record is still on its way */
		else
			return -1;
	}
	SSL_set_read_ahead(ssl, 1);
	return rc;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	struct http_lws *lws;
	struct http_conn *conn;
	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		lws = lws_context_user(lws_get_context(wsi));
		lws->ssl_ctx = user;
		return http_tls_setup(user, lws->options);
	case LWS_CALLBACK_RAW_ADOPT:
		lws = lws_context_user(lws_get_context(wsi));
		lws_set_opaque_user_data(wsi, http_conn_new(lws->server, wsi));
		return 0;
	case LWS_CALLBACK_RAW_RX:
		conn = lws_get_opaque_user_data(wsi);
		return conn ? receive(conn, wsi, in, size) : -1;
	case LWS_CALLBACK_RAW_WRITEABLE:
		conn = lws_get_opaque_user_data(wsi);
		return conn ? http_conn_writable(conn) : -1;
	case LWS_CALLBACK_RAW_CLOSE:
		conn = lws_get_opaque_user_data(wsi);
		lws_set_opaque_user_data(wsi, NULL);
		if (conn)
			http_conn_free(conn);
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = on_event, .rx_buffer_size = 16 * 1024, .tx_packet_size = HTTP_WRITE_MAX},
    {0},
};

static void on_log(int level, const char *line)
{
	log_debug("lws: %.*s", (int)strcspn(line, "\n"), line);
}

struct http_lws *http_lws_new(struct loop *loop, const struct http_server_options *options,
    struct http_server *server, struct error *err)
{
	struct http_lws *lws = calloc(1, sizeof *lws);
	if (!lws)
		abort();
	lws->server = server;
	lws->options = options;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	void *loops[] = {loop_uv(loop)};
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	    .protocols = protocols,
	    .foreign_loops = loops,
	    .user = lws,
	    .gid = (gid_t)-1,
	    .uid = (uid_t)-1,
	    .fd_limit_per_thread = (unsigned)options->connections_max + 64,
	    .pt_serv_buf_size = 16 * 1024,
	    .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		       LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
	    .vhost_name = "default",
	};
	if (options->cert_file) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = options->cert_file;
		info.ssl_private_key_filepath = options->key_file;
		info.alpn = "http/1.1"; /* with h2 offered, lws would take the connection into its own role */
	}
	lws->context = lws_create_context(&info);
	lws->vhost = lws->context ? lws_create_vhost(lws->context, &info) : NULL;
	if (lws->vhost)
		return lws;
	error_set(err, ERR_IO, "cannot serve with certificate %s and key %s",
	    options->cert_file ? options->cert_file : "(none)",
	    options->key_file ? options->key_file : "(none)");
	http_lws_free(lws);
	return NULL;
}

void http_lws_free(struct http_lws *lws)
{
	if (!lws)
		return;
		/* On a loop that is not its own, lws never frees all of a context: programs end then, and
		 * take it with them. */
#if defined(__SANITIZE_ADDRESS__)
	if (lws->context)
		__lsan_ignore_object(lws->context);
#endif
	if (lws->context)
		lws_context_destroy(lws->context);
	free(lws);
}

void http_lws_adopt(struct http_lws *lws, int fd)
{
	lws_sock_file_fd_type sock = {.sockfd = fd};
	lws_adoption_type how = LWS_ADOPT_SOCKET;
	if (lws->options->cert_file)
		how |= LWS_ADOPT_ALLOW_SSL;
	lws_adopt_descriptor_vhost(lws->vhost, how, sock, "http", NULL);
}

void http_lws_timeout(struct lws *wsi, int64_t ms)
{
	lws_set_timeout(wsi, ms ? PENDING_TIMEOUT_USER_OK : NO_PENDING_TIMEOUT, (int)((ms + 999) / 1000));
}

void http_lws_pause(struct lws *wsi, bool paused)
{
	lws_rx_flow_control(wsi, paused ? 0 : 1);
}

void http_lws_want_write(struct lws *wsi)
{
	lws_callback_on_writable(wsi);
}

int http_lws_write(struct lws *wsi, const char *data, size_t size)
{
	return lws_write(wsi, (unsigned char *)(uintptr_t)data, size, LWS_WRITE_RAW);
}

bool http_lws_is_full(struct lws *wsi)
{
	return lws_partial_buffered(wsi);
}

void http_lws_kill(struct lws *wsi)
{
	lws_set_timeout(wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
	/* lws looks at its timers after events only: make one. */
	lws_cancel_service(lws_get_context(wsi));
}

void http_lws_end_output(struct lws *wsi)
{
	SSL *ssl = http_lws_ssl(wsi);

	/* Once: the alert that nothing more comes. Twice would wait for the peer's. */
	if (ssl && SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
	shutdown(lws_get_socket_fd(wsi), SHUT_WR);
}

int http_lws_fd(struct lws *wsi)
{
	return lws_get_socket_fd(wsi);
}

void *http_lws_ssl(struct lws *wsi)
{
	return lws_get_ssl(lws_get_network_wsi(wsi));
}

void *http_lws_ssl_ctx(struct http_lws *lws)
{
	return lws->ssl_ctx;
}
