/* kubeconfig: reading and merging kubeconfig files, and the connection settings they give. */
#ifndef CUBE_CLIENT_KUBECONFIG_H
#define CUBE_CLIENT_KUBECONFIG_H

#include <stddef.h>

#include "lib/loop/http_client.h"

struct arena;
struct error;
struct json;

struct rest_config {        /* all strings live in the arena given to the loader */
	const char *server; /* https://127.0.0.1:6443 */
	struct http_tls tls;
	const char *token;      /* bearer token or NULL */
	const char *token_file; /* read again when it changes, or NULL */
	const char *username, *password;
	const char *ns;         /* default namespace of the context, "default" when unset */
	const char *user_agent; /* "kubelet/v1.32.0+cube"; its part up to '/' is the field manager */
	const char *as_user;    /* impersonation, or NULL */
	const char *const *as_groups;
};

/* path NULL: $KUBECONFIG (a list, merged) or ~/.kube/config. context, cluster, user: overrides or NULL. */
int kubeconfig_load(struct arena *arena, const char *path, const char *context, const char *cluster,
    const char *user, struct rest_config *ret, struct error *err);
/* The merged document as a tree, for `kubectl config`, and its way back to a file (atomically, mode 0600,
 * locked). */
int kubeconfig_read(struct arena *arena, const char *path, struct json **ret, struct error *err);
int kubeconfig_write(const char *path, const struct json *config, struct error *err);
const char *kubeconfig_default_path(struct arena *arena); /* the file that writes go to */

/* Adds or replaces one cluster, user and context of the same name; optionally makes it current. */
struct kubeconfig_entry {
	const char *name, *server, *ca_data, *cert_data, *key_data, *token, *ns; /* PEM text, not base64 */
};
int kubeconfig_merge(
    const char *path, const struct kubeconfig_entry *entry, int make_current, struct error *err);
int kubeconfig_remove(const char *path, const char *name, struct error *err);

#endif
