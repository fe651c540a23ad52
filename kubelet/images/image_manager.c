#include "kubelet/images/image_manager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/images/pull_secrets.h"
#include "kubelet/references.h"
#include "kubelet/runtime/convert.h"
#include "kubelet/runtime/runtime.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/events.h"
#include "lib/loop/loop.h"

#define STATUS_TIMEOUT_MS 30000
#define PULL_TIMEOUT_MS (30 * 60 * 1000)
/* ErrImagePull is shown for a moment before it becomes ImagePullBackOff. */
#define SHOW_ERROR_MS 2000

struct image_manager {
	const struct kubelet_config *config;
	struct loop *loop;
	struct runtime *rt;
	struct event_recorder *events;
	struct references *references;
	struct image_pull *pulls; /* all that are under way */
	struct image_pull *turn;  /* whose pull holds the line, when pulls go one by one */
};

struct image_pull {
	struct image_manager *im;
	struct image_pull *next;
	struct arena *arena;
	const struct object *pod;
	char *image, *policy, *field_path;
	struct backoff *backoff;
	struct runtime_call *call;
	size_t attempts; /* pulls sent: each has the next of the pod's credentials */
	bool deferred, cancelled, pulled, waiting;
	int64_t begin_ms, pull_ms;
	struct image_result result;
	image_done *done;
	void *arg;
};

static int64_t wall_ms(const struct image_manager *im)
{
	return clock_wall_ns(loop_clock(im->loop)) / 1000000;
}

static void record(struct image_pull *p, bool is_warning, const char *reason, const char *message)
{
	if (p->im->events)
		event_record_at(p->im->events, NULL, p->pod, p->field_path, is_warning, reason, message);
}

static void start_pull(struct image_pull *p);

