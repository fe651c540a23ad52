/*
 * Authenticating proxies (--requestheader-*): a proxy that shows a certificate of the front proxy's CA may
 * name the user in headers. The connection's own verification is against the client CA, so the certificate is
 * checked here again.
 */
#include "apiserver/auth/auth.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apiserver/options.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

struct front_proxy {
	const struct api_options *options;
	X509_STORE *store; /* the CA of front proxies */
};

struct front_proxy *front_proxy_new(const struct api_options *options, struct error *err)
{
	struct front_proxy *proxy = calloc(1, sizeof(*proxy));

	if (!proxy)
		abort();
	proxy->options = options;
	proxy->store = X509_STORE_new();
	if (!proxy->store || X509_STORE_load_file(proxy->store, options->requestheader_client_ca_file) != 1) {
		ERR_clear_error();
		front_proxy_free(proxy);
		return error_set(err, ERR_IO, "cannot read the front proxies' CA %s",
			   options->requestheader_client_ca_file),
		       NULL;
	}
	return proxy;
}

void front_proxy_free(struct front_proxy *proxy)
{
	if (!proxy)
		return;
	X509_STORE_free(proxy->store);
	free(proxy);
}

static bool is_signed(const struct front_proxy *proxy, const struct http_peer *peer)
{
	const unsigned char *der = peer->cert_der;
	X509 *cert = der ? d2i_X509(NULL, &der, (long)peer->cert_der_size) : NULL;
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	bool ok = cert && ctx && X509_STORE_CTX_init(ctx, proxy->store, cert, NULL) == 1 &&
		  X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) == 1 && X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_free(cert);
	ERR_clear_error();
	return ok;
}

/* No names listed: every certificate of the front proxies' CA counts. */
static bool is_trusted(const struct front_proxy *proxy, const struct http_peer *peer)
{
	const struct flag_list *names = &proxy->options->requestheader_allowed_names;
	bool is_named = names->len == 0;

	for (size_t i = 0; peer && i < names->len; i++)
		is_named = is_named || str_eq(names->items[i], peer->cert_common_name);
	return peer && is_named && is_signed(proxy, peer);
}

static const char *first_header(struct api_request *req, const struct flag_list *names)
{
	for (size_t i = 0; i < names->len; i++) {
		const char *value = http_request_header(req->http, names->items[i]);
		if (!str_empty(value))
			return value;
	}
	return NULL;
}

static void add_groups(struct api_request *req, const struct flag_list *names)
{
	for (size_t n = 0; n < names->len; n++)
		for (size_t i = 0; i < req->http->headers_len; i++)
			if (strcasecmp(req->http->headers[i].name, names->items[n]) == 0)
				user_add_group(req->arena, &req->user, req->http->headers[i].value);
}

static void add_extra(struct api_request *req, const struct flag_list *prefixes)
{
	for (size_t n = 0; n < prefixes->len; n++) {
		size_t len = strlen(prefixes->items[n]);
		for (size_t i = 0; i < req->http->headers_len; i++) {
			const struct http_header *h = &req->http->headers[i];
			if (strncasecmp(h->name, prefixes->items[n], len) != 0)
				continue;
			char *key = http_decode_segment(req->arena, h->name + len, strlen(h->name + len));
			user_add_extra(req->arena, &req->user,
			    str_lower(req->arena, key ? key : h->name + len), h->value);
		}
	}
}

enum token_result front_proxy_check(
    const struct front_proxy *proxy, struct api_request *req, struct error *err)
{
	const char *name = first_header(req, &proxy->options->requestheader_username_headers);

	(void)err;
	if (!name || !is_trusted(proxy, req->http->peer))
		return TOKEN_UNKNOWN;
	user_init(req->arena, &req->user, name, NULL);
	add_groups(req, &proxy->options->requestheader_group_headers);
	add_extra(req, &proxy->options->requestheader_extra_headers_prefix);
	return TOKEN_GOOD;
}
