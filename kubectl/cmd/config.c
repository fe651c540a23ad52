/* kubectl config: kubeconfig files. */
#include "kubectl/config.h"

static const struct command *const commands[] = {&config_current_context, &config_delete_cluster,
    &config_delete_context, &config_delete_user, &config_get_clusters, &config_get_contexts,
    &config_get_users, &config_rename_context, &config_set, &config_set_cluster, &config_set_context,
    &config_set_credentials, &config_unset, &config_use_context, &config_view, NULL};

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(k, commands,
	    "Modify kubeconfig files using subcommands like \"kubectl config set current-context "
	    "my-context\".",
	    argc, argv, err);
}

const struct command command_config = {"config", NULL, "Settings Commands:", "Modify kubeconfig files", run};
