/*
 * Component test: the client against the real API server and etcd, which are killed while they are used.
 * argv[1] is the API server's binary; without it (or without etcd) everything is skipped.
 */
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
#include "lib/client/controller.h"
#include "lib/client/events.h"
#include "lib/client/informer.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/lease.h"
#include "lib/client/plan.h"
#include "lib/client/rest.h"
#include "lib/client/test_objects.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

#define WAIT_S 30

struct server {
	pid_t pid;
	int port;
};

static const char *binary;
static char dir[64];
static pid_t etcd;
static struct server first;
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
	const char *argv[] = {"etcd", "--data-dir=etcd", "--listen-client-urls=unix://client.sock:1",
	    "--advertise-client-urls=http://127.0.0.1:1", "--listen-peer-urls=unix://peer.sock:1",
	    "--initial-advertise-peer-urls=http://127.0.0.1:1",
	    "--initial-cluster=default=http://127.0.0.1:1", "--log-level=error", NULL};
	etcd = spawn(file_of("etcd.log"), argv);
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

/* ---- informers ---- */

static struct buf seen;

static void on_change(void *arg, const struct object *old, const struct object *new_)
{
	const struct object *obj = new_ ? new_ : old;
	if (!str_eq(object_namespace(obj), "default") || str_eq(object_name(obj), "kube-root-ca.crt"))
		return;
	buf_printf(&seen, "%s%s ", !old ? "+" : !new_ ? "-" : "~", object_name(obj));
}

static void expect_seen(const char *text)
{
	for (int i = 0; i < WAIT_S * 1000 && seen.size < strlen(text); i++) {
		loop_poll(loop);
		usleep(1000);
	}
	assert_string_equal(buf_str(&seen), text);
	buf_reset(&seen);
}

static void test_informer_follows(void **state)
{
	struct informer_set *set = informer_set_new(client);
	struct informer *all = informer_get(set, resource_configmaps);
	struct informer *red = informer_get_filtered(set, resource_configmaps, "default", "app=red", NULL);
	create(client, "before", "red");
	informer_set_start(set);
	WAIT_FOR(informer_set_synced(set));
	informer_add_handler(red, on_change, NULL);
	expect_seen("+before ");
	create(client, "a", "red");
	create(client, "b", "blue");
	relabel(client, "b", "red");
	relabel(client, "a", "blue"); /* leaves the selection */
	delete (client, "before");
	expect_seen("+a +b -a -before ");
	WAIT_FOR(informer_lookup(all, "default", "b") && !informer_lookup(all, "default", "before"));
	assert_string_equal(informer_lookup(red, "default", "b")->kind, "ConfigMap");
	assert_int_equal(informer_lookup(red, "default", "b")->meta->n_managed_fields, 0);
	informer_set_free(set);
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

static void test_server_killed_while_watching(void **state)
{
	struct informer_set *set = informer_set_new(client);
	struct informer *inf = informer_get(set, resource_configmaps);
	create(client, "kept", "x");
	create(client, "deleted", "x");
	create(client, "changed", "x");
	informer_set_start(set);
	WAIT_FOR(informer_set_synced(set) && is_as_listed(client, inf));
	informer_add_handler(inf, on_change, NULL);
	buf_reset(&seen);

	end(&first.pid, SIGKILL);
	struct server second;
	start_server(&second, "second.log", 0);
	struct rest_client *other = new_client(second.port);
	char name[32];
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "new-%d", i);
		create(other, name, "x");
		if (i % 2)
			delete (other, name);
	}
	delete (other, "deleted");
	relabel(other, "changed", "y");
	start_server(&first, "first.log", first.port);
	WAIT_FOR(is_as_listed(other, inf));
	assert_non_null(strstr(buf_str(&seen), "-deleted "));
	assert_non_null(strstr(buf_str(&seen), "~changed "));
	assert_null(strstr(buf_str(&seen), "kept"));
	create(other, "last", "x"); /* and it goes on, through the server that was away */
	WAIT_FOR(informer_lookup(inf, "default", "last"));
	informer_set_free(set);
	rest_client_free(other);
	end(&second.pid, SIGTERM);
	buf_reset(&seen);
}

static void test_etcd_killed_while_watching(void **state)
{
	struct informer_set *set = informer_set_new(client);
	struct informer *inf = informer_get(set, resource_configmaps);
	informer_set_start(set);
	WAIT_FOR(informer_set_synced(set));
	end(&etcd, SIGKILL);
	const char *argv[] = {"etcd", "--data-dir=etcd", "--listen-client-urls=unix://client.sock:1",
	    "--advertise-client-urls=http://127.0.0.1:1", "--listen-peer-urls=unix://peer.sock:1",
	    "--initial-advertise-peer-urls=http://127.0.0.1:1",
	    "--initial-cluster=default=http://127.0.0.1:1", "--log-level=error", NULL};
	unlink(file_of("client.sock:1"));
	unlink(file_of("peer.sock:1"));
	etcd = spawn(file_of("etcd.log"), argv);
	struct object *obj = test_configmap("default", "after-etcd", 0);
	obj->meta->uid = obj->meta->resource_version = (char *)"";
	struct error err = ERROR_INIT;
	for (int i = 0; i < WAIT_S * 10; i++) {
		err = ERROR_INIT;
		if (rest_do(client,
			REST_REQUEST(.verb = REST_CREATE, .type = resource_configmaps, .ns = "default",
			    .body = obj),
			NULL, &err) == 0 ||
		    error_is(&err, ERR_ALREADY_EXISTS))
			break;
		usleep(100000);
	}
	object_unref(obj);
	WAIT_FOR(informer_lookup(inf, "default", "after-etcd"));
	informer_set_free(set);
}

