/*
 * log reader: container logs in CRI's format (`<time> stdout|stderr F|P <text>`), with tail, since, limit,
 * timestamps and follow over rotation. The parser is pure; the reader reads in pieces on the loop and waits
 * by inotify.
 */
#ifndef CUBE_KUBELET_LOG_READER_H
#define CUBE_KUBELET_LOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct log_reader;
struct loop;

struct log_options {
	bool follow, timestamps;
	int64_t tail_lines;  /* < 0: all */
	int64_t limit_bytes; /* <= 0: none */
	int64_t since_ns;    /* 0: none */
	const char *stream;  /* NULL or "All", "Stdout", "Stderr" */
};

struct log_line {
	const char *time; /* RFC 3339 with nanoseconds */
	size_t time_size;
	bool is_stderr, partial;
	const char *text;
	size_t text_size;
};
/* One line without its newline. False when it isn't CRI's format. */
bool log_line_parse(const char *line, size_t size, struct log_line *ret);
/* Where the last n lines of a file begin. */
int64_t log_tail_offset(int fd, int64_t lines);

/*
 * is_running tells whether a follower should go on waiting at the end of the file. on_data receives text; its
 * answer false pauses until log_reader_resume(). on_end fires once.
 */
struct log_reader_callbacks {
	bool (*on_data)(void *arg, const char *data, size_t size);
	void (*on_end)(void *arg, const struct error *err);
	bool (*is_running)(void *arg);
};
struct log_reader *log_reader_open(struct loop *loop, const char *path, const struct log_options *options,
    const struct log_reader_callbacks *callbacks, void *arg, struct error *err);
void log_reader_resume(struct log_reader *reader);
void log_reader_close(struct log_reader *reader);

/* The last bytes of a log as plain text, for terminationMessagePolicy FallbackToLogsOnError. */
void log_tail_text(const char *path, int64_t lines, size_t bytes, struct buf *out);

/* Rotates logs larger than max_size: file -> file.<stamp>, keeps max_files. Blocking; true when the runtime
 * must reopen. */
bool log_rotate(const char *path, int64_t max_size, int64_t max_files, int64_t now_s);

#endif
