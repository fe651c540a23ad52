/* pipeline: what the files at the top of apiserver/ share: the stages that are theirs, and encoding. */
#ifndef CUBE_APISERVER_PIPELINE_H
#define CUBE_APISERVER_PIPELINE_H

#include "apiserver/server.h"

struct cache_item;
struct field_errors;

/* pipeline.c */
void pipeline_handle(void *server, struct http_server_request *http);      /* the HTTP server's handler */
void pipeline_handle_late(void *server, struct http_server_request *http); /* ... without the body */
void pipeline_run(struct api_request *req);
bool pipeline_screen(void *server, struct http_server_request *http); /* is a body to be read */
/* An internal request; the caller fills it and calls pipeline_run(). It starts at the stage `load`. */
struct api_request *pipeline_new_internal(struct api_server *server);
void pipeline_free(struct api_request *req);
/* What still runs when the server is freed: nothing may be left that resumes a request. Answers none. */
void pipeline_free_all(struct api_server *server);
/* Types that are made at run time may go while the request runs: it holds them. */
void pipeline_set_type(struct api_request *req, const struct resource_type *type);
bool api_is_write(const struct api_request *req);

/* stages of this folder */
int api_inspect(struct api_request *req, struct error *err);      /* inspect.c */
int api_inspect_path(struct api_request *req, struct error *err); /* ... without counting the request */
int api_route(struct api_request *req, struct error *err);        /* routes.c */
bool api_is_built_in_group(const char *group);                    /* "" is one */

/* flow.c: no more requests at once than --max-requests-inflight and --max-mutating-requests-inflight allow */
int api_limit_in_flight(struct api_request *req, struct error *err);

/* parse_options.c: the query (and for deletes the body's DeleteOptions). */
int api_parse_options(struct api_request *req, struct error *err);
int api_check_patch_options(
    struct api_request *req, struct error *err); /* what depends on the kind of patch */
int api_parse_delete_body(struct api_request *req, struct error *err);

/* negotiate.c */
int api_negotiate_output(struct api_request *req, struct error *err);
int api_negotiate_body(
    struct api_request *req, struct error *err); /* Content-Type of a create, update, patch, delete */
const char *api_content_type(const struct api_request *req);

/* respond.c */
void api_respond_item(struct api_request *req, int status, struct cache_item *item);
/* Encoded body; its headers are the request's warnings. Finishes the request. */
void api_respond_body(struct api_request *req, int status, const char *content_type, struct buf *take_body);
/* The same as http_respond_bytes() and http_respond_source(), compressed where that pays; len parts may be 0.
 */
void api_send_bytes(struct api_request *req, int status, const char *content_type,
    const struct http_header *headers, struct bytes *const *parts, size_t len);
void api_send_source(struct api_request *req, int status, const char *content_type,
    const struct http_header *headers, const struct http_source *source);
const struct http_header *api_headers(struct api_request *req, const struct error *err);
/* An object in the request's media and shape, without the newline that ends JSON. */
int api_encode(struct api_request *req, struct buf *out, const struct object *obj, struct cache_item *item,
    struct error *err);
void api_encode_status(struct api_request *req, struct buf *out, const struct error *err);
/* The object in the version of the URL; a new reference. */
int api_to_version(struct api_request *req, const struct object *obj, struct object **ret, struct error *err);

/* warnings.c: the request's warnings as headers; room for req->warnings_len. Returns how many. */
size_t api_warning_headers(struct api_request *req, struct http_header *ret);

/* table.c */
/* How an object is shown that answers the request: a subresource may have a kind of its own. NULL: name and
 * time. */
const struct resource_type *table_type(const struct api_request *req, const struct object *obj);
void table_begin(struct api_request *req, struct buf *out, const struct resource_type *type,
    const char *list_meta, bool with_columns);
void table_row(
    struct api_request *req, struct buf *out, const struct resource_type *type, const struct object *obj);
void table_end(struct buf *out);
void partial_metadata(struct api_request *req, struct buf *out, const struct object *obj);
void partial_metadata_proto(struct api_request *req, struct buf *out, const struct object *obj);

/* health.c, metrics.c and version.c: handlers of routes. */
int health_serve(struct api_request *req, struct error *err);
int metrics_serve(struct api_request *req, struct error *err);
int version_serve(struct api_request *req, struct error *err);
struct version_info {
	const char *major, *minor, *git_version, *git_commit, *git_tree_state, *build_date, *go_version,
	    *compiler;
	char platform[80];
};
void version_info(struct version_info *ret); /* version.c: what /version says */
void metrics_count(struct api_server *server, const struct api_request *req, int status);

#endif