/* ---- a controller: as many children as the label of the parent says ---- */

static int most_children;

static void map_child(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	enqueue->key(enqueue, "default/parent");
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct informer *inf = controller_informer(ctx, resource_configmaps);
	const struct object *parent = informer_lookup(inf, "default", "parent");
	int wanted = parent ? atoi(api_map_get(parent->meta, labels, "app")) : 0, have = 0;
	informer_for_each (obj, informer_in_namespace(inf, "default")) {
		if (!str_has_prefix(object_name(obj), "child-"))
			continue;
		if (++have > wanted)
			plan_delete(plan, obj);
	}
	if (have > most_children)
		most_children = have;
	for (; have < wanted; have++) {
		struct object *child = object_new(resource_configmaps->schema);
		child->meta->namespace_ = arena_strdup(child->arena, "default");
		child->meta->generate_name = arena_strdup(child->arena, "child-");
		plan_create(plan, resource_configmaps, child);
	}
}

static const struct controller_watch watches[] = {{&resource_configmaps, map_child}, {NULL, NULL}};
static const struct controller controller = {
    .name = "family", .event_component = "family-controller", .watches = watches, .reconcile = reconcile};

static int children(const struct informer *inf)
{
	int n = 0;
	informer_for_each (obj, informer_all(inf))
		n += str_has_prefix(object_name(obj), "child-");
	return n;
}

static void test_runner_never_acts_on_its_own_past(void **state)
{
	struct informer_set *set = informer_set_new(client);
	struct informer *inf = informer_get(set, resource_configmaps);
	struct controller_runner *runner = controller_runner_new(loop, client, set, NULL, NULL);
	most_children = 0;
	controller_runner_add(runner, &controller);
	controller_runner_start(runner);
	create(client, "parent", "30");
	WAIT_FOR(children(inf) == 30);
	relabel(client, "parent", "45");
	WAIT_FOR(children(inf) == 45);
	for (int i = 0; i < 300; i++) { /* late surplus would show now */
		loop_poll(loop);
		usleep(1000);
	}
	assert_int_equal(most_children, 45);
	relabel(client, "parent", "0");
	WAIT_FOR(children(inf) == 0);
	controller_runner_free(runner);
	informer_set_free(set);
}

static void test_runner_converges_after_a_kill(void **state)
{
	struct informer_set *set = informer_set_new(client);
	struct informer *inf = informer_get(set, resource_configmaps);
	struct controller_runner *runner = controller_runner_new(loop, client, set, NULL, NULL);
	controller_runner_add(runner, &controller);
	controller_runner_start(runner);
	create(client, "parent", "60");
	WAIT_FOR(children(inf) > 5);
	end(&first.pid, SIGKILL);
	for (int i = 0; i < 50; i++) {
		loop_poll(loop);
		usleep(1000);
	}
	start_server(&first, "first.log", first.port);
	WAIT_FOR(children(inf) == 60 && is_as_listed(client, inf));
	controller_runner_free(runner);
	informer_set_free(set);
}

/* ---- events, leases ---- */

static void test_events_are_counted(void **state)
{
	struct event_recorder *events = event_recorder_new(client, "tester", NULL);
	struct object *about = test_object("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					   "\"name\":\"about\",\"namespace\":\"default\",\"uid\":\"u\"}}");
	for (int i = 0; i < 3; i++)
		event_record(events, about, true, "Counted", "again");
	struct object **items = NULL;
	size_t len = 0;
	int32_t count = 0;
	for (int i = 0; i < 200 && count < 3; i++) {
		struct error err = ERROR_INIT;
		must(rest_list(client,
			 REST_REQUEST(.verb = REST_LIST, .type = resource_events, .ns = "default",
			     .field_selector = "involvedObject.name=about,reason=Counted"),
			 &items, &len, NULL, &err),
		    &err);
		assert_true(len <= 1);
		count = len ? ((CoreV1__Event *)items[0]->msg)->count : 0;
		rest_items_free(items, len);
		usleep(10000);
	}
	assert_int_equal(count, 3);
	object_unref(about);
	event_recorder_free(events);
}

static int led;

static void on_lead(void *arg)
{
	led++;
}

static void on_lost(void *arg)
{
	fail();
}

static void released(void *arg)
{
	*(bool *)arg = true;
}

static void test_election(void **state)
{
	struct lease_election *one =
	    lease_election_new(client, "default", "test-lease", "one", on_lead, on_lost, NULL);
	WAIT_FOR(led == 1);
	struct lease_election *two =
	    lease_election_new(client, "default", "test-lease", "two", on_lead, on_lost, NULL);
	bool is_released = false;
	lease_election_release(one, released, &is_released);
	WAIT_FOR(is_released && led == 2);
	lease_election_free(one);
	lease_election_free(two);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	if (argc < 2 || access(argv[1], X_OK) < 0 || system("command -v etcd openssl >/dev/null") != 0) {
		puts("skipped: needs etcd and the API server's binary");
		return 0;
	}
	binary = argv[1];
	resources_init();
	const struct CMUnitTest tests[] = {
	    TEST(test_informer_follows),
	    TEST(test_runner_never_acts_on_its_own_past),
	    TEST(test_events_are_counted),
	    TEST(test_election),
	    TEST(test_server_killed_while_watching),
	    TEST(test_runner_converges_after_a_kill),
	    TEST(test_etcd_killed_while_watching),
	};
	int failed = cmocka_run_group_tests(tests, start_all, stop_all);
	buf_done(&seen);
	return failed;
}
