/* kubectl cp: files to and from containers, by tar on both sides. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/pods_of.h"
#include "kubectl/stream/remote.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"

struct place { /* [NAMESPACE/]POD:PATH, or a local path */
	const char *ns, *pod, *path;
};

struct copy {
	struct kubectl *k;
	const char *container;
	bool no_preserve;
	int out_fd; /* where the archive goes that the container writes */
};

static int parse_place(struct kubectl *k, const char *text, struct place *ret, struct error *err)
{
	const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
	*ret = (struct place){.path = text};
	if (!colon)
		return 0;
	if (colon == text)
		return error_set(
		    err, ERR_PARSE, "filespec must match the canonical format: [[namespace/]pod:]file/path");
	const char *pod = arena_strndup(k->arena, text, (size_t)(colon - text));
	ret->path = colon + 1;
	ret->ns = kubectl_namespace(k);
	if (slash && slash < colon) {
		ret->ns = arena_strndup(k->arena, text, (size_t)(slash - text));
		pod += slash - text + 1;
	}
	ret->pod = pod;
	if (!*ret->path)
		return error_set(err, ERR_PARSE, "filepath can not be empty");
	return 0;
}

/* Splits "/a/b/c/" into "/a/b" and "c". */
static void split_path(struct arena *arena, const char *path, const char **ret_folder, const char **ret_base)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	const char *whole = arena_strndup(arena, path, len), *slash = strrchr(whole, '/');
	*ret_base = slash ? slash + 1 : whole;
	*ret_folder = !slash           ? "."
		      : slash == whole ? "/"
				       : arena_strndup(arena, whole, (size_t)(slash - whole));
}

