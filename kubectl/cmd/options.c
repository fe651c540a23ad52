/* kubectl options: the flags that every verb takes. */
#include <stdio.h>

#include "kubectl/kubectl.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	printf("The following options can be passed to any command:\n");
	kubectl_print_global_flags(k);
	return 0;
}

const struct command command_options = {"options", NULL, NULL, "The flags that every command takes", run};
