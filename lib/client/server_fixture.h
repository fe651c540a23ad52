/*
 * server_fixture: the client against the real API server and etcd, which tests may kill. They live in a
 * private directory, once for all tests of a program; each test gets a loop and a client, and finds no
 * ConfigMaps in "default". One file of a program includes this; its main() is server_run(), and argv[1] is
 * the API server's binary: without it (or without etcd) everything is skipped.
 */
#ifndef CUBE_CLIENT_SERVER_FIXTURE_H
#define CUBE_CLIENT_SERVER_FIXTURE_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/test.h"
#include "lib/client/informer.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest.h"
#include "lib/client/test_objects.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* no program needs all of these */

#define WAIT_S 30

struct server {
	pid_t pid;
	int port;
};

static const char *binary;
static char dir[64];
static pid_t etcd;
static struct server first; /* up in every test */
static struct loop *loop;
static struct rest_client *client;

/* ---- processes ---- */

static pid_t spawn(const char *log, const char *const argv[])
{
	pid_t pid = fork();
	if (pid > 0)
		return pid;
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	if (chdir(dir) == 0)
		execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static void end(pid_t *pid, int signum)
{
	if (*pid <= 0)
		return;
	kill(*pid, signum);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static const char *file_of(const char *name)
{
	static char path[4][128];
	static int turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

/* The port behind "ready on port" in the server's log; 0 while it is not there. */
static int ready_port(const char *log)
{
	char text[8192];
	FILE *file = fopen(log, "r");
	size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	if (file)
		fclose(file);
	text[size] = '\0';
	const char *at = strstr(text, "ready on port ");
	return at ? atoi(at + strlen("ready on port ")) : 0;
}

static void start_server(struct server *server, const char *log_name, int port)
{
	char etcd_url[128], port_flag[64], cert_dir[96];
	const char *log = file_of(log_name);
	snprintf(etcd_url, sizeof(etcd_url), "--etcd-servers=unix://%s/client.sock:1", dir);
	snprintf(port_flag, sizeof(port_flag), "--secure-port=%d", port);
	snprintf(cert_dir, sizeof(cert_dir), "--cert-dir=%s", dir);
	unlink(log);
	const char *argv[] = {binary, etcd_url, port_flag, cert_dir, "--bind-address=127.0.0.1",
	    "--token-auth-file=tokens.csv", "--authorization-mode=RBAC",
	    "--service-account-issuer=https://test", "--service-account-key-file=sa.key",
	    "--service-account-signing-key-file=sa.key", "--service-cluster-ip-range=10.96.0.0/16", NULL};
	server->pid = spawn(log, argv);
	server->port = 0;
	for (int i = 0; i < WAIT_S * 100 && !(server->port = ready_port(log)); i++)
		usleep(10000);
	if (!server->port)
		fail_msg("the API server does not come up: see %s", log);
}

static void start_etcd(void)
{
	const char *argv[] = {"etcd", "--data-dir=etcd", "--listen-client-urls=unix://client.sock:1",
	    "--advertise-client-urls=http://127.0.0.1:1", "--listen-peer-urls=unix://peer.sock:1",
	    "--initial-advertise-peer-urls=http://127.0.0.1:1",
	    "--initial-cluster=default=http://127.0.0.1:1", "--log-level=error", NULL};
	unlink(file_of("client.sock:1")); /* a killed one leaves its sockets */
	unlink(file_of("peer.sock:1"));
	etcd = spawn(file_of("etcd.log"), argv);
}

static int start_all(void **state)
{
	strcpy(dir, "/tmp/cube-client-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	FILE *file = fopen(file_of("tokens.csv"), "w");
	fputs("tok,admin,admin,\"system:masters\"\n", file);
	fclose(file);
	char command[256];
	snprintf(
	    command, sizeof(command), "openssl ecparam -name prime256v1 -genkey -noout -out %s/sa.key", dir);
	assert_int_equal(system(command), 0);
	start_etcd();
	start_server(&first, "first.log", 0);
	return 0;
}

static int stop_all(void **state)
{
	end(&first.pid, SIGKILL);
	end(&etcd, SIGKILL);
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* ---- clients ---- */

static struct rest_client *new_client(int port)
{
	char url[64];
	snprintf(url, sizeof(url), "https://127.0.0.1:%d", port);
	struct error err = ERROR_INIT;
	struct rest_client *made = rest_client_new(loop,
	    &(struct rest_config){
		.server = url, .token = "tok", .tls = {.ca_file = file_of("apiserver.crt")}},
	    &err);
	assert_non_null(made);
	return made;
}

static int setup(void **state)
{
	log_set_level(LOG_ERROR);
	loop = loop_new(NULL);
	client = new_client(first.port);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;
	rest_do(client,
	    REST_REQUEST(.verb = REST_DELETE_COLLECTION, .type = resource_configmaps, .ns = "default"), NULL,
	    &err);
	rest_client_free(client);
	loop_free(loop);
	return 0;
}

#define WAIT_FOR(condition)                                                                                  \
	do {                                                                                                 \
		for (int tries_ = 0; tries_ < WAIT_S * 1000 && !(condition); tries_++) {                     \
			loop_poll(loop);                                                                     \
			usleep(1000);                                                                        \
		}                                                                                            \
		assert_true(condition);                                                                      \
	} while (0)

static void must(int result, const struct error *err)
{
	if (result < 0)
		fail_msg("%s", err->message);
}

static void create(struct rest_client *with, const char *name, const char *label)
{
	struct error err = ERROR_INIT;
	struct object *obj = test_object("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					 "\"name\":\"%s\",\"namespace\":\"default\","
					 "\"labels\":{\"app\":\"%s\"}}}",
	    name, label);
	must(rest_do(with,
		 REST_REQUEST(.verb = REST_CREATE, .type = resource_configmaps, .ns = "default", .body = obj),
		 NULL, &err),
	    &err);
	object_unref(obj);
}

static void delete (struct rest_client *with, const char *name)
{
	struct error err = ERROR_INIT;
	must(
	    rest_do(with,
		REST_REQUEST(.verb = REST_DELETE, .type = resource_configmaps, .ns = "default", .name = name),
		NULL, &err),
	    &err);
}

static void relabel(struct rest_client *with, const char *name, const char *label)
{
	struct error err = ERROR_INIT;
	struct object *obj = NULL;
	must(rest_do(with,
		 REST_REQUEST(.verb = REST_GET, .type = resource_configmaps, .ns = "default", .name = name),
		 &obj, &err),
	    &err);
	struct object *clone = object_clone(obj);
	api_map_set(clone->arena, clone->meta, labels, meta_v1__object_meta__labels_entry, "app", label);
	must(rest_do(with,
		 REST_REQUEST(.verb = REST_UPDATE, .type = resource_configmaps, .ns = "default", .name = name,
		     .body = clone),
		 NULL, &err),
	    &err);
	object_unref(obj);
	object_unref(clone);
}

/* Whatever happened meanwhile: in the end the replica is what a list shows. */
static bool is_as_listed(struct rest_client *with, const struct informer *inf)
{
	struct object **items = NULL;
	size_t len = 0, same = 0;
	struct error err = ERROR_INIT;
	must(rest_list(with, REST_REQUEST(.verb = REST_LIST, .type = resource_configmaps), &items, &len, NULL,
		 &err),
	    &err);
	for (size_t i = 0; i < len; i++) {
		const struct object *known =
		    informer_lookup(inf, object_namespace(items[i]), object_name(items[i]));
		same += known && known->revision == items[i]->revision;
	}
	bool is_same = same == len && informer_len(inf) == len;
	rest_items_free(items, len);
	return is_same;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static bool has_server(int argc, char **argv)
{
	if (argc < 2 || access(argv[1], X_OK) < 0 || system("command -v etcd openssl >/dev/null") != 0) {
		puts("skipped: needs etcd and the API server's binary");
		return false;
	}
	binary = argv[1];
	resources_init();
	return true;
}

#define server_run(argc, argv, tests)                                                                        \
	(has_server((argc), (argv)) ? cmocka_run_group_tests((tests), start_all, stop_all) : 0)

#endif
