#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kubelet/logs/log_reader.h"
#include "lib/base/str.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The oldest rotated files beyond the wanted number go; names sort by time. */
static void remove_oldest(const char *path, int64_t keep)
{
	char dir[4096], *names[256];
	size_t len = 0;
	snprintf(dir, sizeof dir, "%s", path);
	char *base = strrchr(dir, '/');
	if (!base)
		return;
	*base++ = 0;
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = strlen(base);
	while (d && (e = readdir(d)) && len < 256)
		if (strncmp(e->d_name, base, n) == 0 && e->d_name[n] == '.')
			names[len++] = strdup(e->d_name);
	if (d)
		closedir(d);
	qsort(names, len, sizeof *names, by_name);
	for (size_t i = 0; i < len; i++) {
		char old[4096];
		if ((int64_t)(len - i) > keep &&
		    snprintf(old, sizeof old, "%s/%s", dir, names[i]) < (int)sizeof old)
			unlink(old);
		free(names[i]);
	}
}

bool log_rotate(const char *path, int64_t max_size, int64_t max_files, int64_t now_s)
{
	struct stat st;
	struct tm tm;
	char stamp[32], rotated[4096];
	time_t now = (time_t)now_s;
	if (stat(path, &st) < 0 || st.st_size < max_size)
		return false;
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	if (snprintf(rotated, sizeof rotated, "%s.%s", path, stamp) >= (int)sizeof rotated ||
	    rename(path, rotated) < 0)
		return false;
	remove_oldest(path, max_files - 1);
	return true;
}
