/* kubectl completion bash: verbs, and names of kinds behind them. */
#include <stdio.h>

#include "kubectl/kubectl.h"

static const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "kubectl/commands.def"
#undef COMMAND
    NULL};

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct args args;
	if (kubectl_parse(k, "kubectl completion SHELL", NULL, argc, argv, &args, err))
		return -1;
	if (args.len != 1)
		return error_set(err, ERR_PARSE,
		    "Shell not specified.\nSee 'kubectl completion -h' for help and examples");
	if (!str_eq(args.items[0], "bash"))
		return error_set(
		    err, ERR_PARSE, "Unsupported shell type \"%s\": bash is supported", args.items[0]);
	printf("_kubectl() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n"
	       "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '");
	for (size_t i = 0; commands[i]; i++)
		printf("%s%s", i ? " " : "", commands[i]->name);
	printf("' -- \"$word\"))\n\t\treturn\n\tfi\n\tcase $verb in\n\tlogs|exec|attach|port-forward)\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$(kubectl get pods -o jsonpath='{.items[*].metadata.name}' "
	       "2>/dev/null)\" -- \"$word\"));;\n"
	       "\tget|describe|delete|edit|label|annotate|patch|wait|explain)\n\t\tif [ \"$COMP_CWORD\" = 2 "
	       "]; then\n"
	       "\t\t\tCOMPREPLY=($(compgen -W \"$(kubectl api-resources --no-headers 2>/dev/null | cut -d' ' "
	       "-f1)\" -- \"$word\"))\n"
	       "\t\telse\n\t\t\tCOMPREPLY=($(compgen -W \"$(kubectl get \"${COMP_WORDS[2]}\" -o "
	       "jsonpath='{.items[*].metadata.name}' 2>/dev/null)\" -- \"$word\"))\n"
	       "\t\tfi;;\n\tesac\n}\ncomplete -o default -F _kubectl kubectl\n");
	return 0;
}

const struct command command_completion = {"completion", NULL,
    "Settings Commands:", "Output shell completion code for the specified shell (bash)", run};
