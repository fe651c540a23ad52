#include "apiserver/tls_files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apiserver/options.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

enum { VALID_S = 365 * 24 * 3600 };

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext)
		X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static X509 *self_sign(EVP_PKEY *key, const char *names)
{
	X509 *cert = X509_new();
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), VALID_S);
	X509_set_pubkey(cert, key);
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_UTF8, (const unsigned char *)"kube-apiserver", -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign");
	add_extension(cert, NID_ext_key_usage, "serverAuth");
	add_extension(cert, NID_subject_alt_name, names);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

static int write_pem(const char *path, mode_t mode, EVP_PKEY *key, X509 *cert, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!f)
		return error_set_errno(err, errno, "cannot write %s", path);
	if (key)
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	if (cert)
		PEM_write_X509(f, cert);
	return fclose(f) ? error_set_errno(err, errno, "cannot write %s", path) : 0;
}

static int make_pair(
    const struct api_options *o, const char *cert_path, const char *key_path, struct error *err)
{
	struct buf names = BUF_INIT;
	struct in_addr a;
	buf_puts(&names,
	    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1");
	const char *addresses[] = {o->bind_address, o->advertise_address};
	for (size_t i = 0; i < 2; i++)
		if (!str_empty(addresses[i]) && inet_pton(AF_INET, addresses[i], &a) == 1 && a.s_addr)
			buf_printf(&names, ",IP:%s", addresses[i]);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = self_sign(key, buf_str(&names));
	int rc =
	    write_pem(key_path, 0600, key, NULL, err) || write_pem(cert_path, 0644, NULL, cert, err) ? -1 : 0;
	X509_free(cert);
	EVP_PKEY_free(key);
	buf_done(&names);
	return rc;
}

int tls_files(struct arena *arena, const struct api_options *options, const char **ret_cert,
    const char **ret_key, struct error *err)
{
	if (!str_empty(options->tls_cert_file) || !str_empty(options->tls_private_key_file)) {
		if (str_empty(options->tls_cert_file) || str_empty(options->tls_private_key_file))
			return error_set(err, ERR_BAD_REQUEST,
			    "--tls-cert-file and --tls-private-key-file must be given together");
		*ret_cert = options->tls_cert_file;
		*ret_key = options->tls_private_key_file;
		return 0;
	}
	const char *dir = str_or(options->cert_dir, "/var/run/kubernetes");
	*ret_cert = arena_printf(arena, "%s/apiserver.crt", dir);
	*ret_key = arena_printf(arena, "%s/apiserver.key", dir);
	if (!access(*ret_cert, R_OK) && !access(*ret_key, R_OK))
		return 0;
	if (mkdir(dir, 0755) && errno != EEXIST)
		return error_set_errno(err, errno, "cannot make %s", dir);
	log_info("no certificate given: making a self-signed one in %s", dir);
	return make_pair(options, *ret_cert, *ret_key, err);
}
