/* kubectl create namespace, configmap, secret, serviceaccount, token, quota, priorityclass. */
#include <stdio.h>
#include <string.h>

#include "kubectl/create.h"
#include "kubectl/files.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/printer.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"

static int run_namespace(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	if (generator_parse(
		&g, "kubectl create namespace NAME [--dry-run=server|client|none]", NULL, argc, argv, err))
		return -1;
	struct json *object = tree_new(k->arena, "v1", "Namespace", g.name, NULL);
	json_set(k->arena, object, "spec", json_new_object(k->arena));
	json_set(k->arena, object, "status", json_new_object(k->arena));
	return generator_finish(&g, object, err);
}

const struct command create_namespace = {
    "namespace", "ns", NULL, "Create a namespace with the specified name", run_namespace};

static int run_service_account(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	if (generator_parse(&g, "kubectl create serviceaccount NAME [--dry-run=server|client|none]", NULL,
		argc, argv, err))
		return -1;
	return generator_finish(&g, tree_new(k->arena, "v1", "ServiceAccount", g.name, NULL), err);
}

const struct command create_service_account = {
    "serviceaccount", "sa", NULL, "Create a service account with the specified name", run_service_account};

#define DATA_FLAGS(d)                                                                                        \
	{"from-literal", 0, FLAG_ARRAY, &(d)->literals, "KEY=VALUE; may repeat"},                            \
	    {"from-file", 0, FLAG_LIST, &(d)->files, "[KEY=]FILE or a folder; may repeat"},                  \
	{                                                                                                    \
		"from-env-file", 0, FLAG_LIST, &(d)->env_files, "File with lines KEY=VALUE"                  \
	}

static int run_config_map(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct data_flags data = {0};
	bool hash = false;
	const struct flag flags[] = {
	    DATA_FLAGS(&data), {"append-hash", 0, FLAG_BOOL, &hash, "Not supported"}, FLAG_END};
	if (generator_parse(&g,
		"kubectl create configmap NAME [--from-file=[key=]source] [--from-literal=key1=value1]",
		flags, argc, argv, err))
		return -1;
	struct json *object = tree_new(k->arena, "v1", "ConfigMap", g.name, NULL);
	if (generator_data(&g, &data, false, object, err))
		return -1;
	return generator_finish(&g, object, err);
}

const struct command create_config_map = {"configmap", "cm", NULL,
    "Create a config map from a local file, directory or literal value", run_config_map};

static int run_generic(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct data_flags data = {0};
	const char *type = NULL;
	bool hash = false;
	const struct flag flags[] = {DATA_FLAGS(&data), {"type", 0, FLAG_STRING, &type, "Type of the secret"},
	    {"append-hash", 0, FLAG_BOOL, &hash, "Not supported"}, FLAG_END};
	if (generator_parse(&g,
		"kubectl create secret generic NAME [--type=string] [--from-file=[key=]source] "
		"[--from-literal=key1=value1]",
		flags, argc, argv, err))
		return -1;
	struct json *object = tree_new(k->arena, "v1", "Secret", g.name, NULL);
	if (generator_data(&g, &data, true, object, err))
		return -1;
	if (!str_empty(type))
		tree_set_text(k->arena, object, "type", type);
	return generator_finish(&g, object, err);
}

static int run_tls(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	const char *cert = NULL, *key = NULL;
	char *cert_text, *key_text;
	size_t cert_size, key_size;
	const struct flag flags[] = {{"cert", 0, FLAG_STRING, &cert, "File of the certificate"},
	    {"key", 0, FLAG_STRING, &key, "File of the key"}, FLAG_END};
	if (generator_parse(&g,
		"kubectl create secret tls NAME --cert=path/to/cert/file --key=path/to/key/file", flags, argc,
		argv, err))
		return -1;
	if (!cert || !key)
		return error_set(err, ERR_PARSE, "key and cert must be specified");
	if (file_read(k, cert, &cert_text, &cert_size, err) || file_read(k, key, &key_text, &key_size, err))
		return -1;
	if (!strstr(cert_text, "-----BEGIN") || !strstr(key_text, "-----BEGIN"))
		return error_set(err, ERR_PARSE, "tls: failed to find any PEM data in %s input",
		    strstr(cert_text, "-----BEGIN") ? "key" : "certificate");
	struct json *object = tree_new(k->arena, "v1", "Secret", g.name, NULL),
		    *data = json_new_object(k->arena);
	json_set(
	    k->arena, data, "tls.crt", json_new_string(k->arena, str_base64(k->arena, cert_text, cert_size)));
	json_set(
	    k->arena, data, "tls.key", json_new_string(k->arena, str_base64(k->arena, key_text, key_size)));
	json_set(k->arena, object, "data", data);
	tree_set_text(k->arena, object, "type", "kubernetes.io/tls");
	return generator_finish(&g, object, err);
}

