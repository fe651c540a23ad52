#include "kubelet/tests/bench.h"

#include "kubelet/config.h"
#include "kubelet/pods/cri_config.h"
#include "kubelet/pods/dns.h"
#include "kubelet/pods/env.h"
#include "kubelet/references.h"
#include "lib/base/buf.h"

static const struct object *decode(const char *json)
{
	struct object *obj;
	struct error err = ERROR_INIT;
	assert_int_equal(object_decode(json, strlen(json), &obj, &err), 0);
	return obj;
}

static void expansion(void **state)
{
	struct arena *arena = arena_new();
	struct env env = {.arena = arena};
	env_set(&env, "A", "one");
	assert_string_equal(env_expand(arena, "$(A)-x", &env, NULL), "one-x");
	assert_string_equal(env_expand(arena, "$$(A)", &env, NULL), "$(A)");
	assert_string_equal(env_expand(arena, "$(UNDEF)", &env, NULL), "$(UNDEF)");
	assert_string_equal(env_expand(arena, "$A $ $(A", &env, NULL), "$A $ $(A");
	const char *out;
	struct error err = ERROR_INIT;
	assert_int_equal(env_expand_strict(arena, "$(NOPE)/x", &env, &out, &err), -1);
	arena_free(arena);
}

static void sources(void **state)
{
	struct bench b;
	bench_init(&b,
	    "{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{"
	    "\"cpu\":\"1500m\"}},\"env\":["
	    "{\"name\":\"N\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}},"
	    "{\"name\":\"L\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['a']\"}}},"
	    "{\"name\":\"R\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}}},"
	    "{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}},"
	    "{\"name\":\"over\",\"value\":\"mine\"},{\"name\":\"U\",\"value\":\"$(MY_SVC_SERVICE_HOST)\"}],"
	    "\"envFrom\":[{\"prefix\":\"P_\",\"configMapRef\":{\"name\":\"m\"}}]}]}");
	struct references *refs = references_new(NULL, NULL, NULL);
	const struct object *secret =
	    decode("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"k\":\"dg==\"}}");
	const struct object *map =
	    decode("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"x\":\"1\"}}");
	const struct object *svc =
	    decode("{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"my-svc\","
		   "\"namespace\":\"ns\"},"
		   "\"spec\":{\"clusterIP\":\"10.0.0.9\",\"ports\":[{\"name\":\"http\",\"port\":80}]}}");
	const CoreV1__Service *services[] = {(const CoreV1__Service *)svc->msg};
	struct downward_facts facts = {.pod_ip = "1.2.3.4"};
	struct env_input in = {.pod = b.pod,
	    .container = b.slots.items[0].spec,
	    .services = services,
	    .services_len = 1,
	    .references = refs,
	    .facts = &facts};
	struct env env;
	struct error err = ERROR_INIT;
	assert_int_equal(env_build(b.arena, &in, &env, NULL, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE); /* not read yet */
	references_inject(refs, REFERENCE_CONFIG_MAP, "ns", "m", map);
	references_inject(refs, REFERENCE_SECRET, "ns", "s", NULL);
	err = ERROR_INIT;
	assert_int_equal(env_build(b.arena, &in, &env, NULL, &err), -1);
	assert_string_equal(err.message, "secret \"s\" not found");
	references_inject(refs, REFERENCE_SECRET, "ns", "s", secret);
	assert_int_equal(env_build(b.arena, &in, &env, NULL, &err), 0);
	assert_string_equal(env_get(&env, "N"), "p");
	assert_string_equal(env_get(&env, "L"), "b");
	assert_string_equal(env_get(&env, "R"), "2");
	assert_string_equal(env_get(&env, "S"), "v");
	assert_string_equal(env_get(&env, "P_x"), "1");
	assert_string_equal(env_get(&env, "U"), "10.0.0.9");
	assert_string_equal(env_get(&env, "MY_SVC_PORT_80_TCP"), "tcp://10.0.0.9:80");
	assert_string_equal(env_get(&env, "MY_SVC_SERVICE_PORT_HTTP"), "80");
	references_free(refs);
	object_unref(secret);
	object_unref(map);
	object_unref(svc);
	bench_done(&b);
}

static const char *joined(struct arena *arena, char **items, size_t len)
{
	return str_join(arena, (const char *const *)items, len, " ");
}

static void resolv_conf(void **state)
{
	const char *dns[] = {"10.96.0.10"}, *warning;
	struct kubelet_config config = {.cluster_domain = "cluster.local", .cluster_dns = {dns, 1}};
	struct bench b;
	bench_init(&b, "{\"dnsPolicy\":\"ClusterFirst\",\"containers\":[],\"dnsConfig\":{\"nameservers\":["
		       "\"1.1.1.1\"],\"searches\":[\"a.example\","
		       "\"cluster.local\"],\"options\":[{\"name\":\"ndots\",\"value\":\"3\"},{\"name\":"
		       "\"timeout\",\"value\":\"1\"}]}}");
	CriV1__DNSConfig *d = dns_config_of(
	    b.arena, pod_of(b.pod), &config, "nameserver 9.9.9.9\nsearch home.arpa\n", &warning);
	assert_string_equal(joined(b.arena, d->servers, d->n_servers), "10.96.0.10 1.1.1.1");
	assert_string_equal(joined(b.arena, d->searches, d->n_searches),
	    "ns.svc.cluster.local svc.cluster.local cluster.local home.arpa a.example");
	assert_string_equal(joined(b.arena, d->options, d->n_options), "ndots:3 timeout:1");
	bench_done(&b);
	bench_init(&b, "{\"dnsPolicy\":\"Default\",\"containers\":[]}");
	d = dns_config_of(
	    b.arena, pod_of(b.pod), &config, "# x\nnameserver 9.9.9.9\noptions edns0\n", &warning);
	assert_string_equal(joined(b.arena, d->servers, d->n_servers), "9.9.9.9");
	assert_string_equal(joined(b.arena, d->options, d->n_options), "edns0");
	bench_done(&b);
}

static void hosts_file(void **state)
{
	struct bench b;
	struct buf out = BUF_INIT;
	bench_init(&b, "{\"hostname\":\"h\",\"subdomain\":\"sub\",\"containers\":[],\"hostAliases\":[{\"ip\":"
		       "\"1.2.3.4\",\"hostnames\":[\"a\",\"b\"]}]}");
	dns_hosts_file(&out, pod_of(b.pod), "10.0.0.5", "cluster.local", "");
	assert_non_null(strstr(buf_str(&out),
	    "10.0.0.5\th.sub.ns.svc.cluster.local\th\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"));
	buf_done(&out);
	bench_done(&b);
}

static void shares_and_scores(void **state)
{
	assert_int_equal(cpu_shares_of_milli(500), 512);
	assert_int_equal(cpu_shares_of_milli(1), 2);
	assert_int_equal(cpu_quota_of_milli(1), 1000);
	assert_int_equal(cpu_quota_of_milli(250), 25000);
	assert_int_equal(cpu_quota_of_milli(0), 0);
	struct bench b;
	bench_init(&b, "{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"requests\":{"
		       "\"memory\":\"1Gi\"}}}]}");
	assert_int_equal(container_oom_score_adj(pod_of(b.pod), b.slots.items[0].spec, 25276510208), 958);
	assert_int_equal(pod_qos_of(pod_of(b.pod)), QOS_BURSTABLE);
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(expansion), cmocka_unit_test(sources),
	    cmocka_unit_test(resolv_conf), cmocka_unit_test(hosts_file), cmocka_unit_test(shares_and_scores)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
