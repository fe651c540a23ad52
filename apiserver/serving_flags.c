/* Flags whose values are checked against what this server can do: TLS versions and ciphers, API versions. */
#include <openssl/ssl.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/serving_flags.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/http/server.h"
#include "lib/resources/resource.h"

static int min_version(const char *name, int *ret, struct error *err)
{
	if (str_empty(name) || !strcmp(name, "VersionTLS12"))
		*ret = TLS1_2_VERSION;
	else if (!strcmp(name, "VersionTLS13"))
		*ret = TLS1_3_VERSION;
	else if (!strcmp(name, "VersionTLS10") || !strcmp(name, "VersionTLS11"))
		return error_set(err, ERR_BAD_REQUEST,
		    "--tls-min-version: %s is not safe any more: use VersionTLS12 or VersionTLS13", name);
	else
		return error_set(err, ERR_BAD_REQUEST,
		    "--tls-min-version: unknown tls version \"%s\": use VersionTLS12 or VersionTLS13", name);
	return 0;
}

/* The suites of TLS 1.3 cannot be chosen, as in upstream's servers: their names change nothing. */
static bool is_of_tls13(const char *name)
{
	static const char *const names[] = {
	    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", NULL};
	return str_in(name, names);
}

/* Go's older name of the suite. */
static const char *iana_name(const char *name)
{
	if (!strcmp(name, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"))
		return "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
	if (!strcmp(name, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"))
		return "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
	return name;
}

static int cipher_list(
    struct arena *arena, const struct flag_list *names, const char **ret, struct error *err)
{
	struct buf list = BUF_INIT;
	for (size_t i = 0; i < names->len; i++) {
		const char *name = iana_name(names->items[i]);
		const char *known = is_of_tls13(name) ? NULL : OPENSSL_cipher_name(name);
		if (is_of_tls13(name) || !*name)
			continue;
		if (!known || !strcmp(known, "(NONE)")) {
			buf_done(&list);
			return error_set(err, ERR_BAD_REQUEST,
			    "--tls-cipher-suites: cipher suite %s not supported or doesn't exist", name);
		}
		buf_printf(&list, "%s%s", list.size ? ":" : "", known);
	}
	*ret = list.size ? arena_strdup(arena, list.data) : NULL;
	buf_done(&list);
	return 0;
}

int serving_flags_tls(struct arena *arena, const struct api_options *options, struct http_server_options *ret,
    struct error *err)
{
	return min_version(options->tls_min_version, &ret->tls_min_version, err) ||
		       cipher_list(arena, &options->tls_cipher_suites, &ret->tls_ciphers, err)
		   ? -1
		   : 0;
}

static bool is_served(const char *group, size_t group_size, const char *version)
{
	for (size_t i = 0; i < resources_count(); i++) {
		const struct resource_type *type = resources_at(i);
		if (strlen(type->group) == group_size && !memcmp(type->group, group, group_size) &&
		    !strcmp(type->version, version))
			return true;
	}
	return false;
}

/* "api/all=true", "apps/v1=true", "v1". What is served cannot be switched off: saying nothing would be a lie.
 */
static int check_version(struct arena *arena, const char *item, struct error *err)
{
	static const char *const sets[] = {"api/all", "api/ga", "api/beta", "api/alpha", "api/legacy", NULL};
	const char *equals = strchr(item, '=');
	const char *name = equals ? arena_strndup(arena, item, (size_t)(equals - item)) : item;
	const char *value = equals ? equals + 1 : "true", *slash = strchr(name, '/');
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "--runtime-config: invalid value %s=%s: it is true or false", name, value);
	bool is_known = str_in(name, sets) ||
			(slash ? is_served(name, (size_t)(slash - name), slash + 1) : is_served("", 0, name));
	if (!is_known)
		return error_set(err, ERR_BAD_REQUEST, "--runtime-config: unknown api version %s", name);
	if (!strcmp(value, "false") && strcmp(name, "api/alpha") != 0)
		return error_set(err, ERR_NOT_IMPLEMENTED,
		    "--runtime-config: %s cannot be switched off: leave it out", name);
	return 0;
}

int serving_flags_check(const struct api_options *o, struct error *err)
{
	struct arena *arena = arena_new();
	struct http_server_options unused = {0};
	int rc = serving_flags_tls(arena, o, &unused, err);
	for (size_t i = 0; !rc && i < o->runtime_config.len; i++)
		rc = check_version(arena, o->runtime_config.items[i], err);
	if (!rc && o->profiling)
		rc = error_set(err, ERR_NOT_IMPLEMENTED,
		    "--profiling=true is not supported, nothing is served under /debug/pprof: leave it out "
		    "or set it "
		    "to false");
	if (!rc && o->tls_sni_cert_keys.len)
		rc = error_set(err, ERR_NOT_IMPLEMENTED, "--tls-sni-cert-key is not supported: leave it out");
	if (!rc && !str_empty(o->storage_media_type) &&
	    strcmp(o->storage_media_type, "application/vnd.kubernetes.protobuf") != 0)
		rc = error_set(err, ERR_NOT_IMPLEMENTED,
		    "--storage-media-type: %s is not supported: built-in kinds are stored as "
		    "application/vnd.kubernetes.protobuf",
		    o->storage_media_type);
	arena_free(arena);
	return rc;
}
