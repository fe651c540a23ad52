/* test_objects: Services and slices for tests, from JSON with ' for ". Include in one *_test.c each. */
#ifndef CUBE_PROXY_TEST_OBJECTS_H
#define CUBE_PROXY_TEST_OBJECTS_H

#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/test.h"

static struct arena *test_arena;

static inline void *test_decode(const char *group, const char *kind, const char *json)
{
	char *text = arena_strdup(test_arena, json);
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	ProtobufCMessage *msg = NULL;
	struct error err = ERROR_INIT;
	codec_from_json_text(
	    test_arena, schema_by_gvk(group, "v1", kind), text, strlen(text), NULL, &msg, &err);
	assert_string_equal(err.message, "");
	return msg;
}

static inline CoreV1__Service *test_service(const char *name, const char *spec_and_more)
{
	return test_decode("", "Service",
	    arena_printf(
		test_arena, "{'metadata':{'namespace':'ns','name':'%s'},'spec':{%s}}", name, spec_and_more));
}

static inline DiscoveryV1__EndpointSlice *test_slice(const char *service, const char *name, const char *rest)
{
	return test_decode("discovery.k8s.io", "EndpointSlice",
	    arena_printf(test_arena,
		"{'metadata':{'namespace':'ns','name':'%s','labels':{'kubernetes.io/"
		"service-name':'%s'}},'addressType':'IPv4',%s}",
		name, service, rest));
}

#endif
