/* serving_flags: flags whose values are checked against what this server can do. */
#ifndef CUBE_APISERVER_SERVING_FLAGS_H
#define CUBE_APISERVER_SERVING_FLAGS_H

struct api_options;
struct arena;
struct error;
struct http_server_options;

/* Sets the least version and the ciphers of TLS 1.2 from --tls-min-version and --tls-cipher-suites (IANA
 * names). */
int serving_flags_tls(struct arena *arena, const struct api_options *options, struct http_server_options *ret,
    struct error *err);
/* Refuses TLS names that do not exist, and --runtime-config and others that ask for what is not there. */
int serving_flags_check(const struct api_options *options, struct error *err);

#endif
