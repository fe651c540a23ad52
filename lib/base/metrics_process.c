/* process_*: what every process of Cube says of itself. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/metrics.h"

struct process_metrics {
	struct metric_series *cpu, *resident, *virtual_, *open_fds, *max_fds;
};

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	double n = -3; /* ".", "..", and the one that reads them */
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n < 0 ? 0 : n;
}

/* Seconds since the epoch: now, less the time since boot, plus the start of this process in ticks after boot.
 */
static double start_time(void)
{
	char text[1024];
	FILE *f = fopen("/proc/self/stat", "re");
	size_t size = f ? fread(text, 1, sizeof text - 1, f) : 0;
	if (f)
		fclose(f);
	text[size] = '\0';
	const char *p = strrchr(text, ')'); /* the name before it may hold anything */
	unsigned long long ticks = 0;
	struct timespec up, now;
	if (!p ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		&ticks) != 1)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &up);
	clock_gettime(CLOCK_REALTIME, &now);
	return (double)(now.tv_sec - up.tv_sec) + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void read_process(void *arg)
{
	struct process_metrics *p = arg;
	unsigned long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f && fscanf(f, "%lu %lu", &pages, &resident) == 2) {
		metric_put(p->virtual_, (double)pages * (double)sysconf(_SC_PAGESIZE));
		metric_put(p->resident, (double)resident * (double)sysconf(_SC_PAGESIZE));
	}
	if (f)
		fclose(f);
	metric_put(p->cpu, cpu_seconds());
	metric_put(p->open_fds, open_fds());
	struct rlimit limit;
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		metric_put(p->max_fds, (double)limit.rlim_cur);
}

static struct metric_series *gauge(struct metric_set *set, const char *name, const char *help)
{
	return metric_series_of(metric_gauge(set, name, help, ""), NULL);
}

void metric_set_add_process(struct metric_set *set)
{
	struct process_metrics *p = metric_set_alloc(set, sizeof *p);
	p->cpu =
	    metric_series_of(metric_counter(set, "process_cpu_seconds_total", "CPU time used.", ""), NULL);
	p->resident = gauge(set, "process_resident_memory_bytes", "Resident memory.");
	p->virtual_ = gauge(set, "process_virtual_memory_bytes", "Virtual memory.");
	p->open_fds = gauge(set, "process_open_fds", "Open file descriptors.");
	p->max_fds = gauge(set, "process_max_fds", "Limit of open file descriptors.");
	metric_put(
	    gauge(set, "process_start_time_seconds", "Start of the process, since the epoch."), start_time());
	metric_set_on_write(set, read_process, p);
}
