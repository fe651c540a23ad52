/* kubectl edit: an object in $KUBE_EDITOR or $EDITOR; what changed is sent as a patch. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"
#include "lib/api/yaml.h"

static const char head[] =
    "# Please edit the object below. Lines beginning with a '#' will be ignored,\n"
    "# and an empty file will abort the edit. If an error occurs while saving this file will be\n"
    "# reopened with the relevant failures.\n#\n";

static int run_editor(const char *path, struct error *err)
{
	const char *editor = str_or(getenv("KUBE_EDITOR"), str_or(getenv("EDITOR"), "vi"));
	pid_t pid = fork();
	int status;
	if (pid < 0)
		return error_set_errno(err, errno, "fork");
	if (pid == 0) {
		/* The editor is a command line of its own: `code --wait`. */
		char command[1024];
		snprintf(command, sizeof(command), "%s \"$0\"", editor);
		execl("/bin/sh", "sh", "-c", command, path, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return error_set(err, ERR_PARSE, "there was a problem with the editor \"%s\"", editor);
	return 0;
}

/* The object as text, edited; *ret NULL when nothing was changed or the file is empty. */
static int edit_text(
    struct kubectl *k, const struct json *object, const char *why, struct json **ret, struct error *err)
{
	char path[] = "/tmp/kubectl-edit-XXXXXX.yaml";
	struct buf before = BUF_INIT;
	char *after;
	size_t size;
	int fd = mkstemps(path, 5), result = -1;
	*ret = NULL;
	if (fd < 0)
		return error_set_errno(err, errno, "making a temporary file");
	close(fd);
	buf_puts(&before, head);
	if (why)
		buf_printf(&before, "# %s\n#\n", why);
	yaml_write(&before, object);
	if (!file_write(path, buf_str(&before), before.size, err) && !run_editor(path, err) &&
	    !file_read(k, path, &after, &size, err)) {
		bool same = size == before.size && memcmp(after, buf_str(&before), size) == 0;
		result = same ? 0 : yaml_parse(k->arena, after, size, NULL, ret, err);
		if (result)
			err->code = ERR_PARSE;
	}
	unlink(path);
	buf_done(&before);
	return result;
}

static int edit_one(struct kubectl *k, struct write_flags *w, const struct target *target,
    bool *ret_cancelled, struct error *err)
{
	struct json *before = json_clone(k->arena, target->tree), *after, *patched;
	const char *why = NULL;
	tree_remove(before, "metadata.managedFields");
	json_sort(before);
	const struct json *shown = before;
	for (;;) {
		if (edit_text(k, shown, why, &after, err))
			return -1;
		*ret_cancelled = !after || after->type != JSON_OBJECT || json_equal(before, after);
		if (*ret_cancelled && why) {
			*ret_cancelled = false;
			return error_set(err, ERR_PARSE, "Edit cancelled, no valid changes were saved.");
		}
		if (*ret_cancelled)
			return 0;
		if (!write_difference(
			k, w, target->mapping, target->ns, before, after, "kubectl-edit", &patched, err))
			return write_done(
			    k, w, target->mapping, patched ? patched : target->tree, "edited", err);
		if (err->code != ERR_INVALID && err->code != ERR_BAD_REQUEST)
			return -1;
		why = arena_strdup(k->arena, report_text(k, err));
		report_error(k, err);
		error_clear(err);
		shown = after;
	}
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	struct write_flags w = {0};
	const char *subresource = NULL;
	bool save = false, windows = false;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&w), VALIDATE_FLAG(&w),
	    {"save-config", 0, FLAG_BOOL, &save, "Accepted and ignored"},
	    {"windows-line-endings", 0, FLAG_BOOL, &windows, "Accepted and ignored"},
	    {"subresource", 0, FLAG_STRING, &subresource, "Not supported"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len, cancelled = 0;
	if (kubectl_parse(k, "kubectl edit (RESOURCE/NAME | -f FILENAME)", flags, argc, argv, &args, err) ||
	    write_flags_check(k, &w, err))
		return -1;
	const struct target_query query = {.args = args.items, .args_len = args.len, .files = &files};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		bool is_cancelled = false;
		if (edit_one(k, &w, &targets[i], &is_cancelled, &one))
			failures_add(k, &failures, &one);
		cancelled += is_cancelled;
	}
	if (cancelled)
		fprintf(stderr, "Edit cancelled, no changes made.\n");
	return failures_result(k, &failures, err);
}

const struct command command_edit = {
    "edit", NULL, "Basic Commands (Intermediate):", "Edit a resource on the server", run};
