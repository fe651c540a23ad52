#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cube/command.h"
#include "cube/image.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static int remove_images(const struct cluster *cluster, const char **names, size_t len)
{
	struct error err = ERROR_INIT;
	int rc = 0;

	for (size_t i = 0; i < len; i++) {
		err = ERROR_INIT;
		if (image_remove(cluster, names[i], &err) < 0)
			rc = command_fail(&err);
	}
	return rc;
}

static int load_images(const struct cluster *cluster, const char **files, size_t len)
{
	struct error err = ERROR_INIT;
	int rc = 0;

	for (size_t i = 0; i < len; i++) {
		char *names = NULL;

		err = ERROR_INIT;
		if (image_load(cluster, files[i], &names, &err) < 0)
			rc = command_fail(&err);
		else
			fputs(names, stdout);
	}
	return rc;
}

int cmd_image(int argc, char **argv)
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, **args;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir), FLAG_END};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct cluster cluster;
	size_t len;
	int rc = command_parse("image", flags, argc, argv, &args, &len, NULL);

	if (rc)
		return rc < 0 ? EXIT_USAGE : 0;
	if (len >= 1 && command_open(arena, data_dir, true, &cluster) != 0)
		return 1;
	if (len >= 2 && str_eq(args[0], "load")) {
		rc = load_images(&cluster, args + 1, len - 1);
	} else if (len == 1 && (str_eq(args[0], "ls") || str_eq(args[0], "list"))) {
		char *text = NULL;

		rc = image_list(&cluster, &text, &err) < 0 ? command_fail(&err) : (fputs(text, stdout), 0);
	} else if (len >= 2 && str_eq(args[0], "rm")) {
		rc = remove_images(&cluster, args + 1, len - 1);
	} else {
		fprintf(stderr, "cube image: say `load FILE...`, `ls` or `rm NAME...`\n");
		rc = EXIT_USAGE;
	}
	arena_free(arena);
	return rc;
}
