/*
 * http_client: asynchronous HTTP/1.1 over libcurl's multi interface on the loop. Connections are kept alive
 * and reused. Callbacks never run inside the call that started the request.
 */
#ifndef CUBE_LOOP_HTTP_CLIENT_H
#define CUBE_LOOP_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct loop;
struct http_client;
struct http_call;

struct http_tls {
	const char *ca_file;              /* PEM; or ca_data */
	const char *ca_data;              /* PEM text */
	const char *cert_file, *key_file; /* client certificate; or the data below */
	const char *cert_data, *key_data;
	const char *server_name; /* NULL: from the URL */
	bool insecure;           /* no verification */
};

struct http_client *http_client_new(struct loop *loop, const struct http_tls *tls /* may be NULL; copied */);
void http_client_free(struct http_client *client); /* cancels what is under way */
/* The peer may have gone without a word: what starts from now on gets connections that are made from now on.
 */
void http_client_distrust(struct http_client *client);

/* Only GET and HEAD are sent again over a new connection when a kept one ends without an answer: what else
 * was lost may have been carried out. */
struct http_request {
	const char *method;         /* NULL: GET */
	const char *url;            /* http:// or https:// */
	const char *unix_socket;    /* NULL, or the path of a socket to connect to */
	const char *const *headers; /* "Name: value", ends with NULL */
	const void *body;           /* copied */
	size_t body_size;
	int64_t timeout_ms;         /* whole exchange; 0: 30 s; < 0: none (watches) */
	int64_t connect_timeout_ms; /* 0: 5 s */
	size_t response_max;        /* bytes; 0: 64 MiB; more ends the call with ERR_TOO_LARGE */
	bool no_redirects;          /* redirects are followed unless set (up to 10) */
	bool fresh_connection;      /* a new connection that is closed after (probes) */
};

struct http_response {
	int status;               /* 0 when no answer came: see error */
	const char *content_type; /* "" when absent */
	const char *body;         /* NUL-terminated; NULL for streamed calls */
	size_t body_size;
	const struct error *error; /* NULL when an answer came, whatever its status */
	const char *(*header)(const struct http_response *response, const char *name); /* NULL when absent */
};

/* One exchange; done fires exactly once unless cancelled. */
struct http_call *http_client_send(struct http_client *client, const struct http_request *request,
    void (*done)(void *arg, const struct http_response *response), void *arg);
/*
 * A streamed answer: on_data gets the body's bytes as they come (only of 2xx answers; other bodies are
 * collected and given to done). on_open, when not NULL, fires when the head of a 2xx answer came.
 */
struct http_call *http_client_stream(struct http_client *client, const struct http_request *request,
    void (*on_open)(void *arg, int status), void (*on_data)(void *arg, const char *data, size_t size),
    void (*done)(void *arg, const struct http_response *response), void *arg);
void http_call_cancel(struct http_call *call); /* no callback fires any more; NULL is accepted */

#endif
