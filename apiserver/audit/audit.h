/*
 * audit: a record of who asked for what and what came of it, as lines of JSON: events of audit.k8s.io/v1, at
 * the stages and in the detail that the policy asks for (policy.h), in a file (log_file.h).
 *
 * The pipeline and those who answer call in here. Without --audit-policy-file and --audit-log-path
 * server->audit is NULL, req->audit stays NULL, and all but audit_identify() return at once. Requests that
 * the server makes to itself are not audited.
 */
#ifndef CUBE_APISERVER_AUDIT_AUDIT_H
#define CUBE_APISERVER_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/meta_v1.pb-c.h"

struct api_request;
struct api_server;
struct audit;
struct audit_record;
struct error;

/* Reads policy and opens the log as the options say; sets server->audit when something is to be audited. */
int audit_init(struct api_server *server, struct error *err);
void audit_done(struct api_server *server);

/* Stages of the pipeline. */
int audit_begin(struct api_request *req, struct error *err);        /* RequestReceived; needs req->user */
int audit_request_body(struct api_request *req, struct error *err); /* what was sent, once it was decoded */

/* Gives the request its ID, the header Audit-ID or one made up, and the answer a header that says it: always,
 * whether anything is audited or not. */
void audit_identify(struct api_request *req);
/* Whom req->user now stands for. */
void audit_impersonated(struct api_request *req);
/* Something a plugin wants known; the first value of a key stays. */
void audit_annotate(struct api_request *req, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool audit_wants_request_body(const struct api_request *req);
bool audit_wants_response_body(const struct api_request *req);

/* The answer: a Status in it, its bytes as they leave, and that it is complete. */
void audit_response_status(struct api_request *req, const MetaV1__Status *status);
void audit_response_body(struct api_request *req, const void *data, size_t size);
void audit_complete(struct api_request *req, int status);

/* Long-running requests: ResponseStarted. */
void audit_response_started(struct api_request *req, int status);
/* ... of a request whose connection outlives it: who carries on calls audit_record_end() when that is over.
 */
struct audit_record *audit_hand_over(struct api_request *req, int status);
void audit_record_end(struct audit_record *record); /* NULL is accepted */
/* A request that goes away unanswered still has its ResponseComplete. */
void audit_record_free(struct audit_record *record);

#endif
