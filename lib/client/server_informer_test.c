/* Component test: informers follow the real API server, also while it or etcd is killed. */
#include "lib/client/server_fixture.h"

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
	start_etcd();
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_informer_follows),
	    TEST(test_server_killed_while_watching),
	    TEST(test_etcd_killed_while_watching),
	};
	int failed = server_run(argc, argv, tests);
	buf_done(&seen);
	return failed;
}
