/* The limit of requests in flight, with --enable-priority-and-fairness=false; otherwise flowcontrol/ decides.
 */
#include "apiserver/deadline.h"
#include "apiserver/options.h"
#include "apiserver/pipeline.h"

int api_limit_in_flight(struct api_request *req, struct error *err)
{
	const struct api_options *options = req->server->options;
	int64_t max = options->max_requests_inflight + options->max_mutating_requests_inflight;
	if (max <= 0 || api_is_long_running(req) || user_in_group(&req->user, GROUP_MASTERS))
		return API_NEXT;
	if (req->server->requests_running <= (size_t)max + req->server->streams_running)
		return API_NEXT;
	err->retry_after_s = 1;
	return error_set(err, ERR_TOO_MANY_REQUESTS, "Too many requests, please try again later.");
}
