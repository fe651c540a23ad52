#include "proxy/cleanup.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/loop/process.h"
#include "proxy/base.h"
#include "proxy/podnet.h"

enum { TIMEOUT_MS = 60000 };

/* The pure part */

static bool jumps_to_ours(const char *line, size_t len)
{
	char from[64], to[64];
	const char *jump = NULL;
	for (const char *p = line; p + 4 < line + len; p++)
		if (memcmp(p, " -j ", 4) == 0 || memcmp(p, " -g ", 4) == 0)
			jump = p + 4;
	return jump && sscanf(line, "-A %63s", from) == 1 && !base_owns_chain(from) &&
	       sscanf(jump, "%63s", to) == 1 && base_owns_chain(to);
}

static void end_table(const char *table, struct buf *out, struct buf *remove, struct buf *drop)
{
	if (*table && (remove->size || drop->size)) {
		buf_printf(out, "*%s\n", table);
		/* Emptying all first, so that none of them is referred to when they go. */
		for (const char *line = buf_str(drop); *line; line = strchr(line, '\n') + 1)
			buf_printf(out, ":%.*s - [0:0]\n", (int)(strcspn(line, "\n") - 3), line + 3);
		buf_append(out, buf_str(remove), remove->size);
		buf_append(out, buf_str(drop), drop->size);
		buf_puts(out, "COMMIT\n");
	}
	buf_reset(remove);
	buf_reset(drop);
}

void cleanup_text(const char *saved, struct buf *out)
{
	struct buf remove = BUF_INIT, drop = BUF_INIT;
	char table[32] = "", name[64];
	for (const char *line = saved; *line;) {
		size_t len = strcspn(line, "\n");
		if (*line == '*') {
			end_table(table, out, &remove, &drop);
			snprintf(table, sizeof(table), "%.*s", (int)(len - 1), line + 1);
		} else if (*line == ':' && sscanf(line, ":%63s", name) == 1 && base_owns_chain(name)) {
			buf_printf(&drop, "-X %s\n", name);
		} else if (str_has_prefix(line, "-A ") && jumps_to_ours(line, len)) {
			buf_printf(&remove, "-D%.*s\n", (int)(len - 2), line + 2);
		}
		line += len + (line[len] == '\n');
	}
	end_table(table, out, &remove, &drop);
	buf_done(&remove);
	buf_done(&drop);
}

/* Running */

struct run {
	struct buf *out;
	int status;
};

static void on_done(void *arg, const struct process_result *result)
{
	struct run *run = arg;
	run->status = result->error || result->exit_code ? -1 : 0;
	if (run->status)
		log_debug("%s", result->error ? result->error->message : result->err_out);
	if (run->out)
		buf_append(run->out, result->out, result->out_size);
}

static int run(struct loop *loop, const struct buf *input, struct buf *out, const char *const *argv)
{
	struct run state = {out, -1};
	struct process_options options = {.argv = argv,
	    .input = input ? buf_str(input) : NULL,
	    .input_size = input ? input->size : 0,
	    .output_max = (size_t)512 << 20,
	    .timeout_ms = TIMEOUT_MS};
	process_spawn(loop, &options, on_done, &state);
	loop_run(loop); /* ends with the child: nothing else is on this loop */
	return state.status;
}

static int clean_tables(struct loop *loop, const char *mode)
{
	char save[64], restore[64];
	struct buf saved = BUF_INIT, text = BUF_INIT;
	int status = 0;
	snprintf(save, sizeof(save), "iptables-%s-save", mode);
	snprintf(restore, sizeof(restore), "iptables-%s-restore", mode);
	const char *const save_argv[] = {save, NULL}, *const restore_argv[] = {
							  restore, "-w", "5", "--noflush", NULL};
	if (run(loop, NULL, &saved, save_argv) == 0) {
		cleanup_text(buf_str(&saved), &text);
		if (text.size)
			status = run(loop, &text, NULL, restore_argv);
		if (status)
			log_error("%s failed: rules are left behind", restore);
	}
	buf_done(&saved);
	buf_done(&text);
	return status;
}

int cleanup_run(const struct cleanup_options *options)
{
	static const char *const flush[] = {"ip", "-4", "route", "flush", "proto", PODNET_ROUTE_PROTO, NULL};
	struct loop *loop = loop_new(NULL);
	char path[4096];
	int status = clean_tables(loop, "nft");
	/* Asking the legacy variant loads its modules; not when no table of it is in use. */
	if (access("/proc/net/ip_tables_names", R_OK) == 0)
		status |= clean_tables(loop, "legacy");
	run(loop, NULL, NULL, flush);
	if (!str_empty(options->bridge) && if_nametoindex(options->bridge)) {
		const char *const link[] = {"ip", "link", "delete", options->bridge, NULL};
		if (run(loop, NULL, NULL, link)) {
			log_error("can't delete the link %s", options->bridge);
			status = -1;
		}
	}
	if (!str_empty(options->conf_dir)) {
		snprintf(path, sizeof(path), "%s/" PODNET_CONF_FILE, options->conf_dir);
		if (unlink(path) && errno != ENOENT) {
			log_error("can't delete %s: %s", path, strerror(errno));
			status = -1;
		}
	}
	loop_free(loop);
	return status;
}
