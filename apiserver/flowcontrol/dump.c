/*
 * /debug/api_priority_and_fairness/: what is in the levels, the queues and which requests, as upstream's
 * tables: columns parted by a comma and padded to one width. Upstream pads each row's cell to its column,
 * and so does this.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "apiserver/flowcontrol/internal.h"
#include "apiserver/pipeline.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

#define COLUMNS_MAX 20

struct table {
	struct arena *arena;
	const char *(*rows)[COLUMNS_MAX];
	size_t len, capacity, columns;
};

static const char **add_row(struct table *t)
{
	if (t->len == t->capacity) {
		size_t more = t->capacity ? t->capacity * 2 : 64;
		t->rows =
		    arena_grow(t->arena, t->rows, t->capacity * sizeof(*t->rows), more * sizeof(*t->rows));
		t->capacity = more;
	}
	return t->rows[t->len++];
}

static void add_head(struct table *t, const char *const *names)
{
	const char **row = add_row(t);

	while (*names)
		row[t->columns++] = *names++;
}

static void print_table(const struct table *t, struct buf *out)
{
	size_t widths[COLUMNS_MAX] = {0};

	for (size_t i = 0; i < t->len; i++)
		for (size_t c = 0; c < t->columns; c++) {
			size_t size = strlen(t->rows[i][c]) + 2; /* comma, space */
			if (size > widths[c])
				widths[c] = size < 8 ? 8 : size;
		}
	for (size_t i = 0; i < t->len; i++) {
		for (size_t c = 0; c + 1 < t->columns; c++) {
			int pad = (int)(widths[c] - strlen(t->rows[i][c]) - 1);
			buf_printf(out, "%s,%*s", t->rows[i][c], pad, "");
		}
		buf_printf(out, "%s\n", t->rows[i][t->columns - 1]);
	}
}

#define NUMBER(t, n) arena_printf((t)->arena, "%" PRId64, (int64_t)(n))
#define SEAT_SECONDS(t, x) arena_printf((t)->arena, "%.8fss", (x))

static void dump_levels(struct flowcontrol *fc, struct table *t)
{
	static const char *const names[] = {"PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing",
	    "WaitingRequests", "ExecutingRequests", "DispatchedRequests", "RejectedRequests",
	    "TimedoutRequests", "CancelledRequests", NULL};

	add_head(t, names);
	for (const struct flow_level *l = fc->levels; l; l = l->next) {
		int queues = 0;
		for (int i = l->fair.backlog; i; i = l->fair.queues[i - 1].backlog_next)
			queues++;
		const char **row = add_row(t);
		row[0] = l->name;
		row[1] = NUMBER(t, queues);
		row[2] = fair_is_idle(&l->fair) ? "true" : "false";
		row[3] = l->is_quiescing ? "true" : "false";
		row[4] = NUMBER(t, l->fair.waiting);
		row[5] = NUMBER(t, l->fair.running);
		row[6] = NUMBER(t, l->dispatched);
		row[7] = NUMBER(t, l->rejected);
		row[8] = NUMBER(t, l->timed_out);
		row[9] = NUMBER(t, l->cancelled);
	}
}

static double work_waiting(const struct fair_queue *q)
{
	return fair_work(q->seats_waiting);
}

static void dump_queues(struct flowcontrol *fc, struct table *t)
{
	static const char *const names[] = {"PriorityLevelName", "Index", "PendingRequests",
	    "ExecutingRequests", "SeatsInUse", "NextDispatchR", "InitialSeatsSum", "MaxSeatsSum",
	    "TotalWorkSum", NULL};

	add_head(t, names);
	for (const struct flow_level *l = fc->levels; l; l = l->next) {
		for (int i = 0; i < l->fair.queues_len; i++) {
			const struct fair_queue *q = &l->fair.queues[i];
			const char **row = add_row(t);
			row[0] = l->name;
			row[1] = NUMBER(t, i);
			row[2] = NUMBER(t, q->waiting_len);
			row[3] = NUMBER(t, q->running_len);
			row[4] = NUMBER(t, q->seats_in_use);
			row[5] = SEAT_SECONDS(t, q->next_r);
			row[6] = NUMBER(t, q->seats_waiting);
			row[7] = NUMBER(t, q->seats_waiting);
			row[8] = SEAT_SECONDS(t, work_waiting(q));
		}
	}
}

