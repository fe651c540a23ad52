/* record: one audited request: its event while it is put together, and the lines that are made of it. */
#ifndef CUBE_APISERVER_AUDIT_RECORD_H
#define CUBE_APISERVER_AUDIT_RECORD_H

#include <stdint.h>

#include "apiserver/audit/audit.h"
#include "apiserver/audit/log_file.h"
#include "apiserver/audit/policy.h"
#include "apiserver/server.h"
#include "proto/audit_v1.pb-c.h"

struct audit {
	unsigned refs; /* the server's and those of handed-over records */
	const struct clock *clock;
	struct audit_policy *policy;
	struct log_file *log;
	bool is_strict; /* requests whose arrival cannot be logged are refused */
	int64_t warned_ns;
	uint64_t events, errors, rejected, levels[AUDIT_LEVELS];
};
void audit_unref(struct audit *audit);

struct audit_record {
	struct audit *audit;
	struct arena *arena;     /* the request's, or its own after a hand-over */
	struct arena *own_arena; /* NULL before that */
	AuditV1__Event *event;
	struct audit_decision decision;
	bool is_long_running, is_started, is_complete;
	bool is_unauthenticated; /* has one event, at ResponseStarted */
};

/* The event as the request alone tells it. */
struct audit_record *audit_record_new(struct api_request *req, const struct audit_decision *decision);
/* Writes the event at this stage unless the policy leaves it out. */
int audit_record_write(struct audit_record *record, enum audit_stage stage, struct error *err);
void audit_record_start(struct audit_record *record, int status);
void audit_record_complete(struct audit_record *record, int status);

/*
 * body.c: bytes of a body, in whatever format, as the compact JSON of one line. NULL when they cannot be
 * read.
 */
ProtobufCBinaryData audit_body_to_json(
    struct arena *arena, enum media media, const void *data, size_t size, bool omit_managed_fields);

#endif
