/* tls_files: the certificate to serve with: the one that was given, or a self-signed one kept in --cert-dir.
 */
#ifndef CUBE_APISERVER_TLS_FILES_H
#define CUBE_APISERVER_TLS_FILES_H

struct api_options;
struct arena;
struct error;

int tls_files(struct arena *arena, const struct api_options *options, const char **ret_cert,
    const char **ret_key, struct error *err);

#endif