static int run_docker(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	const char *server = "https://index.docker.io/v1/", *user = NULL, *password = NULL, *email = NULL;
	struct flag_list files = {0};
	const struct flag flags[] = {{"docker-server", 0, FLAG_STRING, &server, "Registry"},
	    {"docker-username", 0, FLAG_STRING, &user, "User"},
	    {"docker-password", 0, FLAG_STRING, &password, "Password"},
	    {"docker-email", 0, FLAG_STRING, &email, "E-mail"},
	    {"from-file", 0, FLAG_LIST, &files, "A file such as ~/.docker/config.json"}, FLAG_END};
	if (generator_parse(&g,
		"kubectl create secret docker-registry NAME --docker-username=user "
		"--docker-password=password --docker-email=email",
		flags, argc, argv, err))
		return -1;
	struct json *object = tree_new(k->arena, "v1", "Secret", g.name, NULL),
		    *data = json_new_object(k->arena);
	struct buf text = BUF_INIT;
	if (files.len) {
		char *content;
		size_t size;
		const char *eq = strchr(files.items[0], '=');
		if (file_read(k, eq ? eq + 1 : files.items[0], &content, &size, err))
			return -1;
		buf_append(&text, content, size);
	} else {
		if (!user || !password)
			return error_set(err, ERR_PARSE,
			    "either --from-file or the combination of --docker-username, --docker-password "
			    "and --docker-server is required");
		struct json *config = json_new_object(k->arena), *auths = json_new_object(k->arena),
			    *entry = json_new_object(k->arena);
		const char *pair = arena_printf(k->arena, "%s:%s", user, password);
		tree_set_text(k->arena, entry, "username", user);
		tree_set_text(k->arena, entry, "password", password);
		if (email)
			tree_set_text(k->arena, entry, "email", email);
		tree_set_text(k->arena, entry, "auth", str_base64(k->arena, pair, strlen(pair)));
		json_set(k->arena, auths, server, entry);
		json_set(k->arena, config, "auths", auths);
		json_write(&text, config, 0);
	}
	json_set(k->arena, data, ".dockerconfigjson",
	    json_new_string(k->arena, str_base64(k->arena, buf_str(&text), text.size)));
	buf_done(&text);
	json_set(k->arena, object, "data", data);
	tree_set_text(k->arena, object, "type", "kubernetes.io/dockerconfigjson");
	return generator_finish(&g, object, err);
}

static const struct command secret_generic = {
    "generic", NULL, NULL, "Create a secret from a local file, directory, or literal value", run_generic};
static const struct command secret_tls = {"tls", NULL, NULL, "Create a TLS secret", run_tls};
static const struct command secret_docker = {
    "docker-registry", NULL, NULL, "Create a secret for use with a Docker registry", run_docker};
static const struct command *const secrets[] = {&secret_docker, &secret_generic, &secret_tls, NULL};

static int run_secret(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(k, secrets, "Create a secret with specified type.", argc, argv, err);
}

const struct command create_secret = {
    "secret", NULL, NULL, "Create a secret using a specified subcommand", run_secret};

