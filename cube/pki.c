#include "cube/pki.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/files.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/client/kubeconfig.h"

enum { CA_DAYS = 3650, LEAF_DAYS = 365, RENEW_DAYS = 30 };

struct authority {
	X509 *cert;
	EVP_PKEY *key;
};

struct leaf {
	const char *file; /* pki/FILE.crt and pki/FILE.key */
	const char *common_name, *organization;
	const char *alt_names; /* NULL for a client certificate */
};

static int authority_ensure(
    const struct cluster *c, const char *file, const char *name, struct authority *ret, struct error *err);
static void authority_done(struct authority *ca);
static int leaf_ensure(
    const struct cluster *c, const struct authority *ca, const struct leaf *leaf, struct error *err);
static int service_account_key_ensure(const struct cluster *c, struct error *err);
static int kubeconfigs_ensure(const struct cluster *c, struct error *err);
static X509 *make_cert(EVP_PKEY *key, const struct authority *ca, const struct leaf *leaf, int days);
static bool cert_fits(const char *path, const struct authority *ca, const struct leaf *leaf);
static int write_key(const char *path, EVP_PKEY *key, struct error *err);
static int write_cert(const char *path, X509 *cert, struct error *err);
static int openssl_error(struct error *err, const char *what);

int pki_ensure(const struct cluster *c, struct error *err)
{
	struct authority ca = {0}, front = {0};
	const char *server_names = arena_printf(c->arena,
	    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.%s,"
	    "DNS:localhost,DNS:%s,"
	    "IP:127.0.0.1,IP:0:0:0:0:0:0:0:1,IP:%s,IP:%s",
	    c->cluster_domain, c->node_name, c->service_ip, c->node_ip);
	const struct leaf leaves[] = {
	    {"apiserver", "kube-apiserver", NULL, server_names},
	    {"apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters", NULL},
	    {"kubelet", arena_printf(c->arena, "system:node:%s", c->node_name), "system:nodes",
		arena_printf(c->arena, "DNS:%s,DNS:localhost,IP:127.0.0.1,IP:%s", c->node_name, c->node_ip)},
	    {"admin", "kubernetes-admin", "system:masters", NULL},
	    {"kube-scheduler", "system:kube-scheduler", NULL, NULL},
	    {"kube-controller-manager", "system:kube-controller-manager", "system:masters", NULL},
	    {"kube-proxy", "system:kube-proxy", NULL, NULL},
	    {"kube-dns", "system:kube-dns", NULL, NULL},
	};
	const struct leaf front_leaf = {"front-proxy-client", "front-proxy-client", NULL, NULL};
	int rc = directory_make(cluster_path(c, "pki"), 0700, err);

	if (rc == 0)
		rc = authority_ensure(c, "ca", "cube-ca", &ca, err);
	for (size_t i = 0; rc == 0 && i < sizeof leaves / sizeof leaves[0]; i++)
		rc = leaf_ensure(c, &ca, &leaves[i], err);
	if (rc == 0)
		rc = authority_ensure(c, "front-proxy-ca", "cube-front-proxy-ca", &front, err);
	if (rc == 0)
		rc = leaf_ensure(c, &front, &front_leaf, err);
	if (rc == 0)
		rc = service_account_key_ensure(c, err);
	if (rc == 0)
		rc = kubeconfigs_ensure(c, err);
	authority_done(&ca);
	authority_done(&front);
	return rc;
}

static int kubeconfig_from_leaf(const struct cluster *c, const char *path, const char *entry_name,
    const char *leaf, bool current, struct error *err)
{
	struct kubeconfig_entry entry = {.name = entry_name,
	    .server = arena_printf(c->arena, "https://127.0.0.1:%lld", (long long)c->api_port),
	    .ns = "default"};
	char *ca, *cert, *key;

	if (file_read(c->arena, cluster_path(c, "pki/ca.crt"), &ca, NULL, err) < 0 ||
	    file_read(c->arena, cluster_path(c, "pki/%s.crt", leaf), &cert, NULL, err) < 0 ||
	    file_read(c->arena, cluster_path(c, "pki/%s.key", leaf), &key, NULL, err) < 0)
		return -1;
	entry.ca_data = ca;
	entry.cert_data = cert;
	entry.key_data = key;
	return kubeconfig_merge(path, &entry, current, err);
}

