#include "proxy/iptables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/loop/process.h"
#include "proxy/base.h"

#define OUTPUT_MAX ((size_t)512 << 20)
enum { TIMEOUT_MS = 60000, CANARY_TIMEOUT_MS = 20000 };

struct iptables {
	struct loop *loop;
	char mode[32];
	struct process *process, *canary;
	void (*on_save)(void *arg, const char *text, const struct error *err);
	void (*on_restore)(void *arg, const struct error *err);
	void *arg;
	void (*on_canary)(void *arg, bool is_there);
	void *canary_arg;
	/* Detection comes before the first save. */
	long legacy_rules;
};

static void set_mode(struct iptables *ipt, const char *mode)
{
	snprintf(ipt->mode, sizeof(ipt->mode), "%s", mode);
}

struct iptables *iptables_new(struct loop *loop, const char *mode)
{
	struct iptables *ipt = calloc(1, sizeof(*ipt));
	if (!ipt)
		abort();
	ipt->loop = loop;
	if (!str_empty(mode))
		snprintf(ipt->mode, sizeof(ipt->mode), "iptables-%s", mode);
	return ipt;
}

void iptables_free(struct iptables *ipt)
{
	if (!ipt)
		return;
	process_cancel(ipt->process);
	process_cancel(ipt->canary);
	free(ipt);
}

const char *iptables_mode(const struct iptables *ipt)
{
	return ipt->mode;
}

/* Why a run was no success, with the first line of what it said. */
static int result_error(const struct process_result *result, const char *what, struct error *err)
{
	if (result->error)
		return error_set(err, result->error->code, "%s: %s", what, result->error->message);
	if (result->exit_code == 0)
		return 0;
	return error_set(err, ERR_IO, "%s: exit status %d: %.*s", what, result->exit_code,
	    (int)strcspn(result->err_out, "\n"), result->err_out);
}

static struct process *run(struct iptables *ipt, const char *suffix, const char *const *args,
    const void *input, size_t input_size, int64_t timeout_ms,
    void (*done)(void *arg, const struct process_result *result))
{
	char program[64];
	const char *argv[12] = {program};
	size_t len = 1;
	snprintf(program, sizeof(program), "%s%s", ipt->mode, suffix);
	while (args && *args && len < 11)
		argv[len++] = *args++;
	struct process_options options = {.argv = argv,
	    .input = input,
	    .input_size = input_size,
	    .timeout_ms = timeout_ms,
	    .output_max = OUTPUT_MAX};
	return process_spawn(ipt->loop, &options, done, ipt);
}

/* Detection */

static long count_rules(const char *saved)
{
	long rules = 0;
	for (const char *p = saved; (p = strstr(p, "-A ")); p++)
		rules += p == saved || p[-1] == '\n';
	return rules;
}

static void start_save(struct iptables *ipt);

static void on_nft_counted(void *arg, const struct process_result *result)
{
	struct iptables *ipt = arg;
	set_mode(ipt, !result->error && ipt->legacy_rules <= count_rules(result->out) ? "iptables-nft"
										      : "iptables-legacy");
	start_save(ipt);
}

static void on_legacy_counted(void *arg, const struct process_result *result)
{
	struct iptables *ipt = arg;
	ipt->legacy_rules = count_rules(result->out);
	set_mode(ipt, "iptables-nft");
	ipt->process = run(ipt, "-save", NULL, NULL, 0, TIMEOUT_MS, on_nft_counted);
}

/* Reading legacy tables makes them; so they are only read when they are in use already. */
static bool legacy_is_in_use(void)
{
	char line[64];
	FILE *file = fopen("/proc/net/ip_tables_names", "re");
	bool any = file && fgets(line, sizeof(line), file);
	if (file)
		fclose(file);
	return any;
}

static void detect(struct iptables *ipt)
{
	if (!legacy_is_in_use()) {
		bool has_nft = !access("/usr/sbin/iptables-nft", X_OK) || !access("/sbin/iptables-nft", X_OK);
		set_mode(ipt, has_nft ? "iptables-nft" : "iptables");
		start_save(ipt);
		return;
	}
	set_mode(ipt, "iptables-legacy");
	ipt->process = run(ipt, "-save", NULL, NULL, 0, TIMEOUT_MS, on_legacy_counted);
}

/* Save and restore */

static void on_saved(void *arg, const struct process_result *result)
{
	struct iptables *ipt = arg;
	struct error err = ERROR_INIT;
	ipt->process = NULL;
	if (result_error(result, "iptables-save", &err))
		ipt->on_save(ipt->arg, NULL, &err);
	else
		ipt->on_save(ipt->arg, result->out, NULL);
}

static void start_save(struct iptables *ipt)
{
	ipt->process = run(ipt, "-save", NULL, NULL, 0, TIMEOUT_MS, on_saved);
}

void iptables_save(
    struct iptables *ipt, void (*done)(void *arg, const char *text, const struct error *err), void *arg)
{
	ipt->on_save = done;
	ipt->arg = arg;
	if (*ipt->mode)
		start_save(ipt);
	else
		detect(ipt);
}

static void on_restored(void *arg, const struct process_result *result)
{
	struct iptables *ipt = arg;
	struct error err = ERROR_INIT;
	ipt->process = NULL;
	ipt->on_restore(ipt->arg, result_error(result, "iptables-restore", &err) ? &err : NULL);
}

void iptables_restore(struct iptables *ipt, const char *text, size_t size,
    void (*done)(void *arg, const struct error *err), void *arg)
{
	static const char *const args[] = {"-w", "5", "--noflush", NULL};
	ipt->on_restore = done;
	ipt->arg = arg;
	ipt->process = run(ipt, "-restore", args, text, size, TIMEOUT_MS, on_restored);
}

static void on_canary(void *arg, const struct process_result *result)
{
	struct iptables *ipt = arg;
	ipt->canary = NULL;
	/*
	 * A check that could not be made is no news: a locked table (exit status 4) must not cause the work
	 * of a full round. Both variants end with 1 when the chain is missing, with different words.
	 */
	bool failed = result->error || result->exit_code < 0 || result->exit_code > 1;
	ipt->on_canary(ipt->canary_arg, failed || strstr(result->out, "-A " BASE_CANARY));
}

void iptables_check_canary(struct iptables *ipt, void (*done)(void *arg, bool is_there), void *arg)
{
	static const char *const args[] = {"-w", "5", "-t", "nat", "-S", BASE_CANARY, NULL};
	if (ipt->canary)
		return;
	ipt->on_canary = done;
	ipt->canary_arg = arg;
	ipt->canary = run(ipt, "", args, NULL, 0, CANARY_TIMEOUT_MS, on_canary);
}
