/* config: the tree of a kubeconfig as `kubectl config` changes it, and its subcommands. */
#ifndef CUBE_KUBECTL_CONFIG_H
#define CUBE_KUBECTL_CONFIG_H

#include "kubectl/kubectl.h"

extern const struct command config_view, config_get_contexts, config_get_clusters, config_get_users,
    config_current_context, config_use_context, config_set_context, config_set_cluster,
    config_set_credentials, config_delete_context, config_delete_cluster, config_delete_user,
    config_rename_context, config_set, config_unset;

/* The file that is read and written: --kubeconfig, or the first of $KUBECONFIG, or ~/.kube/config. */
const char *config_path(struct kubectl *k);
/* An empty one when the file does not exist. */
int config_load(struct kubectl *k, struct json **ret, struct error *err);
int config_save(struct kubectl *k, const struct json *config, struct error *err);
/* The member `cluster`, `context` or `user` of a named entry of "clusters", ...; NULL when there is none. */
struct json *config_entry(const struct json *config, const char *section, const char *name);
/* Makes the entry when it is missing; *ret_made tells. */
struct json *config_entry_make(
    struct kubectl *k, struct json *config, const char *section, const char *name, bool *ret_made);
const char *config_member(const char *section); /* "clusters" -> "cluster" */

#endif
