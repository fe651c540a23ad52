/* Tokens of all kinds: signed ones, those of the token file, bootstrap tokens. */
#include "apiserver/auth/fake_reader.h"
#include "apiserver/auth/jwt.h"
#include "apiserver/auth/service_account.h"
#include "apiserver/auth/token_source.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

#define NOW 1700000000

static void write_key(const char *path, EVP_PKEY *take_pkey)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, take_pkey, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	EVP_PKEY_free(take_pkey);
}

static struct jwt_keys *make_keys(EVP_PKEY *take_pkey)
{
	char path[] = "/tmp/cube-jwt-test-XXXXXX";
	struct error err = ERROR_INIT;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	write_key(path, take_pkey);
	const char *files[] = {path};
	struct jwt_keys *keys = jwt_keys_new(files, 1, path, &err);
	unlink(path);
	if (!keys)
		fail_msg("%s", err.message);
	return keys;
}

static void check_round_trip(struct jwt_keys *keys, const char *algorithm)
{
	struct arena *arena = arena_new();
	struct json *claims = json_new_object(arena), *back;
	struct buf set = BUF_INIT;

	json_set(arena, claims, "sub", json_new_string(arena, "someone"));
	char *token = jwt_sign(keys, arena, claims, NULL);
	assert_non_null(token);
	assert_int_equal(jwt_verify(keys, arena, token, &back, NULL), 0);
	assert_string_equal(json_get_string(back, "sub", ""), "someone");
	jwt_write_key_set(keys, &set);
	assert_non_null(strstr(buf_str(&set), algorithm));

	/* Every part counts. */
	for (size_t i = 0; i < strlen(token); i += 7) {
		char *bad = arena_strdup(arena, token);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		if (strcmp(bad, token) != 0 && i + 1 < strlen(token))
			assert_int_equal(jwt_verify(keys, arena, bad, &back, NULL), -1);
	}
	assert_int_equal(jwt_verify(keys, arena, "a.b", &back, NULL), -1);
	assert_int_equal(jwt_verify(keys, arena, "", &back, NULL), -1);
	buf_done(&set);
	arena_free(arena);
	jwt_keys_free(keys);
}

static void test_rs256(void **state)
{
	(void)state;
	check_round_trip(make_keys(EVP_RSA_gen(2048)), "RS256");
}

static void test_es256(void **state)
{
	(void)state;
	check_round_trip(make_keys(EVP_EC_gen("P-256")), "ES256");
}

static void test_no_algorithm(void **state)
{
	struct jwt_keys *keys = make_keys(EVP_EC_gen("P-256"));
	struct arena *arena = arena_new();
	struct json *claims;
	const char *header = "{\"alg\":\"none\"}";
	char *token = arena_printf(arena, "%s.e30.", str_base64url(arena, header, strlen(header)));

	(void)state;
	assert_int_equal(jwt_verify(keys, arena, token, &claims, NULL), -1);
	arena_free(arena);
	jwt_keys_free(keys);
}

struct fixture {
	struct fake_reader objects;
	struct arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	resources_init();
	fake_init(&f->objects);
	f->arena = arena_new();
	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":"
			      "\"sa\",\"namespace\":\"a\",\"uid\":\"u-sa\"}}");
	fake_add(&f->objects, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
			      "\"namespace\":\"a\",\"uid\":\"u-p\"},"
			      "\"spec\":{\"serviceAccountName\":\"sa\",\"containers\":[]}}");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	fake_done(&f->objects);
	arena_free(f->arena);
	free(f);
	return 0;
}

static struct json *claims_of(struct fixture *f, const struct object *pod)
{
	static const char *const audiences[] = {"api", NULL};
	const struct service_account_request r = {.issuer = "https://issuer",
	    .audiences = audiences,
	    .account = f->objects.objects[0],
	    .pod = pod,
	    .node_name = pod ? "n1" : NULL,
	    .node_uid = "u-n",
	    .now_s = NOW,
	    .expires_in_s = 3600};
	const char *jti;
	return service_account_claims(f->arena, &r, &jti);
}

static int check(
    struct fixture *f, const struct json *claims, int64_t now_s, struct api_user *u, struct error *err)
{
	*err = ERROR_INIT;
	return service_account_check(&f->objects.reader, f->arena, now_s, claims, "", u, err);
}