/* Starts a local tar; its end of the archive is the pipe. */
static pid_t start_tar(const char *const *argv, bool reads, int *ret_fd, struct error *err)
{
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC))
		return error_set_errno(err, errno, "pipe");
	pid_t pid = fork();
	if (pid < 0)
		return error_set_errno(err, errno, "fork");
	if (pid == 0) {
		dup2(reads ? pipe_fds[0] : pipe_fds[1], reads ? 0 : 1);
		execvp("tar", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(reads ? pipe_fds[0] : pipe_fds[1]);
	*ret_fd = reads ? pipe_fds[1] : pipe_fds[0];
	return pid;
}

static int finish_tar(pid_t pid, struct error *err)
{
	int status = 0;
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return error_set(
	    err, ERR_IO, "tar failed with exit code %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void on_output(void *arg, int channel, const char *data, size_t size)
{
	const struct copy *c = arg;
	remote_write_all(channel == 1 ? c->out_fd : 2, data, size);
}

static int run_there(struct copy *c, const struct place *place, const char *const *command, size_t len,
    int in_fd, int *code, struct error *err)
{
	struct kubectl *k = c->k;
	struct target target = {.mapping = mapper_built_in(k, "pods"), .ns = place->ns, .name = place->pod};
	if (target_get(k, &target, err))
		return -1;
	const char *container = pod_container(k, target.tree, c->container, err);
	if (!container)
		return -1;
	const struct remote remote = {.path = remote_path(k, place->ns, place->pod, "exec", container,
					  command, len, in_fd >= 0, true, true, false),
	    .in_fd = in_fd,
	    .on_output = on_output,
	    .arg = c};
	return remote_run(k, &remote, code, err);
}

/* True when the path is a folder there. */
static bool is_folder_there(struct copy *c, const struct place *place)
{
	const char *const command[] = {"test", "-d", place->path};
	struct error ignored = ERROR_INIT;
	int code = 1;
	c->out_fd = 2;
	return run_there(c, place, command, 3, -1, &code, &ignored) == 0 && code == 0;
}

static int copy_to(struct copy *c, const char *from, const struct place *to, struct error *err)
{
	const char *folder, *base, *there_folder, *there_base;
	struct stat st;
	int fd, code = 0;
	if (stat(from, &st))
		return error_set(err, ERR_PARSE, "%s doesn't exist in local filesystem", from);
	split_path(c->k->arena, from, &folder, &base);
	split_path(c->k->arena, to->path, &there_folder, &there_base);
	/* A folder there takes the file; anything else is its new name. */
	bool into = is_folder_there(c, to);
	const char *rename = arena_printf(c->k->arena, "s,^%s,%s,", base, into ? base : there_base);
	const char *const local[] = {"tar", "cf", "-", "-C", folder, "--transform", rename, base, NULL};
	pid_t pid = start_tar(local, false, &fd, err);
	if (pid < 0)
		return -1;
	const char *there = into ? to->path : there_folder;
	const char *const plain[] = {"tar", "-xmf", "-", "-C", there};
	const char *const loose[] = {
	    "tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", there};
	int result = run_there(c, to, c->no_preserve ? loose : plain, c->no_preserve ? 7 : 5, fd, &code, err);
	close(fd);
	if (!result && code)
		fprintf(stderr, "command terminated with exit code %d\n", code);
	if (result || code) {
		waitpid(pid, NULL, 0);
		c->k->exit_code = code;
		return result;
	}
	return finish_tar(pid, err);
}

static int copy_from(struct copy *c, const struct place *from, const char *to, struct error *err)
{
	const char *folder, *base, *here_folder, *here_base;
	struct stat st;
	int fd, code = 0;
	bool into = stat(to, &st) == 0 && S_ISDIR(st.st_mode);
	split_path(c->k->arena, from->path, &folder, &base);
	split_path(c->k->arena, to, &here_folder, &here_base);
	if (from->path[0] == '/')
		fprintf(stderr, "tar: removing leading '/' from member names\n");
	const char *rename = arena_printf(c->k->arena, "s,^%s,%s,", base, here_base);
	const char *const inside[] = {"tar", "xmf", "-", "-C", to, NULL};
	const char *const renamed[] = {"tar", "xmf", "-", "-C", here_folder, "--transform", rename, NULL};
	pid_t pid = start_tar(into ? inside : renamed, true, &fd, err);
	if (pid < 0)
		return -1;
	c->out_fd = fd;
	const char *const command[] = {"tar", "cf", "-", "-C", folder, base};
	int result = run_there(c, from, command, 6, -1, &code, err);
	close(fd);
	struct error local = ERROR_INIT;
	int local_result = finish_tar(pid, &local);
	c->k->exit_code = code;
	if (!result && code)
		fprintf(stderr, "command terminated with exit code %d\n", code);
	if (!result && !code && local_result) {
		*err = local;
		return -1;
	}
	return result;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct copy c = {.k = k, .out_fd = 1};
	int64_t retries = 0;
	const struct flag flags[] = {{"container", 'c', FLAG_STRING, &c.container, "Container"},
	    {"no-preserve", 0, FLAG_BOOL, &c.no_preserve, "Do not keep owner and permissions"},
	    {"retries", 0, FLAG_INT, &retries, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct place from, to;
	if (kubectl_parse(
		k, "kubectl cp <file-spec-src> <file-spec-dest> [flags]", flags, argc, argv, &args, err))
		return -1;
	if (args.len != 2)
		return error_set(err, ERR_PARSE, "source and destination are required");
	if (parse_place(k, args.items[0], &from, err) || parse_place(k, args.items[1], &to, err))
		return -1;
	if (from.pod && to.pod)
		return error_set(err, ERR_PARSE, "one of src or dest must be a local file specification");
	if (!from.pod && !to.pod)
		return error_set(err, ERR_PARSE, "one of src or dest must be a remote file specification");
	return from.pod ? copy_from(&c, &from, to.path, err) : copy_to(&c, from.path, &to, err);
}

const struct command command_cp = {"cp", NULL,
    "Troubleshooting and Debugging Commands:", "Copy files and directories to and from containers", run};
