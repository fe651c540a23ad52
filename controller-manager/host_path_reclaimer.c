#include "controller-manager/host_path_reclaimer.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller-manager/shared/volumes.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/daemon.h"
#include "lib/client/events.h"
#include "lib/client/informer.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

struct host_path_reclaimer {
	struct daemon *daemon;
	char *dir;
	struct strmap *under_way; /* uids */
};

struct job {
	struct host_path_reclaimer *reclaimer;
	const struct object *volume;
	char *path;
	int problem; /* errno */
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* On the thread pool. Links are removed, not followed, and other file systems are not entered. */
static void remove_folder(void *arg)
{
	struct job *job = arg;

	if (access(job->path, F_OK) == 0 &&
	    nftw(job->path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0)
		job->problem = errno;
}

static void on_deleted(void *arg, const struct rest_result *result)
{
	struct job *job = arg;

	if (result->error && !error_is(result->error, ERR_NOT_FOUND))
		log_warning("delete volume %s: %s", object_name(job->volume), result->error->message);
	strmap_remove(job->reclaimer->under_way, object_uid(job->volume));
	object_unref(job->volume);
	free(job->path);
	free(job);
}

static void on_removed(void *arg)
{
	struct job *job = arg;

	if (job->problem)
		event_record(job->reclaimer->daemon->events, job->volume, true, "VolumeFailedDelete",
		    "remove %s: %s", job->path, strerror(job->problem));
	if (job->problem) { /* the volume stays, and is tried again at its next change or our next start */
		strmap_remove(job->reclaimer->under_way, object_uid(job->volume));
		object_unref(job->volume);
		free(job->path);
		free(job);
		return;
	}
	rest_send(job->reclaimer->daemon->client,
	    REST_REQUEST(.verb = REST_DELETE, .type = resource_persistentvolumes,
		.name = object_name(job->volume), .precondition_uid = object_uid(job->volume)),
	    on_deleted, job);
}

/* Only what lies below our folder, whatever an edited volume says. */
static bool is_ours(const struct host_path_reclaimer *r, const CoreV1__PersistentVolume *volume)
{
	const CoreV1__HostPathVolumeSource *source = volume->spec->persistent_volume_source->host_path;
	size_t len = strlen(r->dir);

	return source && strncmp(source->path, r->dir, len) == 0 && source->path[len] == '/' &&
	       source->path[len + 1] && !strchr(source->path + len + 1, '/') && !strstr(source->path, "..");
}

static void on_volume(void *arg, const struct object *old, const struct object *new_)
{
	struct host_path_reclaimer *r = arg;
	const CoreV1__PersistentVolume *volume = new_ ? volume_of(new_) : NULL;
	struct job *job;

	if (!volume || volume->metadata->deletion_timestamp || !str_eq(volume->status->phase, "Released") ||
	    !str_eq(volume->spec->persistent_volume_reclaim_policy, "Delete") ||
	    !str_eq(api_map_get(new_->meta, annotations, ANNOTATION_PROVISIONED_BY), HOST_PATH_PROVISIONER) ||
	    !is_ours(r, volume) || strmap_has(r->under_way, object_uid(new_)))
		return;
	job = calloc(1, sizeof *job);
	job->reclaimer = r;
	job->volume = object_ref(new_);
	job->path = strdup(volume->spec->persistent_volume_source->host_path->path);
	strmap_put(r->under_way, object_uid(new_), job);
	loop_work(r->daemon->loop, remove_folder, on_removed, job);
}

struct host_path_reclaimer *host_path_reclaimer_new(struct daemon *daemon, const char *dir)
{
	struct host_path_reclaimer *r;

	if (!dir)
		return NULL;
	r = calloc(1, sizeof *r);
	r->daemon = daemon;
	r->dir = strdup(dir);
	r->under_way = strmap_new();
	informer_add_handler(informer_get(daemon->informers, resource_persistentvolumes), on_volume, r);
	return r;
}

void host_path_reclaimer_free(struct host_path_reclaimer *r)
{
	if (!r)
		return;
	strmap_free(r->under_way, NULL);
	free(r->dir);
	free(r);
}
