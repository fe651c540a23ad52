#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/files.h"
#include "kubelet/server/server_private.h"
#include "lib/base/error.h"

#define YEAR_S (365 * 24 * 3600)

static X509 *make_certificate(EVP_PKEY *key, const char *node_name, const char *node_ip)
{
	char names[400];
	X509 *cert = X509_new();
	unsigned char serial[8];
	RAND_bytes(serial, sizeof serial);
	serial[0] &= 0x7f;
	X509_set_version(cert, 2);
	BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
	BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
	BN_free(bn);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), YEAR_S);
	X509_set_pubkey(cert, key);
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)node_name, -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	snprintf(names, sizeof names, "DNS:%s,IP:%s,IP:127.0.0.1", node_name, node_ip);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	if (extension)
		X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

int server_self_sign(const char *dir, const char *node_name, const char *node_ip, char cert_path[512],
    char key_path[512], struct error *err)
{
	snprintf(cert_path, 512, "%s/kubelet.crt", dir);
	snprintf(key_path, 512, "%s/kubelet.key", dir);
	if (access(cert_path, R_OK) == 0 && access(key_path, R_OK) == 0)
		return 0;
	if (files_make_path(dir, 0700, err))
		return -1;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? make_certificate(key, node_name, node_ip) : NULL;
	mode_t old = umask(077);
	FILE *cert_file = fopen(cert_path, "we"), *key_file = fopen(key_path, "we");
	umask(old);
	bool ok = cert && cert_file && key_file && PEM_write_X509(cert_file, cert) &&
		  PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL);
	if (cert_file)
		fclose(cert_file);
	if (key_file)
		fclose(key_file);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ok ? 0 : error_set(err, ERR_IO, "can't make a certificate in %s", dir);
}
