#include <stdio.h>

#include "cube/command.h"

int cmd_version(int argc, char **argv)
{
	printf("cube %s (Kubernetes v1.32.0+cube)\n", CUBE_VERSION);
	return 0;
}
