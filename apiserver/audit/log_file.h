/*
 * log_file: lines in a file that is followed by another one when it is full. The full file is renamed to
 * NAME-2006-01-02T15-04-05.000.EXT (UTC), and old ones are removed by age and number: the names and rules of
 * upstream's log writer, so that what collects its files collects these. Writing blocks for as long as the
 * kernel takes.
 */
#ifndef CUBE_APISERVER_AUDIT_LOG_FILE_H
#define CUBE_APISERVER_AUDIT_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

struct clock;
struct error;
struct log_file;

struct log_file_options {
	const char *path;     /* "-": standard output, never followed by another */
	int64_t size_max;     /* bytes; 0: no limit */
	int64_t backups_max;  /* 0: no limit */
	int64_t age_max_days; /* 0: no limit */
};

/* Creates or continues the file, mode 0600; missing folders above it are an error. */
struct log_file *log_file_open(
    const struct log_file_options *options, const struct clock *clock, struct error *err);
void log_file_close(struct log_file *file);
/* One line, which ends with a newline. What could not be written whole is ended by the next line's start. */
int log_file_write(struct log_file *file, const char *line, size_t size, struct error *err);

#endif
