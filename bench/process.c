/* What the kernel knows about another process. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* The process' CPU clock: in nanoseconds, where /proc/PID/stat counts ticks of 10 ms. */
int64_t process_cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec ts;
	if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return 0;
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static size_t status_kb(pid_t pid, const char *field)
{
	char path[64], line[256];
	size_t kb = 0, size = strlen(field);
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, field, size) && line[size] == ':')
			kb = strtoul(line + size + 1, NULL, 10);
	fclose(f);
	return kb;
}

size_t process_rss(pid_t pid)
{
	return status_kb(pid, "VmRSS") * 1024;
}

size_t process_rss_peak(pid_t pid)
{
	return status_kb(pid, "VmHWM") * 1024;
}

void process_rss_peak_reset(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
	FILE *f = fopen(path, "we");
	if (!f)
		return;
	fputs("5", f);
	fclose(f);
}