/* Times of the wall from those of the monotonic clock. */
static const char *when(struct flowcontrol *fc, struct table *t, int64_t ns)
{
	if (!ns)
		return "0001-01-01T00:00:00Z";
	int64_t wall = clock_wall_ns(loop_clock(fc->server->loop)) - (flow_now_ns(fc) - ns);
	char text[40];
	time_t s = (time_t)(wall / 1000000000);
	struct tm tm;
	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return arena_printf(t->arena, "%s.%09dZ", text, (int)(wall % 1000000000));
}

static void add_request(
    struct flowcontrol *fc, struct table *t, const struct fair_request *r, int index, bool with_details)
{
	const struct flow_ticket *ticket = (const struct flow_ticket *)r;
	const struct api_request_info *info = &ticket->req->info;
	const char **row = add_row(t);

	row[0] = ticket->level->name;
	row[1] = ticket->series->schema;
	row[2] = NUMBER(t, r->queue);
	row[3] = NUMBER(t, index);
	row[4] = ticket->distinguisher;
	row[5] = when(fc, t, r->arrival_ns);
	row[6] = NUMBER(t, r->seats);
	row[7] = "0";
	row[8] = "0s";
	row[9] = when(fc, t, r->start_ns);
	if (!with_details)
		return;
	row[10] = ticket->req->user.name;
	row[11] = info->verb_text;
	row[12] = info->path;
	row[13] = info->ns;
	row[14] = info->name;
	row[15] = *info->group ? arena_printf(t->arena, "%s/%s", info->group, info->version) : info->version;
	row[16] = info->resource;
	row[17] = info->subresource;
}

static void dump_requests(struct flowcontrol *fc, struct table *t, bool with_details)
{
	static const char *const names[] = {"PriorityLevelName", "FlowSchemaName", "QueueIndex",
	    "RequestIndexInQueue", "FlowDistingsher", "ArriveTime", "InitialSeats", "FinalSeats",
	    "AdditionalLatency", "StartTime", NULL};
	static const char *const details[] = {"UserName", "Verb", "APIPath", "Namespace", "Name",
	    "APIVersion", "Resource", "SubResource", NULL};

	add_head(t, names);
	for (size_t i = 0; with_details && details[i]; i++)
		t->rows[0][t->columns++] = details[i];
	for (const struct flow_level *l = fc->levels; l; l = l->next) {
		for (const struct fair_request *r = l->fair.running_list.first; r; r = r->next)
			add_request(fc, t, r, -1, with_details);
		for (int i = l->fair.backlog; i; i = l->fair.queues[i - 1].backlog_next) {
			int index = 0;
			for (const struct fair_request *r = l->fair.queues[i - 1].waiting.first; r;
			     r = r->next)
				add_request(fc, t, r, index++, with_details);
		}
	}
}

int flowcontrol_serve_dump(struct api_request *req, struct error *err)
{
	struct flowcontrol *fc = req->server->flowcontrol;
	struct table t = {.arena = req->arena};
	struct buf out = BUF_INIT;
	const char *what = strrchr(req->info.path, '/') + 1;

	if (!fc->rules)
		return error_set(err, ERR_UNAVAILABLE, "flow control has not started");
	if (str_eq(what, "dump_priority_levels")) {
		dump_levels(fc, &t);
	} else if (str_eq(what, "dump_queues")) {
		dump_queues(fc, &t);
	} else {
		const char *details = http_request_query(req->http, "includeRequestDetails", 0);
		dump_requests(fc, &t, !str_empty(details));
	}
	print_table(&t, &out);
	api_respond_body(req, 200, "text/plain; charset=utf-8", &out);
	return API_DONE;
}
