/*
 * PEM as clients and kubeconfigs bring it: any text as a CA bundle, and as a certificate with its key. Nobody
 * is asked for a password, whatever the text says.
 */
#include <assert.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/loop/http_client.h"
#include "lib/loop/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_tls *tls)
{
	struct error err = ERROR_INIT;
	SSL_CTX *ctx = tls_client_context(tls, &err);
	assert(ctx || (err.code == ERR_IO && *err.message));
	SSL_CTX_free(ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size);
	if (*text) {
		check(&(struct http_tls){.ca_data = text});
		check(&(struct http_tls){.insecure = true, .cert_data = text, .key_data = text});
	}
	arena_free(arena);
	return 0;
}
