#include "apiserver/audit/log_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"

#define DAY_NS (INT64_C(24) * 3600 * 1000000000)

static char folder[] = "/tmp/cube-log-file-test-XXXXXX";
static char path[100];
static struct clock_fake now;

static int make_folder(void **state)
{
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	snprintf(path, sizeof path, "%s/audit.log", mkdtemp(folder));
	clock_fake_init(&now, INT64_C(1136214245123) * 1000000); /* 2006-01-02T15:04:05.123Z */
	return 0;
}

static int remove_folder(void **state)
{
	char command[100];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static struct log_file *open_log(int64_t size_max, int64_t backups_max, int64_t age_max_days)
{
	const struct log_file_options options = {path, size_max, backups_max, age_max_days};
	struct error err = ERROR_INIT;
	struct log_file *file = log_file_open(&options, &now.clock, &err);
	if (!file)
		fail_msg("%s", err.message);
	return file;
}

static void write_line(struct log_file *file, const char *line)
{
	struct error err = ERROR_INIT;
	if (log_file_write(file, line, strlen(line), &err))
		fail_msg("%s", err.message);
}

static void assert_content(const char *name, const char *wanted)
{
	char text[200], at[200];
	snprintf(at, sizeof at, "%s/%s", folder, name);
	FILE *f = fopen(at, "re");
	if (!f)
		fail_msg("%s is missing", name);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, wanted);
}

static size_t count_files(void)
{
	size_t n = 0;
	DIR *d = opendir(folder);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void test_full_file_is_followed(void **state)
{
	struct log_file *file = open_log(10, 0, 0);
	write_line(file, "first\n");
	write_line(file, "2nd\n"); /* fits */
	write_line(file, "third\n");
	write_line(file, "longer than the limit\n"); /* at the same moment: a name of its own */
	assert_content("audit-2006-01-02T15-04-05.123.log", "first\n2nd\n");
	assert_content("audit-2006-01-02T15-04-05.124.log", "third\n");
	assert_content("audit.log", "longer than the limit\n");
	log_file_close(file);
	file = open_log(100, 0, 0); /* goes on with what is there */
	write_line(file, "more\n");
	assert_content("audit.log", "longer than the limit\nmore\n");
	log_file_close(file);
}

static void test_old_files_go(void **state)
{
	char other[120];
	struct log_file *file = open_log(5, 2, 0);
	snprintf(other, sizeof other, "%s/audit-notes.log", folder);
	close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (int i = 0; i < 6; i++) {
		write_line(file, "line\n");
		clock_fake_advance(&now, DAY_NS);
	}
	assert_int_equal(count_files(), 4); /* the log, two before it, and what is not its own */
	assert_content("audit-2006-01-06T15-04-05.123.log", "line\n");
	assert_content("audit-2006-01-07T15-04-05.123.log", "line\n");
	log_file_close(file);
	file = open_log(5, 0, 1);
	clock_fake_advance(&now, DAY_NS / 2);
	write_line(file, "line\n"); /* 8.5 days on: only the file just ended is young enough */
	assert_int_equal(count_files(), 3);
	log_file_close(file);
}

static void test_what_cannot_be_opened(void **state)
{
	struct error err = ERROR_INIT;
	struct log_file_options options = {.path = "/nonexistent/audit.log"};
	assert_null(log_file_open(&options, &now.clock, &err));
	assert_string_equal(
	    err.message, "cannot open the audit log /nonexistent/audit.log: No such file or directory");
	error_clear(&err);
	options.path = "/";
	assert_null(log_file_open(&options, &now.clock, &err));
	assert_string_equal(err.message, "cannot open the audit log /: Is a directory");
}

static void test_full_disk(void **state)
{
	struct error err = ERROR_INIT;
	const struct log_file_options options = {.path = "/dev/full"};
	struct log_file *file = log_file_open(&options, &now.clock, &err);
	assert_non_null(file);
	assert_int_equal(log_file_write(file, "line\n", 5, &err), -1);
	assert_string_equal(err.message, "cannot write the audit log /dev/full: No space left on device");
	log_file_close(file);
}

/* A part of a line that was written before the disk was full is ended before the next line. */
static void test_torn_line(void **state)
{
	struct error err = ERROR_INIT;
	struct rlimit before, small = {7, RLIM_INFINITY};
	struct log_file *file = open_log(0, 0, 0);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(log_file_write(file, "0123456789\n", 11, &err), -1);
	setrlimit(RLIMIT_FSIZE, &before);
	write_line(file, "next\n");
	assert_content("audit.log", "0123456\nnext\n");
	log_file_close(file);
}

int main(void)
{
#define WITH_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {WITH_FOLDER(test_full_file_is_followed),
	    WITH_FOLDER(test_old_files_go), cmocka_unit_test(test_what_cannot_be_opened),
	    cmocka_unit_test(test_full_disk), WITH_FOLDER(test_torn_line)};
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
