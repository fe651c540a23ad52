/* files: whole files in and out, directories made and removed; the launcher's blocking helpers. */
#ifndef CUBE_CUBE_FILES_H
#define CUBE_CUBE_FILES_H

#include <stddef.h>
#include <sys/types.h>

struct arena;
struct error;

int file_read(struct arena *arena, const char *path, char **ret_text, size_t *ret_size, struct error *err);
/* Atomically: a temporary file beside it, then rename. */
int file_write(const char *path, const void *data, size_t size, mode_t mode, struct error *err);
int directory_make(const char *path, mode_t mode, struct error *err); /* with its parents */
/* Removes a tree, not following links and not leaving its file system; a missing one is success. */
int tree_remove(const char *path, struct error *err);
/* Runs a program and waits. output (arena) may be NULL. Returns its exit status, or -1 with *err set. */
int run(struct arena *arena, char **ret_output, struct error *err, const char *program, ...)
    __attribute__((sentinel));
const char *find_program(
    struct arena *arena, const char *name); /* in PATH and the sbin folders; NULL when missing */

#endif
