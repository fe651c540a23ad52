/*
 * Certificates that are replaced while the server runs: the files are looked at now and then, and connections
 * that come after a change get what is in them. A pair that does not fit together, as in the middle of being
 * written, changes nothing.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/http/internal.h"
#include "lib/loop/loop.h"

enum { FILES = 3 };

/* Equal as long as nobody wrote the file or put another in its place; all zero when it is not there. */
struct identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct http_tls_reload {
	const struct http_server_options *options;
	SSL_CTX *ctx;
	struct loop_timer *timer;
	struct identity seen[FILES];
};

static const char *file_of(const struct http_server_options *o, int i)
{
	return i == 0 ? o->cert_file : i == 1 ? o->key_file : o->client_ca_file;
}

static struct identity identify(const char *path)
{
	struct stat st;
	if (!path || stat(path, &st))
		return (struct identity){0};
	return (struct identity){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool look(struct http_tls_reload *r)
{
	bool is_changed = false;
	for (int i = 0; i < FILES; i++) {
		struct identity now = identify(file_of(r->options, i));
		is_changed |= !same(&now, &r->seen[i]);
		r->seen[i] = now;
	}
	return is_changed;
}

static int use_pair(SSL_CTX *ctx, const struct http_server_options *o)
{
	return SSL_CTX_use_certificate_chain_file(ctx, o->cert_file) == 1 &&
		       SSL_CTX_use_PrivateKey_file(ctx, o->key_file, SSL_FILETYPE_PEM) == 1 &&
		       SSL_CTX_check_private_key(ctx) == 1
		   ? 0
		   : -1;
}

static int use_client_ca(SSL_CTX *ctx, const char *path)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
	if (!store || !names || X509_STORE_load_file(store, path) != 1) {
		X509_STORE_free(store);
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return -1;
	}
	SSL_CTX_set_cert_store(ctx, store);
	SSL_CTX_set_client_CA_list(ctx, names);
	return 0;
}

/* On a context of its own first: the one that serves must never be left with half a pair. */
static int try_files(const struct http_server_options *o)
{
	SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
	int rc =
	    !trial || use_pair(trial, o) || (o->client_ca_file && use_client_ca(trial, o->client_ca_file))
		? -1
		: 0;
	SSL_CTX_free(trial);
	return rc;
}

static void on_time(void *arg)
{
	struct http_tls_reload *r = arg;
	const struct http_server_options *o = r->options;
	if (!look(r))
		return;
	ERR_clear_error();
	if (try_files(o) || use_pair(r->ctx, o) ||
	    (o->client_ca_file && use_client_ca(r->ctx, o->client_ca_file))) {
		const char *why = ERR_reason_error_string(ERR_peek_error());
		log_error("certificate %s, key %s, client CA %s: %s; going on with the previous ones",
		    o->cert_file, o->key_file, o->client_ca_file ? o->client_ca_file : "(none)",
		    why ? why : "cannot be used");
		ERR_clear_error();
		return;
	}
	log_info("serving with the new certificate in %s", o->cert_file);
}

struct http_tls_reload *http_tls_reload_new(
    struct loop *loop, void *ssl_ctx, const struct http_server_options *options)
{
	if (!ssl_ctx)
		return NULL;
	struct http_tls_reload *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->options = options;
	r->ctx = ssl_ctx;
	look(r);
	r->timer = loop_timer_new(loop, on_time, r);
	loop_timer_start(r->timer, options->reload_ms, options->reload_ms);
	return r;
}

void http_tls_reload_free(struct http_tls_reload *r)
{
	if (!r)
		return;
	loop_timer_free(r->timer);
	free(r);
}
