#include "kubelet/tests/bench.h"

#include <fcntl.h>
#include <unistd.h>

#include "kubelet/files.h"
#include "kubelet/logs/log_reader.h"
#include "lib/base/buf.h"
#include "lib/loop/loop.h"

#define T "2024-01-02T03:04:0"
static const char text[] = T "1.000000000Z stdout F one\n" T "2.000000000Z stderr F two\n" T
			     "3.000000000Z stdout P thr\n" T "3.500000000Z stdout F ee\n";

static void lines(void **state)
{
	struct log_line line;
	assert_true(log_line_parse("2024-01-02T03:04:05Z stdout P x y", 32, &line));
	assert_true(line.partial);
	assert_false(line.is_stderr);
	assert_int_equal(line.text_size, 2);
	assert_true(log_line_parse("t stderr F ", 11, &line));
	assert_int_equal(line.text_size, 0);
	assert_false(log_line_parse("hello", 5, &line));
	assert_false(log_line_parse("", 0, &line));
}

struct follower {
	struct loop *loop;
	struct buf out;
	bool running;
};

static bool on_data(void *arg, const char *data, size_t size)
{
	struct follower *f = arg;
	buf_append(&f->out, data, size);
	return true;
}

static void on_end(void *arg, const struct error *err)
{
	struct follower *f = arg;
	loop_stop(f->loop);
}

static bool is_running(void *arg)
{
	return ((struct follower *)arg)->running;
}

static const char *read_log(const char *path, struct log_options options, struct follower *f)
{
	static const struct log_reader_callbacks callbacks = {on_data, on_end, is_running};
	struct error err = ERROR_INIT;
	buf_reset(&f->out);
	f->loop = loop_new(NULL);
	struct log_reader *r = log_reader_open(f->loop, path, &options, &callbacks, f, &err);
	assert_non_null(r);
	loop_run(f->loop);
	log_reader_close(r);
	loop_free(f->loop);
	return buf_str(&f->out);
}

static void options(void **state)
{
	char path[] = "/tmp/cube-log-XXXXXX";
	struct follower f = {0};
	int fd = mkstemp(path);
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	assert_string_equal(read_log(path, (struct log_options){.tail_lines = -1}, &f), "one\ntwo\nthree\n");
	assert_string_equal(read_log(path, (struct log_options){.tail_lines = 3}, &f), "two\nthree\n");
	assert_string_equal(read_log(path, (struct log_options){.tail_lines = 0}, &f), "");
	assert_string_equal(
	    read_log(path, (struct log_options){.tail_lines = -1, .limit_bytes = 5}, &f), "one\nt");
	assert_string_equal(
	    read_log(path, (struct log_options){.tail_lines = -1, .stream = "Stderr"}, &f), "two\n");
	assert_string_equal(
	    read_log(path,
		(struct log_options){.tail_lines = -1, .timestamps = true, .since_ns = 1704164643000000000},
		&f),
	    T "3.000000000Z three\n");
	/* A follower of a container that has ended gets the rest and ends. */
	assert_string_equal(
	    read_log(path, (struct log_options){.tail_lines = 1, .follow = true}, &f), "ee\n");
	struct buf tail = BUF_INIT;
	log_tail_text(path, 2, 4, &tail);
	assert_string_equal(buf_str(&tail), "ree\n");
	buf_done(&tail);
	buf_done(&f.out);
	close(fd);
	unlink(path);
}

static void rotation(void **state)
{
	char dir[] = "/tmp/cube-logs-XXXXXX", path[64];
	struct error err = ERROR_INIT;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/0.log", dir);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(files_write(path, text, sizeof text, 0644, &err), 0);
		assert_true(log_rotate(path, 10, 3, 1700000000 + i));
	}
	assert_false(log_rotate(path, 10, 3, 1700000100));
	int rotated = 0;
	for (int i = 0; i < 5; i++) {
		char old[128];
		snprintf(old, sizeof old, "%s.20231114-22132%d", path, i);
		rotated += access(old, F_OK) == 0;
	}
	assert_int_equal(rotated, 2); /* and the current one: three */
	files_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines), cmocka_unit_test(options), cmocka_unit_test(rotation)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