static void unlink_pull(struct image_pull *p)
{
	struct image_manager *im = p->im;
	for (struct image_pull **at = &im->pulls; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	if (im->turn != p)
		return;
	im->turn = NULL;
	/* The list has the newest in front: the oldest waiting one is next. */
	struct image_pull *oldest = NULL;
	for (struct image_pull *q = im->pulls; q; q = q->next)
		if (q->waiting)
			oldest = q;
	if (oldest)
		start_pull(oldest);
}

static void pull_free(struct image_pull *p)
{
	unlink_pull(p);
	object_unref(p->pod);
	arena_free(p->arena);
	free(p);
}

static void finish(void *arg)
{
	struct image_pull *p = arg;
	if (!p->cancelled)
		p->done(p->arg, &p->result);
	pull_free(p);
}

static void finish_soon(struct image_pull *p)
{
	p->deferred = true;
	loop_defer(p->im->loop, finish, p);
}

static void fail(struct image_pull *p, const char *reason, const char *message, int64_t retry_at_ms)
{
	p->result.reason = reason;
	p->result.message = arena_strdup(p->arena, message);
	p->result.retry_at_ms = retry_at_ms;
}

static void succeed(struct image_pull *p, const CriV1__Image *image)
{
	p->result.image_ref = arena_strdup(p->arena, image->id);
	p->result.has_user = image->uid != NULL;
	p->result.uid = image->uid ? image->uid->value : 0;
	p->result.username = arena_strdup(p->arena, str_or(image->username, ""));
	*p->backoff = (struct backoff){0};
}

static void ask_status(struct image_pull *p);

static bool send_next_pull(struct image_pull *p);

static void on_pulled(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct image_pull *p = arg;
	int64_t now = wall_ms(p->im);
	p->call = NULL;
	if (err && send_next_pull(p))
		return;
	if (err) {
		backoff_next(p->backoff, p->backoff->updated_ms, now, BACKOFF_MAX_MS);
		const char *text =
		    arena_printf(p->arena, "failed to pull image \"%s\": %s", p->image, err->message);
		record(p, true, "Failed",
		    arena_printf(p->arena, "Failed to pull image \"%s\": %s", p->image, err->message));
		record(p, true, "Failed", "Error: ErrImagePull");
		fail(p, "ErrImagePull", text, now + SHOW_ERROR_MS);
		finish(p);
		return;
	}
	p->pulled = true;
	ask_status(p);
}

/* The first without credentials when the pod has none for the registry. False: all have been tried. */
static bool send_next_pull(struct image_pull *p)
{
	CriV1__PullImageRequest request = CRI_V1__PULL_IMAGE_REQUEST__INIT;
	CriV1__ImageSpec spec = CRI_V1__IMAGE_SPEC__INIT;
	spec.image = p->image;
	request.image = &spec;
	request.auth = pull_secret_for(p->arena, p->im->references, p->pod, p->image, p->attempts);
	if (!request.auth && p->attempts > 0)
		return false;
	p->attempts++;
	p->call = runtime_call(p->im->rt, RUNTIME_PULL_IMAGE, &request, PULL_TIMEOUT_MS, on_pulled, p);
	return true;
}

static void start_pull(struct image_pull *p)
{
	struct image_manager *im = p->im;
	if (im->config->serialize_image_pulls) {
		if (im->turn && im->turn != p) {
			p->waiting = true;
			return;
		}
		im->turn = p;
	}
	p->waiting = false;
	p->pull_ms = wall_ms(im);
	send_next_pull(p);
}

static void begin_pull(struct image_pull *p)
{
	int64_t now = wall_ms(p->im), until;
	if (backoff_active_since_update(p->backoff, now, &until)) {
		const char *text = arena_printf(p->arena, "Back-off pulling image \"%s\"", p->image);
		record(p, false, "BackOff", text);
		record(p, true, "Failed", "Error: ImagePullBackOff");
		fail(p, "ImagePullBackOff", text, until);
		finish(p);
		return;
	}
	const char *missing = pull_secrets_missing(p->arena, p->im->references, p->pod);
	if (missing && p->im->events)
		event_record_at(p->im->events, NULL, p->pod, NULL, true, "FailedToRetrieveImagePullSecret",
		    arena_printf(p->arena,
			"Unable to retrieve some image pull secrets (%s); attempting to pull the image may "
			"not succeed.",
			missing));
	record(p, false, "Pulling", arena_printf(p->arena, "Pulling image \"%s\"", p->image));
	start_pull(p);
}

static void tell_success(struct image_pull *p, const CriV1__Image *image)
{
	if (!p->pulled) {
		record(p, false, "Pulled",
		    arena_printf(p->arena, "Container image \"%s\" already present on machine", p->image));
		return;
	}
	int64_t now = wall_ms(p->im);
	record(p, false, "Pulled",
	    arena_printf(p->arena,
		"Successfully pulled image \"%s\" in %.3gs (%.3gs including waiting). Image size: %llu "
		"bytes.",
		p->image, (double)(now - p->pull_ms) / 1000, (double)(now - p->begin_ms) / 1000,
		(unsigned long long)image->size));
}

static void on_status(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct image_pull *p = arg;
	p->call = NULL;
	const CriV1__Image *image = response ? ((const CriV1__ImageStatusResponse *)response)->image : NULL;
	if (err) {
		const char *text =
		    arena_printf(p->arena, "Failed to inspect image \"%s\": %s", p->image, err->message);
		record(p, true, "InspectFailed", text);
		fail(p, "ImageInspectError", text, wall_ms(p->im) + 10000);
	} else if (image && (p->pulled || !str_eq(p->policy, "Always"))) {
		tell_success(p, image);
		succeed(p, image);
	} else if (str_eq(p->policy, "Never")) {
		const char *text = arena_printf(
		    p->arena, "Container image \"%s\" is not present with pull policy of Never", p->image);
		record(p, true, "ErrImageNeverPull", text);
		record(p, true, "Failed", "Error: ErrImageNeverPull");
		fail(p, "ErrImageNeverPull", text, wall_ms(p->im) + 10000);
	} else if (p->pulled) {
		fail(p, "ImageInspectError", "the image is not there after it was pulled",
		    wall_ms(p->im) + 10000);
	} else {
		begin_pull(p);
		return;
	}
	finish(p);
}

static void ask_status(struct image_pull *p)
{
	CriV1__ImageStatusRequest request = CRI_V1__IMAGE_STATUS_REQUEST__INIT;
	CriV1__ImageSpec spec = CRI_V1__IMAGE_SPEC__INIT;
	spec.image = p->image;
	request.image = &spec;
	p->call = runtime_call(p->im->rt, RUNTIME_IMAGE_STATUS, &request, STATUS_TIMEOUT_MS, on_status, p);
}

static bool has_tag(const char *image)
{
	const char *slash = strrchr(image, '/');
	return strchr(slash ? slash : image, ':') || strchr(image, '@');
}

static const char *field_path_of(struct arena *arena, const struct object *pod, const CoreV1__Container *c)
{
	const CoreV1__PodSpec *spec = pod_of(pod)->spec;
	const char *list = "ephemeralContainers";
	for (size_t i = 0; i < spec->n_containers; i++)
		if (str_eq(spec->containers[i]->name, c->name))
			list = "containers";
	for (size_t i = 0; i < spec->n_init_containers; i++)
		if (str_eq(spec->init_containers[i]->name, c->name))
			list = "initContainers";
	return arena_printf(arena, "spec.%s{%s}", list, c->name);
}

struct image_pull *image_manager_ensure(struct image_manager *im, const struct object *pod,
    const CoreV1__Container *c, struct backoff *backoff, image_done *done, void *arg)
{
	struct image_pull *p = calloc(1, sizeof *p);
	*p = (struct image_pull){.im = im,
	    .next = im->pulls,
	    .arena = arena_new(),
	    .pod = object_ref(pod),
	    .backoff = backoff,
	    .done = done,
	    .arg = arg,
	    .begin_ms = wall_ms(im)};
	im->pulls = p;
	p->policy = arena_strdup(p->arena, str_or(c->image_pull_policy, "IfNotPresent"));
	p->field_path = arena_strdup(p->arena, field_path_of(p->arena, pod, c));
	p->image = has_tag(c->image) ? arena_strdup(p->arena, c->image)
				     : arena_printf(p->arena, "%s:latest", c->image);
	if (!image_name_is_valid(c->image)) {
		const char *text = arena_printf(
		    p->arena, "Failed to apply default image tag \"%s\": it is no image reference", c->image);
		record(p, true, "InspectFailed", text);
		record(p, true, "Failed", "Error: InvalidImageName");
		fail(p, "InvalidImageName", text, wall_ms(im) + 10000);
		finish_soon(p);
		return p;
	}
	p->image = has_tag(c->image) ? p->image : arena_strdup(p->arena, p->image);
	ask_status(p);
	return p;
}

void image_pull_cancel(struct image_pull *p)
{
	if (!p)
		return;
	p->cancelled = true;
	if (p->deferred)
		return;
	runtime_cancel(p->im->rt, p->call);
	pull_free(p);
}

struct image_manager *image_manager_new(const struct kubelet_config *config, struct loop *loop,
    struct runtime *rt, struct event_recorder *events, struct references *references)
{
	struct image_manager *im = calloc(1, sizeof *im);
	*im = (struct image_manager){
	    .config = config, .loop = loop, .rt = rt, .events = events, .references = references};
	return im;
}

void image_manager_free(struct image_manager *im)
{
	if (!im)
		return;
	while (im->pulls) {
		im->turn = NULL;
		runtime_cancel(im->rt, im->pulls->call);
		pull_free(im->pulls);
	}
	free(im);
}
