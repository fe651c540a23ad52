/*
 * slow_server: the whole server with a priority level "tiny" of three seats for the users greedy and modest.
 * Requests run as long as the test wants: the store keeps back writes of configmaps whose name begins with
 * "held-" until the test lets them go. Only component tests include this, one file of a program.
 */
#ifndef CUBE_APISERVER_FLOWCONTROL_SLOW_SERVER_H
#define CUBE_APISERVER_FLOWCONTROL_SLOW_SERVER_H

#include "apiserver/testing/test_server.h"

#include "apiserver/flowcontrol/internal.h"
#include "apiserver/storage/storage.h"

#define GROUP_PATH "/apis/flowcontrol.apiserver.k8s.io/v1"
#define LEVELS GROUP_PATH "/prioritylevelconfigurations"
#define SCHEMAS GROUP_PATH "/flowschemas"
#define SEATS 3 /* what one share in 246 of 600 seats comes to */

/* --- a store that waits --- */

struct held {
	struct held *next;
	struct storage *storage;
	char *key, *value;
	size_t size;
	storage_done_fn *done;
	void *arg;
};

static struct storage_functions slow;
static const struct storage_functions *fast;
static struct held *held, **held_end = &held;
static size_t held_len;
static bool hold_all;

static struct storage_op *put_if(struct storage *s, const char *key, int64_t revision, const void *value,
    size_t size, int64_t lease, storage_done_fn *done, void *arg)
{
	if (!hold_all && !strstr(key, "/held-"))
		return fast->put_if(s, key, revision, value, size, lease, done, arg);
	struct held *h = calloc(1, sizeof(*h));
	assert_non_null(h);
	h->storage = s;
	h->key = strdup(key);
	h->value = malloc(size);
	memcpy(h->value, value, size);
	h->size = size;
	h->done = done;
	h->arg = arg;
	*held_end = h;
	held_end = &h->next;
	held_len++;
	return NULL;
}

static inline void release_one(void)
{
	struct held *h = held;

	assert_non_null(h);
	held = h->next;
	if (!held)
		held_end = &held;
	held_len--;
	fast->put_if(h->storage, h->key, 0, h->value, h->size, 0, h->done, h->arg);
	free(h->key);
	free(h->value);
	free(h);
}

static inline bool is_held(const char *suffix)
{
	for (const struct held *h = held; h; h = h->next)
		if (strlen(h->key) > strlen(suffix) &&
		    !strcmp(h->key + strlen(h->key) - strlen(suffix), suffix))
			return true;
	return false;
}

/* --- requests --- */

struct exchange {
	int status, retry_after_s;
	char schema_uid[64], level_uid[64], text[128];
	struct http_call *call;
};

static void on_answer(void *arg, const struct http_response *response)
{
	struct exchange *x = arg;
	const char *retry = response->header(response, "Retry-After");

	if (response->error)
		fail_msg("%s", response->error->message);
	x->status = response->status;
	x->retry_after_s = retry ? atoi(retry) : 0;
	snprintf(x->schema_uid, sizeof(x->schema_uid), "%s",
	    str_or(response->header(response, "X-Kubernetes-PF-FlowSchema-UID"), ""));
	snprintf(x->level_uid, sizeof(x->level_uid), "%s",
	    str_or(response->header(response, "X-Kubernetes-PF-PriorityLevel-UID"), ""));
	snprintf(x->text, sizeof(x->text), "%s", str_or(response->body, ""));
	x->call = NULL;
}

static inline void send_as(
    struct exchange *x, const char *user, const char *method, const char *path, const char *body)
{
	const char *headers[] = {"Content-Type: application/json", "Authorization: Bearer " ADMIN,
	    user ? arena_printf(arena, "Impersonate-User: %s", user) : NULL, NULL};
	const struct http_request request = {.method = method,
	    .url = arena_printf(arena, "http://127.0.0.1:%d%s", api_server_port(server), path),
	    .headers = headers,
	    .body = body,
	    .body_size = body ? strlen(body) : 0,
	    .timeout_ms = 120000};

	*x = (struct exchange){0};
	x->call = http_client_send(client, &request, on_answer, x);
}