static void test_service_account(void **state)
{
	struct fixture *f = *state;
	struct json *claims = claims_of(f, f->objects.objects[1]);
	struct api_user u;
	struct error err;
	struct buf text = BUF_INIT;

	assert_int_equal(check(f, claims, NOW, &u, &err), 0);
	assert_string_equal(u.name, "system:serviceaccount:a:sa");
	assert_string_equal(u.uid, "u-sa");
	assert_true(user_in_group(&u, "system:serviceaccounts:a"));
	assert_string_equal(user_extra(&u, "authentication.kubernetes.io/pod-name"), "p");
	assert_string_equal(user_extra(&u, "authentication.kubernetes.io/node-uid"), "u-n");
	json_write(&text, json_get(claims, "kubernetes.io"), 0);
	assert_string_equal(buf_str(&text),
	    "{\"namespace\":\"a\",\"node\":{\"name\":\"n1\",\"uid\":\"u-n\"},\"pod\":{\"name\":\"p\","
	    "\"uid\":\"u-p\"},\"serviceaccount\":{\"name\":\"sa\",\"uid\":\"u-sa\"}}");
	buf_done(&text);
	assert_int_equal(check(f, claims, NOW + 3700, &u, &err), -1);
	assert_string_equal(err.message, "service account token has expired");
	assert_int_equal(check(f, claims, NOW - 100, &u, &err), -1);
	/* Times that are none. */
	json_set(f->arena, claims, "exp", json_new_string(f->arena, "never"));
	assert_int_equal(check(f, claims, NOW, &u, &err), -1);
	json_set(f->arena, claims, "exp", json_new_number(f->arena, "1700000100.5"));
	assert_int_equal(check(f, claims, NOW, &u, &err), 0);
	json_set(f->arena, claims, "nbf", json_new_object(f->arena));
	assert_int_equal(check(f, claims, NOW, &u, &err), -1);
}

static void test_bound_objects_go(void **state)
{
	struct fixture *f = *state;
	struct json *claims = claims_of(f, f->objects.objects[1]), *unbound = claims_of(f, NULL);
	struct api_user u;
	struct error err;

	object_unref(f->objects.objects[1]);
	f->objects.objects[1] = fake_object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":"
					    "\"p\",\"namespace\":\"a\",\"uid\":\"other\"}}");
	assert_int_equal(check(f, claims, NOW, &u, &err), -1); /* another pod of that name */
	object_unref(f->objects.objects[--f->objects.len]);
	assert_int_equal(check(f, claims, NOW, &u, &err), -1);
	assert_string_equal(err.message, "service account token has been invalidated");
	assert_int_equal(check(f, unbound, NOW, &u, &err), 0);
	object_unref(f->objects.objects[--f->objects.len]);
	assert_int_equal(check(f, unbound, NOW, &u, &err), -1);
}

static void test_static_tokens(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct api_user u;
	struct static_tokens *t = static_tokens_parse(
	    "# comment\nadmintoken,admin,1,\"system:masters\"\r\n\nt2,\"a,b\",2,\"x,y\"\nt3,c,3\n", &err);

	assert_non_null(t);
	assert_int_equal(static_tokens_check(t, f->arena, "admintoken", &u), TOKEN_GOOD);
	assert_string_equal(u.name, "admin");
	assert_true(user_in_group(&u, GROUP_MASTERS));
	assert_int_equal(static_tokens_check(t, f->arena, "t2", &u), TOKEN_GOOD);
	assert_string_equal(u.name, "a,b");
	assert_true(user_in_group(&u, "x") && user_in_group(&u, "y"));
	assert_int_equal(static_tokens_check(t, f->arena, "t3", &u), TOKEN_GOOD);
	assert_null(u.groups[0]);
	assert_int_equal(static_tokens_check(t, f->arena, "admintoke", &u), TOKEN_UNKNOWN);
	static_tokens_free(t);
	assert_null(static_tokens_parse("only,two\n", &err));
}

static void test_bootstrap_token(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct api_user u;

	/* data: token-id abcdef, token-secret 0123456789abcdef, usage-bootstrap-authentication true,
	 * expiration 2030 */
	fake_add(&f->objects,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"bootstrap-token-abcdef\","
	    "\"namespace\":\"kube-system\"},\"type\":\"bootstrap.kubernetes.io/token\",\"data\":{"
	    "\"token-id\":\"YWJjZGVm\",\"token-secret\":\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"usage-bootstrap-"
	    "authentication\":\"dHJ1ZQ==\","
	    "\"expiration\":\"MjAzMC0wMS0wMVQwMDowMDowMFo=\",\"auth-extra-groups\":"
	    "\"c3lzdGVtOmJvb3RzdHJhcHBlcnM6eA==\"}}");
#define CHECK(token, now) bootstrap_token_check(&f->objects.reader, f->arena, (now), (token), &u, &err)
	assert_int_equal(CHECK("abcdef.0123456789abcdef", NOW), TOKEN_GOOD);
	assert_string_equal(u.name, "system:bootstrap:abcdef");
	assert_true(user_in_group(&u, "system:bootstrappers:x"));
	assert_int_equal(CHECK("abcdef.0123456789abcdee", NOW), TOKEN_UNKNOWN);
	assert_int_equal(CHECK("abcdeg.0123456789abcdef", NOW), TOKEN_UNKNOWN);
	assert_int_equal(CHECK("abcdef.0123456789abcdef", 2000000000), TOKEN_UNKNOWN);
	assert_int_equal(CHECK("not a token", NOW), TOKEN_UNKNOWN);
#undef CHECK
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rs256),
	    cmocka_unit_test(test_es256),
	    cmocka_unit_test(test_no_algorithm),
	    cmocka_unit_test_setup_teardown(test_service_account, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bound_objects_go, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_static_tokens, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bootstrap_token, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
