/* test_files: reading the vectors of proto/testdata from the tests of this folder. */
#ifndef CUBE_API_TEST_FILES_H
#define CUBE_API_TEST_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"

#define VECTORS "../../proto/testdata/vectors/"

/* Whole file as text, NUL-terminated, in the arena; NULL when it cannot be read. */
static inline char *test_read_file(
    struct arena *arena, const char *name, const char *extension, size_t *ret_size)
{
	char *path = arena_printf(arena, VECTORS "%s%s", name, extension);
	FILE *f = fopen(path, "rbe");
	struct buf b = BUF_INIT;
	char *data;
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(buf_reserve(&b, 65536), 1, 65536, f)) > 0)
		b.size += n;
	fclose(f);
	buf_append(&b, "", 0);
	data = arena_memdup(arena, b.data, b.size + 1);
	*ret_size = b.size;
	buf_done(&b);
	return data;
}

/* The names of all vectors, without extension. */
static inline char **test_list_vectors(struct arena *arena, size_t *ret_len)
{
	char **names = arena_calloc(arena, 1000, sizeof(char *));
	DIR *dir = opendir(VECTORS);
	struct dirent *entry;

	*ret_len = 0;
	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0)
			names[(*ret_len)++] = arena_strndup(arena, entry->d_name, len - 5);
	}
	if (dir)
		closedir(dir);
	return names;
}

#endif
