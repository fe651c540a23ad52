#include "apiserver/options.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/test.h"
#include "lib/resources/resource.h"

static struct api_options options;
static struct error err;

static int parse(const char *flag)
{
	char *argv[] = {(char *)"kube-apiserver", (char *)flag, NULL};
	err = (struct error)ERROR_INIT;
	int rc = options_parse(&options, 2, argv, &err);
	options_done(&options);
	return rc;
}

static void refused(const char *flag, const char *want)
{
	assert_int_equal(parse(flag), -1);
	if (!strstr(err.message, want))
		fail_msg("%s: \"%s\" instead of \"%s\"", flag, err.message, want);
}

static void test_taken(void **state)
{
	static const char *const flags[] = {"--secure-port=7443", "--feature-gates=WatchList=false",
	    "--tls-min-version=VersionTLS13", "--runtime-config=api/all=true,apps/v1=true,v1",
	    "--runtime-config=api/alpha=false", "--storage-media-type=application/vnd.kubernetes.protobuf",
	    "--tls-cipher-suites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (parse(flags[i]))
			fail_msg("%s: %s", flags[i], err.message);
}

static void test_unknown(void **state)
{
	refused("--secure-prot=1", "secure-prot");
	refused("extra", "unexpected argument \"extra\"");
	refused("--feature-gates=Nonsense=true", "unrecognized feature gate: Nonsense");
	refused("--tls-min-version=VersionTLS14", "unknown tls version \"VersionTLS14\"");
	refused("--tls-min-version=VersionTLS10", "not safe");
	refused("--tls-cipher-suites=TLS_RSA_WITH_NOTHING", "TLS_RSA_WITH_NOTHING not supported");
	refused("--runtime-config=apps/v9=true", "unknown api version apps/v9");
	refused("--runtime-config=apps/v1=maybe", "it is true or false");
}

/* What would be taken and then not done. */
static void test_unfinished(void **state)
{
	refused("--runtime-config=apps/v1=false", "apps/v1 cannot be switched off");
	refused("--tls-sni-cert-key=a,b", "--tls-sni-cert-key is not supported");
	refused("--profiling", "nothing is served under /debug/pprof");
	refused("--storage-media-type=application/json", "application/json is not supported");
	refused(
	    "--authorization-webhook-config-file=x", "--authorization-webhook-config-file is not supported");
	refused("--admission-control-config-file=x", "--admission-control-config-file is not supported");
	refused("--authentication-token-webhook-config-file=x",
	    "--authentication-token-webhook-config-file is not supported");
	refused("--authorization-policy-file=x", "--authorization-policy-file is not supported");
	refused("--audit-webhook-config-file=x", "--audit-webhook-config-file is not supported");
	refused("--shutdown-watch-termination-grace-period=5s",
	    "--shutdown-watch-termination-grace-period is not supported");
	refused("--audit-webhook-mode=batch", "--audit-webhook-mode is not supported");
}

static int setup(void **state)
{
	resources_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_taken),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_unfinished),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
