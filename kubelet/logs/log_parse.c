#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/logs/log_reader.h"
#include "lib/base/buf.h"

#define BLOCK 65536

bool log_line_parse(const char *line, size_t size, struct log_line *ret)
{
	const char *end = line + size, *p = memchr(line, ' ', size);
	if (!p)
		return false;
	*ret = (struct log_line){.time = line, .time_size = (size_t)(p - line)};
	p++;
	if (end - p < 7 || (memcmp(p, "stdout ", 7) != 0 && memcmp(p, "stderr ", 7) != 0))
		return false;
	ret->is_stderr = p[3] == 'e';
	p += 7;
	/* Tags: P or F, more may follow behind colons. */
	if (p >= end || (*p != 'P' && *p != 'F'))
		return false;
	ret->partial = *p == 'P';
	const char *space = memchr(p, ' ', (size_t)(end - p));
	p = space ? space + 1 : end;
	ret->text = p;
	ret->text_size = (size_t)(end - p);
	return true;
}

int64_t log_tail_offset(int fd, int64_t lines)
{
	struct stat st;
	char block[BLOCK];
	if (fstat(fd, &st) < 0 || lines < 0)
		return 0;
	int64_t at = st.st_size;
	/* The newline that ends the last line doesn't begin one. */
	int64_t left = lines + 1;
	char last;
	if (lines == 0)
		return at;
	if (at > 0 && pread(fd, &last, 1, at - 1) == 1 && last != '\n')
		left--;
	while (at > 0) {
		size_t size = at < BLOCK ? (size_t)at : BLOCK;
		at -= (int64_t)size;
		ssize_t n = pread(fd, block, size, at);
		for (ssize_t i = n - 1; i >= 0; i--)
			if (block[i] == '\n' && --left == 0)
				return at + i + 1;
	}
	return 0;
}

void log_tail_text(const char *path, int64_t lines, size_t bytes, struct buf *out)
{
	struct buf raw = BUF_INIT, text = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	int64_t at = log_tail_offset(fd, lines);
	ssize_t n;
	while ((n = pread(fd, buf_reserve(&raw, BLOCK), BLOCK, at)) > 0) {
		raw.size += (size_t)n;
		at += n;
	}
	close(fd);
	for (size_t i = 0; i < raw.size;) {
		const char *newline = memchr(raw.data + i, '\n', raw.size - i);
		size_t size = newline ? (size_t)(newline - raw.data) - i : raw.size - i;
		struct log_line line;
		if (log_line_parse(raw.data + i, size, &line)) {
			buf_append(&text, line.text, line.text_size);
			if (!line.partial)
				buf_putc(&text, '\n');
		}
		i += size + 1;
	}
	if (text.size > bytes)
		buf_append(out, text.data + text.size - bytes, bytes);
	else
		buf_append(out, buf_str(&text), text.size);
	buf_done(&raw);
	buf_done(&text);
}
