/* create: generators of `kubectl create KIND`: each makes a tree, the rest is the same for all. */
#ifndef CUBE_KUBECTL_CREATE_H
#define CUBE_KUBECTL_CREATE_H

#include "kubectl/kubectl.h"
#include "kubectl/writing.h"

extern const struct command create_namespace, create_deployment, create_service, create_config_map,
    create_secret, create_service_account, create_job, create_cron_job, create_role, create_role_binding,
    create_cluster_role, create_cluster_role_binding, create_token, create_ingress, create_quota,
    create_priority_class, create_budget;

/* Parses flags with those that all share, and wants one NAME (two positional: *ret_rest gets what is behind
 * it). */
struct generator {
	struct kubectl *k;
	struct write_flags write;
	bool save_config;
	struct args args;
	const char *name;
};
int generator_parse(struct generator *g, const char *usage, const struct flag *flags, int argc, char **argv,
    struct error *err);
/* Sends (or with a client dry run prints) the object. */
int generator_finish(struct generator *g, struct json *object, struct error *err);
/* {"containers": [{"image", "name", "resources": {}, "command"}]} of `create deployment` and job. */
struct json *generator_container(
    struct arena *arena, const char *name, const char *image, const char *const *command, size_t len);
/* a=b pairs of --from-literal and files of --from-file, --from-env-file, into `data` (base64 when `encoded`).
 */
struct data_flags {
	struct flag_list literals, files, env_files;
};
int generator_data(struct generator *g, const struct data_flags *flags, bool encoded, struct json *object,
    struct error *err);

/* Whom a role binding names. */
struct subject_flags {
	struct flag_list users, groups, accounts;
};
#define SUBJECT_FLAGS(f)                                                                                     \
	{"user", 0, FLAG_ARRAY, &(f)->users, "User; may repeat"},                                            \
	    {"group", 0, FLAG_ARRAY, &(f)->groups, "Group; may repeat"},                                     \
	{                                                                                                    \
		"serviceaccount", 0, FLAG_ARRAY, &(f)->accounts, "NAMESPACE:NAME; may repeat"                \
	}
/* As `subjects` of a binding. */
int subjects_make(struct kubectl *k, const struct subject_flags *flags, struct json **ret, struct error *err);

#endif
