#include "cube/image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/files.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#define CTR(c, ret_output, err, ...)                                                                         \
	run((c)->arena, (ret_output), (err), "nsenter",                                                      \
	    arena_printf((c)->arena, "--mount=%s", cluster_path((c), "run/mntns")), "--", "ctr", "-a",       \
	    cluster_path((c), "containerd/containerd.sock"), "-n", "k8s.io", __VA_ARGS__, NULL)

static int ctr_failed(const char *what, const char *output, struct error *err)
{
	int len = output ? (int)strcspn(output, "\n") : 0;

	return error_set(err, ERR_IO, "%s: %.*s%s", what, len, output ? output : "",
	    output && strstr(output, "connection refused") ? " (is the cluster started?)" : "");
}

int image_load(const struct cluster *c, const char *file, char **ret_names, struct error *err)
{
	struct buf names = BUF_INIT;
	char *output = NULL, *save = NULL, *path = realpath(file, NULL);
	const char *absolute;

	if (!path)
		return error_set(err, ERR_NOT_FOUND, "%s: no such file", file);
	absolute = arena_strdup(c->arena, path);
	free(path);
	/* Over an older image of the same name containerd may clean a snapshot up that the new one needs:
	 * once more helps. */
	if (CTR(c, &output, err, "images", "import", "--snapshotter", c->snapshotter, absolute) != 0 &&
	    CTR(c, &output, err, "images", "import", "--snapshotter", c->snapshotter, absolute) != 0)
		return ctr_failed(file, output, err);
	for (char *line = strtok_r(output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (str_has_prefix(line, "unpacking "))
			buf_printf(&names, "%.*s\n", (int)strcspn(line + 10, " "), line + 10);
	}
	*ret_names = arena_strdup(c->arena, buf_str(&names));
	buf_done(&names);
	return 0;
}

int image_remove(const struct cluster *c, const char *name, struct error *err)
{
	const char *full = image_full_name(c->arena, name);
	char *output = NULL;

	if (CTR(c, &output, err, "images", "list", "-q", arena_printf(c->arena, "name==%s", full)) != 0)
		return ctr_failed(name, output, err);
	if (str_empty(output))
		return error_set(
		    err, ERR_NOT_FOUND, "image %s is not on this node (`cube image ls` lists them)", full);
	if (CTR(c, &output, err, "images", "rm", full) != 0)
		return ctr_failed(name, output, err);
	return 0;
}

int image_list(const struct cluster *c, char **ret_text, struct error *err)
{
	struct buf text = BUF_INIT;
	char *output = NULL, *save = NULL;

	if (CTR(c, &output, err, "images", "list") != 0)
		return ctr_failed("image ls", output, err);
	buf_printf(&text, "%-56s %-12s %s\n", "IMAGE", "SIZE", "DIGEST");
	for (char *line = strtok_r(output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *fields[6] = {NULL}, *inner = NULL;
		size_t n = 0;

		for (char *f = strtok_r(line, " \t", &inner); f && n < 6; f = strtok_r(NULL, " \t", &inner))
			fields[n++] = f;
		/* REF TYPE DIGEST SIZE UNIT PLATFORMS; references by bare digest are containerd's own
		 * book-keeping */
		if (n < 5 || str_eq(fields[0], "REF") || str_has_prefix(fields[0], "sha256:"))
			continue;
		buf_printf(&text, "%-56s %s %-*s %.19s\n", fields[0], fields[3],
		    (int)(11 - strlen(fields[3])), fields[4], fields[2]);
	}
	*ret_text = arena_strdup(c->arena, buf_str(&text));
	buf_done(&text);
	return 0;
}

const char *image_full_name(struct arena *arena, const char *name)
{
	const char *slash = strchr(name, '/'), *last = strrchr(name, '/'), *rest = last ? last + 1 : name;
	size_t host_len = slash ? (size_t)(slash - name) : 0;
	bool has_host = slash && (memchr(name, '.', host_len) || memchr(name, ':', host_len) ||
				     strncmp(name, "localhost/", 10) == 0);
	const char *tag = strchr(rest, ':') || strchr(rest, '@') ? "" : ":latest";

	if (has_host)
		return arena_printf(arena, "%s%s", name, tag);
	return arena_printf(arena, "docker.io/%s%s%s", slash ? "" : "library/", name, tag);
}
