/* The server in this process, `openssl s_client` as the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/http/server.h"
#include "lib/loop/loop.h"

static struct loop *loop;
static struct http_server *server;
static char directory[] = "/tmp/http-tls-test-XXXXXX";
static char text[64 * 1024];

static void handle(void *arg, struct http_server_request *request)
{
	http_respond(request, 200, "text/plain", NULL, "ok", 2);
}

/* Runs the command in the directory while the loop turns; what it prints is in `text`. */
static void shell(const char *fmt, int arg)
{
	char command[1024], path[64];
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		snprintf(command, sizeof command, fmt, arg);
		if (chdir(directory) || !freopen("out", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		loop_poll(loop);
		usleep(1000);
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	snprintf(path, sizeof path, "%s/out", directory);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
}

static void make_pair(int n)
{
	shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout next.key -out "
	      "next.crt "
	      "-subj /CN=number%d -days 2 && mv next.crt tls.crt && mv next.key tls.key",
	    n);
}

static bool shows(const char *part)
{
	shell("openssl s_client -connect 127.0.0.1:%d </dev/null", http_server_port(server));
	return strstr(text, part) != NULL;
}

static void wait_for(const char *part)
{
	for (int tries = 0; !shows(part); tries++)
		assert_in_range(tries, 0, 300);
}

static void test_files_are_followed(void **state)
{
	wait_for("subject=CN = number1");
	assert_true(shows("Acceptable client certificate CA names\nCN = number1"));
	make_pair(2);
	wait_for("subject=CN = number2");
	shell("cp tls.crt ca.crt", 0);
	wait_for("Acceptable client certificate CA names\nCN = number2");
	assert_true(shows("subject=CN = number2"));
}

static void test_what_cannot_be_used_changes_nothing(void **state)
{
	make_pair(3);
	wait_for("subject=CN = number3");
	shell("cp tls.crt good.crt && echo broken >tls.crt", 0);
	for (int i = 0; i < 20; i++) {
		shell("sleep 0.01", 0);
		assert_true(shows("subject=CN = number3"));
	}
	shell("rm tls.key", 0);
	assert_true(shows("subject=CN = number3"));
	make_pair(4);
	wait_for("subject=CN = number4");
}

static int setup(void **state)
{
	char cert[64], key[64], ca[64];
	struct error err = ERROR_INIT;
	assert_non_null(mkdtemp(directory));
	loop = loop_new(NULL);
	make_pair(1);
	shell("cp tls.crt ca.crt", 0);
	snprintf(cert, sizeof cert, "%s/tls.crt", directory);
	snprintf(key, sizeof key, "%s/tls.key", directory);
	snprintf(ca, sizeof ca, "%s/ca.crt", directory);
	struct http_server_options options = {
	    .address = "127.0.0.1", .cert_file = cert, .key_file = key, .client_ca_file = ca, .reload_ms = 5};
	server = http_server_new(loop, &options, handle, NULL, &err);
	assert_non_null(server);
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	http_server_free(server);
	for (int i = 0; i < 50; i++)
		loop_poll(loop);
	loop_free(loop);
	snprintf(command, sizeof command, "rm -r %s", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files_are_followed),
	    cmocka_unit_test(test_what_cannot_be_used_changes_nothing),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