static int run_token(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *output = NULL, *bound_kind = NULL, *bound_name = NULL, *bound_uid = NULL;
	struct flag_list audiences = {0};
	int64_t duration_ms = 0;
	const struct flag flags[] = {{"audience", 0, FLAG_ARRAY, &audiences, "Audience; may repeat"},
	    {"duration", 0, FLAG_DURATION, &duration_ms, "How long it is valid"},
	    {"output", 'o', FLAG_STRING, &output, "json or yaml"},
	    {"bound-object-kind", 0, FLAG_STRING, &bound_kind, "Pod, Secret or Node"},
	    {"bound-object-name", 0, FLAG_STRING, &bound_name, "Its name"},
	    {"bound-object-uid", 0, FLAG_STRING, &bound_uid, "Its uid"}, FLAG_END};
	struct args args;
	struct printer *printer;
	struct arena *a = k->arena;
	if (kubectl_parse(
		k, "kubectl create token SERVICE_ACCOUNT_NAME [flags]", flags, argc, argv, &args, err) ||
	    printer_parse(k, output, NULL, &printer, err))
		return -1;
	if (args.len != 1)
		return error_set(err, ERR_PARSE,
		    "exactly one NAME is required, got %zu\nSee 'kubectl create token -h' for help and "
		    "examples",
		    args.len);
	struct json *request = tree_new(a, "authentication.k8s.io/v1", "TokenRequest", NULL, NULL),
		    *list = json_new_array(a), *answer;
	for (size_t i = 0; i < audiences.len; i++)
		json_push(a, list, json_new_string(a, audiences.items[i]));
	tree_set(a, request, "spec.audiences", list);
	if (duration_ms > 0)
		tree_set(a, request, "spec.expirationSeconds", json_new_int(a, duration_ms / 1000));
	if (bound_kind) {
		tree_set_text(a, request, "spec.boundObjectRef.kind", bound_kind);
		tree_set_text(a, request, "spec.boundObjectRef.apiVersion", "v1");
		tree_set_text(a, request, "spec.boundObjectRef.name", str_or(bound_name, ""));
		if (bound_uid)
			tree_set_text(a, request, "spec.boundObjectRef.uid", bound_uid);
	}
	const char *path = session_path(
	    k, mapper_built_in(k, "serviceaccounts"), kubectl_namespace(k), args.items[0], "token");
	if (session_call(k, "POST", path, request, &answer, err)) {
		if (report_is_server(err))
			error_prefix(err, "failed to create token");
		if (err->code == ERR_NOT_FOUND)
			err->code = ERR_PARSE;
		return -1;
	}
	if (printer)
		return printer_print(k, printer, NULL, answer, err);
	printf("%s\n", tree_text(answer, "status.token", ""));
	return 0;
}

const struct command create_token = {"token", NULL, NULL, "Request a service account token", run_token};

static int run_quota(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	struct flag_list hard = {0}, scopes = {0};
	const struct flag flags[] = {{"hard", 0, FLAG_LIST, &hard, "RESOURCE=QUANTITY,..."},
	    {"scopes", 0, FLAG_LIST, &scopes, "Scopes"}, FLAG_END};
	if (generator_parse(&g,
		"kubectl create quota NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2]", flags,
		argc, argv, err))
		return -1;
	struct json *object = tree_new(k->arena, "v1", "ResourceQuota", g.name, NULL),
		    *map = json_new_object(k->arena);
	struct json *list = json_new_array(k->arena);
	for (size_t i = 0; i < hard.len; i++) {
		const char *eq = strchr(hard.items[i], '=');
		if (!eq)
			return error_set(err, ERR_PARSE,
			    "invalid argument syntax %s, expected <resource>=<value>", hard.items[i]);
		json_set(k->arena, map, arena_strndup(k->arena, hard.items[i], (size_t)(eq - hard.items[i])),
		    json_new_string(k->arena, eq + 1));
	}
	for (size_t i = 0; i < scopes.len; i++)
		json_push(k->arena, list, json_new_string(k->arena, scopes.items[i]));
	json_set(k->arena, object, "spec", json_new_object(k->arena));
	if (map->len)
		tree_set(k->arena, object, "spec.hard", map);
	if (list->len)
		tree_set(k->arena, object, "spec.scopes", list);
	json_set(k->arena, object, "status", json_new_object(k->arena));
	return generator_finish(&g, object, err);
}

const struct command create_quota = {
    "quota", "resourcequota", NULL, "Create a quota with the specified name", run_quota};

static int run_priority_class(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct generator g = {.k = k};
	int64_t value = 0;
	bool is_default = false;
	const char *description = NULL, *preemption = "PreemptLowerPriority";
	const struct flag flags[] = {{"value", 0, FLAG_INT, &value, "Priority"},
	    {"global-default", 0, FLAG_BOOL, &is_default, "For pods that name none"},
	    {"description", 0, FLAG_STRING, &description, "What it is for"},
	    {"preemption-policy", 0, FLAG_STRING, &preemption, "PreemptLowerPriority or Never"}, FLAG_END};
	if (generator_parse(&g, "kubectl create priorityclass NAME --value=VALUE --global-default=BOOL",
		flags, argc, argv, err))
		return -1;
	struct json *object = tree_new(k->arena, "scheduling.k8s.io/v1", "PriorityClass", g.name, NULL);
	if (description)
		tree_set_text(k->arena, object, "description", description);
	if (is_default)
		json_set(k->arena, object, "globalDefault", json_new_bool(k->arena, true));
	tree_set_text(k->arena, object, "preemptionPolicy", preemption);
	json_set(k->arena, object, "value", json_new_int(k->arena, value));
	return generator_finish(&g, object, err);
}

const struct command create_priority_class = {
    "priorityclass", "pc", NULL, "Create a priority class with the specified name", run_priority_class};