static int names;

static inline void write_held(struct exchange *x, const char *user)
{
	send_as(x, user, "POST", "/api/v1/namespaces/default/configmaps",
	    arena_printf(arena,
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"held-%d\"}}",
		++names));
}

static inline size_t count(const struct exchange *x, size_t len, int status)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += x[i].status == status;
	return n;
}

static inline const struct flow_level *level(const char *name)
{
	const struct flow_level *l = flow_level_find(server->flowcontrol, name);

	assert_non_null(l);
	return l;
}

/* Lets the server go on until the condition holds; a request in between gives the loop something to do. */
#define WAIT_FOR(condition)                                                                                  \
	do {                                                                                                 \
		size_t turn_ = 0;                                                                            \
		while (!(condition)) {                                                                       \
			if (++turn_ > 20000)                                                                 \
				fail_msg("never came true: %s", #condition);                                 \
			assert_int_equal(call(ADMIN, "GET", "/version", NULL).status, 200);                  \
		}                                                                                            \
	} while (0)

static inline void release_all(void)
{
	WAIT_FOR(held_len > 0 || fair_is_idle(&level("tiny")->fair));
	while (!fair_is_idle(&level("tiny")->fair)) {
		WAIT_FOR(held_len > 0 || fair_is_idle(&level("tiny")->fair));
		while (held_len > 0)
			release_one();
	}
}

/* --- configuration --- */

static inline const char *tiny_level(int shares, const char *response)
{
	return arena_printf(arena,
	    "{\"apiVersion\":\"flowcontrol.apiserver.k8s.io/v1\",\"kind\":\"PriorityLevelConfiguration\","
	    "\"metadata\":{\"name\":\"tiny\"},\"spec\":{\"type\":\"Limited\",\"limited\":{"
	    "\"nominalConcurrencyShares\":%d,\"lendablePercent\":0,\"borrowingLimitPercent\":0,"
	    "\"limitResponse\":%s}}}",
	    shares, response);
}

#define QUEUE "{\"type\":\"Queue\",\"queuing\":{\"queues\":64,\"handSize\":4,\"queueLengthLimit\":3}}"
#define REJECT "{\"type\":\"Reject\"}"
#define TINY_SCHEMA                                                                                          \
	"{\"apiVersion\":\"flowcontrol.apiserver.k8s.io/v1\",\"kind\":\"FlowSchema\",\"metadata\":{"         \
	"\"name\":\"tiny\"},\"spec\":{\"priorityLevelConfiguration\":{\"name\":\"tiny\"},"                   \
	"\"matchingPrecedence\":50,\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[" \
	"{\"kind\":\"User\",\"user\":{\"name\":\"greedy\"}},"                                                \
	"{\"kind\":\"User\",\"user\":{\"name\":\"modest\"}}],\"resourceRules\":[{\"verbs\":[\"*\"],"         \
	"\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"namespaces\":[\"*\"]}]}]}}"

static inline int put_level(int shares, const char *response)
{
	return call(ADMIN, "PUT", LEVELS "/tiny", tiny_level(shares, response)).status;
}

static inline int begin(void **state)
{
	start(state);
	options.request_timeout_ms = 3600000; /* nothing leaves a queue because the machine is slow */
	slow = *server->storage->functions;
	fast = server->storage->functions;
	slow.put_if = put_if;
	server->storage->functions = &slow;
	create(LEVELS, tiny_level(1, QUEUE));
	create(SCHEMAS, TINY_SCHEMA);
	create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
	    "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\",\"metadata\":{"
	    "\"name\":\"both\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":"
	    "\"ClusterRole\",\"name\":\"cluster-admin\"},\"subjects\":[{\"apiGroup\":\"rbac.authorization."
	    "k8s."
	    "io\",\"kind\":\"User\",\"name\":\"greedy\"},{\"apiGroup\":\"rbac.authorization.k8s.io\","
	    "\"kind\":"
	    "\"User\",\"name\":\"modest\"}]}");
	WAIT_FOR(level("tiny")->fair.seats == SEATS);
	return 0;
}

static inline int end(void **state)
{
	server->storage->functions = fast;
	return stop(state);
}

#endif
