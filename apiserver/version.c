/* /version, and the same facts for metrics. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "apiserver/pipeline.h"
#include "lib/base/buf.h"

void version_info(struct version_info *ret)
{
	struct utsname u;

	uname(&u);
	*ret = (struct version_info){.major = "1",
	    .minor = "32",
	    .git_version = "v1.32.0+cube",
	    .git_commit = "",
	    .git_tree_state = "clean",
	    .build_date = "2025-01-01T00:00:00Z",
	    .go_version = "none",
	    .compiler = "cc"};
	snprintf(ret->platform, sizeof ret->platform, "linux/%s",
	    !strcmp(u.machine, "x86_64")    ? "amd64"
	    : !strcmp(u.machine, "aarch64") ? "arm64"
					    : u.machine);
}

int version_serve(struct api_request *req, struct error *err)
{
	struct version_info v;
	struct buf out = BUF_INIT;

	version_info(&v);
	buf_printf(&out,
	    "{\n  \"major\": \"%s\",\n  \"minor\": \"%s\",\n  \"gitVersion\": \"%s\",\n  \"gitCommit\": "
	    "\"%s\",\n"
	    "  \"gitTreeState\": \"%s\",\n  \"buildDate\": \"%s\",\n  \"goVersion\": \"%s\",\n"
	    "  \"compiler\": \"%s\",\n  \"platform\": \"%s\"\n}",
	    v.major, v.minor, v.git_version, v.git_commit, v.git_tree_state, v.build_date, v.go_version,
	    v.compiler, v.platform);
	api_respond_body(req, 200, "application/json", &out);
	return API_DONE;
}
