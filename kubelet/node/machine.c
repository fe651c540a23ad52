#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kubelet/files.h"
#include "kubelet/node/node.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static void read_line(const char *path, char *out, size_t size)
{
	struct buf text = BUF_INIT;
	*out = 0;
	if (files_read(path, &text))
		snprintf(out, size, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
	buf_done(&text);
}

static int64_t read_number(const char *path)
{
	char line[64];
	int64_t n = 0;
	read_line(path, line, sizeof line);
	return str_to_int64(line, &n) ? n : 0;
}

/* A line "Key:   123 kB" of /proc/meminfo, in bytes. */
static int64_t meminfo(const char *text, const char *key)
{
	const char *p = strstr(text, key);
	return p ? atoll(p + strlen(key)) * 1024 : 0;
}

static void read_memory(struct machine *m)
{
	struct buf text = BUF_INIT;
	files_read("/proc/meminfo", &text);
	m->memory_bytes = meminfo(buf_str(&text), "MemTotal:");
	m->memory_available_bytes = meminfo(buf_str(&text), "MemAvailable:");
	m->swap_bytes = meminfo(buf_str(&text), "SwapTotal:");
	buf_done(&text);
}

static void read_file_system(struct machine *m, const char *root)
{
	struct statvfs fs;
	if (statvfs(root, &fs) < 0 && statvfs("/", &fs) < 0)
		return;
	m->fs_bytes = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	m->fs_available_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	m->fs_inodes = (int64_t)fs.f_files;
	m->fs_inodes_free = (int64_t)fs.f_ffree;
}

static void read_pids(struct machine *m)
{
	char line[128];
	const char *slash;
	m->pids_max = read_number("/proc/sys/kernel/pid_max");
	int64_t threads = read_number("/proc/sys/kernel/threads-max");
	if (threads && threads < m->pids_max)
		m->pids_max = threads;
	read_line("/proc/loadavg", line, sizeof line);
	slash = strchr(line, '/');
	m->pids_used = slash ? atoll(slash + 1) : 0;
}

static void read_os(struct machine *m)
{
	struct buf text = BUF_INIT;
	files_read("/etc/os-release", &text);
	const char *p = strstr(buf_str(&text), "PRETTY_NAME=");
	snprintf(m->os_image, sizeof m->os_image, "linux");
	if (p) {
		p += strlen("PRETTY_NAME=");
		p += *p == '"';
		snprintf(m->os_image, sizeof m->os_image, "%.*s", (int)strcspn(p, "\"\n"), p);
	}
	buf_done(&text);
}

/* The address that packets to the default route leave with: a connected datagram socket knows it, nothing is
 * sent. */
static void read_default_ip(char out[46])
{
	struct sockaddr_in far = {.sin_family = AF_INET,
			       .sin_port = htons(9),
			       .sin_addr.s_addr = htonl(0x08080808)},
			   near;
	socklen_t len = sizeof near;
	snprintf(out, 46, "127.0.0.1");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&far, sizeof far) == 0 &&
	    getsockname(fd, (struct sockaddr *)&near, &len) == 0)
		inet_ntop(AF_INET, &near.sin_addr, out, 46);
	close(fd);
}

static const char *go_arch(const char *machine)
{
	return str_eq(machine, "x86_64") ? "amd64" : str_eq(machine, "aarch64") ? "arm64" : machine;
}

void machine_read(struct machine *m, const char *root_dir)
{
	struct utsname u;
	memset(m, 0, sizeof *m);
	m->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	uname(&u);
	snprintf(m->kernel, sizeof m->kernel, "%s", u.release);
	snprintf(m->arch, sizeof m->arch, "%.15s", go_arch(u.machine));
	snprintf(m->hostname, sizeof m->hostname, "%s", u.nodename);
	read_line("/etc/machine-id", m->machine_id, sizeof m->machine_id);
	read_line("/proc/sys/kernel/random/boot_id", m->boot_id, sizeof m->boot_id);
	read_line("/sys/class/dmi/id/product_uuid", m->system_uuid, sizeof m->system_uuid);
	if (!*m->system_uuid)
		snprintf(m->system_uuid, sizeof m->system_uuid, "%s", m->machine_id);
	read_os(m);
	read_default_ip(m->default_ip);
	machine_read_pressure(m, root_dir);
}

void machine_read_pressure(struct machine *m, const char *root_dir)
{
	read_memory(m);
	read_file_system(m, root_dir);
	read_pids(m);
}
