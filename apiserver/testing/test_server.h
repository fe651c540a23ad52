/*
 * test_server: a whole API server in the test's process: memory store, plain HTTP, two static tokens (ADMIN
 * is in system:masters, ALICE in dev). Only component tests include this, one file of a program; calls run
 * the loop until answered.
 */
#ifndef CUBE_APISERVER_TESTING_TEST_SERVER_H
#define CUBE_APISERVER_TESTING_TEST_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "apiserver/options.h"
#include "apiserver/server.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

#define ADMIN "admintoken"
#define ALICE "alicetoken"

static struct loop *loop;
static struct api_options options;
static struct api_server *server;
static struct http_client *client;
static struct arena *arena;
static char dir[] = "/tmp/cube-auth-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(arena_printf(arena, "%s/%s", dir, name), "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void on_ready(void *arg, const struct error *err)
{
	(void)arg;
	if (err)
		fail_msg("%s", err->message);
	loop_stop(loop);
}

static void write_signing_key(const char *name)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	FILE *f = fopen(arena_printf(arena, "%s/%s", dir, name), "we");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	EVP_PKEY_free(pkey);
}

static inline int start(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	arena = arena_new();
	resources_init();
	assert_non_null(mkdtemp(dir));
	write_file("tokens.csv", ADMIN ",admin,1,system:masters\n" ALICE ",alice,2,dev\n");
	write_signing_key("sa.key");
	char *argv[] = {"kube-apiserver", "--etcd-servers=memory:", "--secure-port=0",
	    "--bind-address=127.0.0.1", "--insecure-http", "--authorization-mode=Node,RBAC",
	    "--enable-admission-plugins=NodeRestriction",
	    arena_printf(arena, "--token-auth-file=%s/tokens.csv", dir),
	    arena_printf(arena, "--service-account-key-file=%s/sa.key", dir),
	    arena_printf(arena, "--service-account-signing-key-file=%s/sa.key", dir),
	    "--service-account-issuer=https://issuer"};
	if (options_parse(&options, sizeof(argv) / sizeof(argv[0]), argv, &err) < 0)
		fail_msg("%s", err.message);
	loop = loop_new(NULL);
	server = api_server_new(loop, &options, &err);
	if (!server)
		fail_msg("%s", err.message);
	api_server_start(server, on_ready, NULL);
	loop_run(loop);
	client = http_client_new(loop, NULL);
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	http_client_free(client);
	api_server_free(server);
	loop_free(loop);
	unlink(arena_printf(arena, "%s/tokens.csv", dir));
	unlink(arena_printf(arena, "%s/sa.key", dir));
	rmdir(dir);
	arena_free(arena);
	return 0;
}

struct answer {
	int status;
	struct json *body; /* NULL when it is no JSON */
	const char *text;
	size_t size;
};

static size_t outstanding;

static void on_done(void *arg, const struct http_response *response)
{
	struct answer *a = arg;

	if (response->error)
		fail_msg("%s", response->error->message);
	a->status = response->status;
	a->text = arena_strndup(arena, response->body ? response->body : "", response->body_size);
	a->size = response->body_size;
	json_parse(arena, response->body, response->body_size, NULL, &a->body, NULL);
	if (--outstanding == 0)
		loop_stop(loop);
}

/* `who` is a token, or NULL; extra is another header, or NULL. A PATCH is a merge patch. */
static void send_request(const char *who, const char *method, const char *path, const char *body,
    const char *extra, struct answer *a)
{
	const char *headers[4] = {strcmp(method, "PATCH") ? "Content-Type: application/json"
							  : "Content-Type: application/merge-patch+json"};
	size_t len = 1;

	*a = (struct answer){0};
	if (who)
		headers[len++] = arena_printf(arena, "Authorization: Bearer %s", who);
	if (extra)
		headers[len++] = extra;
	const struct http_request request = {.method = method,
	    .url = arena_printf(arena, "http://127.0.0.1:%d%s", api_server_port(server), path),
	    .headers = headers,
	    .body = body,
	    .body_size = body ? strlen(body) : 0};
	outstanding++;
	http_client_send(client, &request, on_done, a);
}

static inline struct answer call(const char *who, const char *method, const char *path, const char *body)
{
	struct answer a;

	send_request(who, method, path, body, NULL, &a);
	loop_run(loop);
	return a;
}

static inline struct answer call_with(const char *who, const char *extra, const char *path)
{
	struct answer a;

	send_request(who, "GET", path, NULL, extra, &a);
	loop_run(loop);
	return a;
}

static inline void create(const char *path, const char *body)
{
	struct answer a = call(ADMIN, "POST", path, body);
	if (a.status != 201)
		fail_msg("%s: %d %s", path, a.status, json_get_string(a.body, "message", ""));
}

static inline const char *message(const struct answer *a)
{
	return json_get_string(a->body, "message", "");
}

#endif
