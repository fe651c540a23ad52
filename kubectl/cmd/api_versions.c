/* kubectl api-versions: group/versions, sorted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct args args;
	const char *const *versions;
	size_t len;
	if (kubectl_parse(k, "kubectl api-versions", NULL, argc, argv, &args, err) ||
	    mapper_versions(k, &versions, &len, err))
		return -1;
	const char **sorted = arena_memdup(k->arena, versions, len * sizeof(*versions));
	qsort(sorted, len, sizeof(*sorted), compare);
	for (size_t i = 0; i < len; i++)
		printf("%s\n", sorted[i]);
	return 0;
}

const struct command command_api_versions = {"api-versions", NULL,
    "Other Commands:", "Print the supported API versions on the server, in the form of \"group/version\"",
    run};