int pki_write_user_kubeconfig(const struct cluster *c, const char *path, struct error *err)
{
	return kubeconfig_from_leaf(c, path, CLUSTER_CONTEXT, "admin", true, err);
}

static int kubeconfigs_ensure(const struct cluster *c, struct error *err)
{
	static const char *const users[] = {
	    "admin", "kubelet", "kube-scheduler", "kube-controller-manager", "kube-proxy", "kube-dns"};

	if (directory_make(cluster_path(c, "kubeconfig"), 0700, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
		if (kubeconfig_from_leaf(c, cluster_path(c, "kubeconfig/%s.conf", users[i]), CLUSTER_CONTEXT,
			users[i], true, err) < 0)
			return -1;
	}
	return 0;
}

static int authority_ensure(
    const struct cluster *c, const char *file, const char *name, struct authority *ret, struct error *err)
{
	const char *cert_path = cluster_path(c, "pki/%s.crt", file),
		   *key_path = cluster_path(c, "pki/%s.key", file);
	const struct leaf self = {file, name, NULL, NULL};
	FILE *cert_file = fopen(cert_path, "re"), *key_file = fopen(key_path, "re");

	if (cert_file && key_file) {
		ret->cert = PEM_read_X509(cert_file, NULL, NULL, NULL);
		ret->key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
	}
	if (cert_file)
		fclose(cert_file);
	if (key_file)
		fclose(key_file);
	if (ret->cert && ret->key)
		return 0;
	authority_done(ret);
	ret->key = EVP_EC_gen("P-256");
	ret->cert = ret->key ? make_cert(ret->key, NULL, &self, CA_DAYS) : NULL;
	if (!ret->cert)
		return openssl_error(err, "make the certificate authority");
	return write_key(key_path, ret->key, err) < 0 || write_cert(cert_path, ret->cert, err) < 0 ? -1 : 0;
}

static void authority_done(struct authority *ca)
{
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	*ca = (struct authority){0};
}

static int leaf_ensure(
    const struct cluster *c, const struct authority *ca, const struct leaf *leaf, struct error *err)
{
	const char *cert_path = cluster_path(c, "pki/%s.crt", leaf->file),
		   *key_path = cluster_path(c, "pki/%s.key", leaf->file);
	EVP_PKEY *key;
	X509 *cert;
	int rc = -1;

	if (access(key_path, R_OK) == 0 && cert_fits(cert_path, ca, leaf))
		return 0;
	key = EVP_EC_gen("P-256");
	cert = key ? make_cert(key, ca, leaf, LEAF_DAYS) : NULL;
	if (!cert)
		openssl_error(err, leaf->file);
	else if (write_key(key_path, key, err) == 0 && write_cert(cert_path, cert, err) == 0)
		rc = 0;
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

/* The key that signs service-account tokens, and its public half for verifiers. */
static int service_account_key_ensure(const struct cluster *c, struct error *err)
{
	const char *key_path = cluster_path(c, "pki/sa.key"), *pub_path = cluster_path(c, "pki/sa.pub");
	EVP_PKEY *key;
	BIO *bio;
	char *text;
	long size;
	int rc;

	if (access(key_path, R_OK) == 0 && access(pub_path, R_OK) == 0)
		return 0;
	key = EVP_EC_gen("P-256"); /* tokens are signed ES256; an RSA key would take longer to make than the
				      rest of a start */
	bio = BIO_new(BIO_s_mem());
	if (!key || !PEM_write_bio_PUBKEY(bio, key)) {
		rc = openssl_error(err, "make the service-account key");
	} else {
		size = BIO_get_mem_data(bio, &text);
		rc = write_key(key_path, key, err);
		if (rc == 0)
			rc = file_write(pub_path, text, (size_t)size, 0600, err);
	}
	BIO_free(bio);
	EVP_PKEY_free(key);
	return rc;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext) {
		X509_add_ext(cert, ext, -1);
		X509_EXTENSION_free(ext);
	}
}

/* ca NULL: self-signed authority. The caller frees. */
static X509 *make_cert(EVP_PKEY *key, const struct authority *ca, const struct leaf *leaf, int days)
{
	X509 *cert = X509_new(), *issuer = ca ? ca->cert : cert;
	X509_NAME *name = X509_get_subject_name(cert);
	unsigned char serial[16];
	BIGNUM *number;

	if (RAND_bytes(serial, sizeof serial) != 1) {
		X509_free(cert);
		return NULL;
	}
	serial[0] &= 0x7f;
	number = BN_bin2bn(serial, sizeof serial, NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	X509_set_version(cert, 2);
	/* A few minutes back, so that clocks that differ a little don't refuse a new cluster. */
	X509_gmtime_adj(X509_getm_notBefore(cert), -300);
	X509_gmtime_adj(X509_getm_notAfter(cert), (long)days * 86400);
	if (leaf->organization)
		X509_NAME_add_entry_by_txt(
		    name, "O", MBSTRING_UTF8, (const unsigned char *)leaf->organization, -1, -1, 0);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_UTF8, (const unsigned char *)leaf->common_name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	X509_set_pubkey(cert, key);
	add_extension(cert, issuer, NID_subject_key_identifier, "hash");
	if (ca) {
		add_extension(cert, issuer, NID_authority_key_identifier, "keyid");
		add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
		add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature");
		add_extension(cert, issuer, NID_ext_key_usage,
		    leaf->alt_names ? "serverAuth,clientAuth" : "clientAuth");
		if (leaf->alt_names)
			add_extension(cert, issuer, NID_subject_alt_name, leaf->alt_names);
	} else {
		add_extension(cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
		add_extension(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
	}
	if (!X509_sign(cert, ca ? ca->key : key, EVP_sha256())) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

/* True when the file holds a certificate of this authority for the same names that stays valid for a while.
 */
static bool cert_fits(const char *path, const struct authority *ca, const struct leaf *leaf)
{
	FILE *file = fopen(path, "re");
	X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL, *wanted = NULL;
	EVP_PKEY *key = cert ? X509_get_pubkey(cert) : NULL;
	time_t later = time(NULL) + RENEW_DAYS * 86400L;
	bool fits = false;

	if (file)
		fclose(file);
	if (key && X509_verify(cert, ca->key) == 1 && X509_cmp_time(X509_get0_notAfter(cert), &later) > 0 &&
	    (wanted = make_cert(key, ca, leaf, LEAF_DAYS)) != NULL) {
		int a = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1),
		    b = X509_get_ext_by_NID(wanted, NID_subject_alt_name, -1);

		fits = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_subject_name(wanted)) == 0 &&
		       (a < 0) == (b < 0) &&
		       (a < 0 || ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(X509_get_ext(cert, a)),
				     X509_EXTENSION_get_data(X509_get_ext(wanted, b))) == 0);
	}
	X509_free(cert);
	X509_free(wanted);
	EVP_PKEY_free(key);
	return fits;
}

static int write_bio(const char *path, BIO *bio, mode_t mode, struct error *err)
{
	char *text;
	long size = BIO_get_mem_data(bio, &text);

	return file_write(path, text, (size_t)size, mode, err);
}

static int write_key(const char *path, EVP_PKEY *key, struct error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
		     ? write_bio(path, bio, 0600, err)
		     : openssl_error(err, path);

	BIO_free(bio);
	return rc;
}

static int write_cert(const char *path, X509 *cert, struct error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = PEM_write_bio_X509(bio, cert) ? write_bio(path, bio, 0644, err) : openssl_error(err, path);

	BIO_free(bio);
	return rc;
}

static int openssl_error(struct error *err, const char *what)
{
	return error_set(err, ERR_INTERNAL, "%s: %s", what, ERR_reason_error_string(ERR_get_error()));
}
