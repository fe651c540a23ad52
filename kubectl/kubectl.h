/*
 * kubectl: what every verb works with: the parsed global flags, the connection (made on first use) and the
 * arena in which everything of one invocation lives. One process runs one verb, so the arena is freed at the
 * end only; loops over streams (watch, logs) use arenas of their own.
 */
#ifndef CUBE_KUBECTL_KUBECTL_H
#define CUBE_KUBECTL_KUBECTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/flags.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"

struct loop;
struct mapper;
struct rest_client;

struct globals { /* flags that every verb takes */
	const char *kubeconfig, *context, *cluster, *user, *ns, *server, *token, *as, *tls_server_name;
	const char *ca_file, *key_file, *cert_file, *request_timeout, *username, *password;
	struct flag_list as_groups;
	bool insecure, insecure_set, help, ns_set, match_server_version, warnings_as_errors;
	int64_t verbosity;
	const char
	    *ignored; /* flags that stock has and that mean nothing here: --cache-dir, --profile, ... */
};

struct kubectl {
	struct arena *arena;
	struct globals globals;
	char command_path[64]; /* "kubectl get", "kubectl config view": for help and errors */
	struct loop *loop;
	struct rest_config config; /* valid after kubectl_connect() or kubectl_config() */
	bool has_config;
	struct rest_client *rest;
	struct mapper *mapper;
	struct json *status; /* the last Status that an error was made of, whole; NULL before */
	int exit_code;       /* what main() returns when the verb itself succeeds */
};

struct command {
	const char *name;
	const char *aliases; /* "list,ls", or NULL */
	const char *group;   /* heading in `kubectl --help` */
	const char *summary;
	int (*run)(struct kubectl *k, int argc, char **argv, struct error *err); /* argv[0] is the verb */
};

/* Every verb of commands.def: cmd/NAME.c defines command_NAME. */
#define COMMAND(name) extern const struct command command_##name;
#include "kubectl/commands.def"
#undef COMMAND

/* Positional arguments of a verb; items end with NULL. `dash` is the index of the first behind `--`, or -1.
 */
struct args {
	const char **items;
	size_t len;
	int dash;
};
/*
 * Parses a verb's flags (may be NULL) together with the global ones. `usage` is printed for --help, which
 * ends the process. Flags and the text they point to stay valid for the process' life.
 */
int kubectl_parse(struct kubectl *k, const char *usage, const struct flag *flags, int argc, char **argv,
    struct args *ret, struct error *err);
/* Runs argv[0] out of a NULL-terminated table: `kubectl config view`. Global flags may stand before the name.
 */
int kubectl_dispatch(struct kubectl *k, const struct command *const *commands, const char *usage, int argc,
    char **argv, struct error *err);

void kubectl_print_global_flags(struct kubectl *k);

int kubectl_config(struct kubectl *k, struct error *err);  /* fills k->config */
int kubectl_connect(struct kubectl *k, struct error *err); /* and makes k->rest */
/* The namespace that requests go to: --namespace or the context's. Empty on error never: "default". */
const char *kubectl_namespace(struct kubectl *k);
int64_t kubectl_now_s(void);

/* A flag that ends a table of flags, and one that is accepted for compatibility and changes nothing. */
#define FLAG_END                                                                                             \
	{                                                                                                    \
		NULL                                                                                         \
	}

/* -- errors as stock words them (report.c)
 * ------------------------------------------------------------------------ */

/* Prints err to standard error and returns the exit code. Empty messages print nothing. */
int report_error(const struct kubectl *k, const struct error *err);
/* The text of one error among several: no "error: " in front, no special form for invalid objects. */
const char *report_text(const struct kubectl *k, const struct error *err);
bool report_is_server(const struct error *err);
/* Puts `error when VERB "SOURCE": ` in front of a server's message; other errors keep theirs. */
void report_add_source(struct kubectl *k, struct error *err, const char *verb, const char *source);
void report_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Errors of several objects of one verb: the work goes on, and all are printed at the end. */
struct failures {
	size_t len, cap;
	struct failure {
		struct error err;
		struct json *status;
	} * items;
};
void failures_add(struct kubectl *k, struct failures *list, struct error *err); /* clears err */
/* 0 when the list is empty; otherwise fills err (one) or prints them and fills an empty error. */
int failures_result(struct kubectl *k, const struct failures *list, struct error *err);
/* An error whose text has been printed already: the exit code is 1. */
int report_done(struct error *err);

#endif
