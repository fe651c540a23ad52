#include "proxy/podnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"
#include "lib/loop/process.h"

enum { SOON_MS = 20, RETRY_MS = 30000, TIMEOUT_MS = 30000 };

struct peer {
	char cidr[64], address[64];
};

struct podnet {
	struct loop *loop;
	struct podnet_options options;
	struct strmap *peers;   /* node -> struct peer */
	struct strmap *applied; /* range -> char *address */
	struct strmap *wanted;  /* while a batch runs: what it makes true */
	struct process *process;
	struct loop_timer *timer;
	bool is_started, has_read, is_dirty;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* CNI configuration */

void podnet_conflist(const struct podnet_options *options, const char *pod_cidr, struct buf *out)
{
	buf_printf(out,
	    "{\n"
	    "  \"cniVersion\": \"0.4.0\",\n"
	    "  \"name\": \"cube\",\n"
	    "  \"plugins\": [\n"
	    "    {\n"
	    "      \"type\": \"bridge\",\n"
	    "      \"bridge\": \"%s\",\n"
	    "      \"isGateway\": true,\n"
	    "      \"ipMasq\": false,\n" /* kube-proxy masquerades what leaves the cluster, and only that */
	    "      \"hairpinMode\": true,\n"
	    "      \"ipam\": {\n"
	    "        \"type\": \"host-local\",\n",
	    options->bridge);
	if (!str_empty(options->data_dir))
		buf_printf(out, "        \"dataDir\": \"%s\",\n", options->data_dir);
	buf_printf(out,
	    "        \"ranges\": [[{ \"subnet\": \"%s\" }]],\n"
	    "        \"routes\": [{ \"dst\": \"0.0.0.0/0\" }]\n"
	    "      }\n"
	    "    },\n"
	    "    { \"type\": \"portmap\", \"capabilities\": { \"portMappings\": true } }\n"
	    "  ]\n"
	    "}\n",
	    pod_cidr);
}

static bool file_holds(const char *path, const struct buf *text)
{
	char data[4096];
	FILE *file = fopen(path, "re");
	size_t size = file ? fread(data, 1, sizeof(data), file) : 0;
	if (file)
		fclose(file);
	return file && size == text->size && memcmp(data, text->data, size) == 0;
}

/* The runtime watches the folder: the file must appear whole. */
static int write_file(const char *path, const struct buf *text, struct error *err)
{
	char temporary[4096];
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
		return error_set(err, ERR_IO, "path is too long");
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set_errno(err, errno, "create %s", temporary);
	bool written = write(fd, text->data, text->size) == (ssize_t)text->size;
	if (close(fd) || !written || rename(temporary, path)) {
		error_set_errno(err, errno, "write %s", path);
		unlink(temporary);
		return -1;
	}
	return 0;
}

static bool is_cidr(const char *text)
{
	char network[64];
	const char *slash = strchr(text, '/');
	struct in_addr ip;
	int64_t bits;
	snprintf(network, sizeof(network), "%.*s", slash ? (int)(slash - text) : 0, text);
	return slash && inet_pton(AF_INET, network, &ip) == 1 && str_to_int64(slash + 1, &bits) &&
	       bits >= 0 && bits <= 32;
}

int podnet_set_cidr(struct podnet *net, const char *pod_cidr, struct error *err)
{
	char path[4000];
	struct buf text = BUF_INIT;
	int status = 0;
	if (!is_cidr(pod_cidr))
		return error_set(err, ERR_INVALID, "pod CIDR \"%s\" is no IPv4 range", pod_cidr);
	snprintf(path, sizeof(path), "%s/" PODNET_CONF_FILE, net->options.conf_dir);
	podnet_conflist(&net->options, pod_cidr, &text);
	if (!file_holds(path, &text))
		status = write_file(path, &text, err);
	buf_done(&text);
	return status;
}

/* Routes */

void podnet_read_routes(const char *text, struct strmap *ret_routes)
{
	char cidr[64], address[64];
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "%63s via %63s", cidr, address) != 2)
			continue;
		if (!strchr(cidr, '/')) /* a single address */
			strcat(cidr, strlen(cidr) < 60 ? "/32" : "");
		free(strmap_put(ret_routes, cidr, must(strdup(address))));
	}
}

void podnet_route_batch(const struct strmap *applied, const struct strmap *wanted, struct buf *out)
{
	strmap_for_each (applied, e)
		if (!strmap_has(wanted, strmap_key(e)))
			buf_printf(out, "route del %s proto " PODNET_ROUTE_PROTO "\n", strmap_key(e));
	strmap_for_each (wanted, e)
		if (!str_eq(strmap_get(applied, strmap_key(e)), strmap_value(e)))
			buf_printf(out, "route replace %s via %s proto " PODNET_ROUTE_PROTO "\n",
			    strmap_key(e), (const char *)strmap_value(e));
}

static void run_batch(struct podnet *net);

static void schedule(struct podnet *net, int64_t ms)
{
	net->is_dirty = true;
	if (net->is_started && !net->process)
		loop_timer_start(net->timer, ms, 0);
}

static void on_timer(void *arg)
{
	struct podnet *net = arg;
	if (!net->process)
		run_batch(net);
}

static void on_batch_done(void *arg, const struct process_result *result)
{
	struct podnet *net = arg;
	net->process = NULL;
	bool failed = result->error || result->exit_code;
	if (failed)
		log_warning("routes to other nodes' pods: %s",
		    result->error ? result->error->message : result->err_out);
	strmap_free(net->applied, free);
	net->applied = net->wanted;
	net->wanted = NULL;
	if (failed) {
		net->has_read = false; /* what is there now is read again */
		schedule(net, RETRY_MS);
	} else if (net->is_dirty) {
		schedule(net, SOON_MS);
	}
}

static void on_routes_read(void *arg, const struct process_result *result)
{
	struct podnet *net = arg;
	net->process = NULL;
	if (result->error || result->exit_code) {
		log_warning("ip route: %s", result->error ? result->error->message : result->err_out);
		schedule(net, RETRY_MS);
		return;
	}
	strmap_free(net->applied, free);
	net->applied = strmap_new();
	podnet_read_routes(result->out, net->applied);
	net->has_read = true;
	run_batch(net);
}

static void run_ip(struct podnet *net, const char *const *argv, const struct buf *input,
    void (*done)(void *arg, const struct process_result *result))
{
	struct process_options options = {.argv = argv,
	    .input = input ? input->data : NULL,
	    .input_size = input ? input->size : 0,
	    .timeout_ms = TIMEOUT_MS};
	net->process = process_spawn(net->loop, &options, done, net);
}

static void run_batch(struct podnet *net)
{
	static const char *const show[] = {"ip", "-4", "route", "show", "proto", PODNET_ROUTE_PROTO, NULL};
	static const char *const batch[] = {"ip", "-4", "-force", "-batch", "-", NULL};
	struct buf text = BUF_INIT;
	if (!net->has_read) {
		run_ip(net, show, NULL, on_routes_read);
		return;
	}
	net->is_dirty = false;
	net->wanted = strmap_new();
	strmap_for_each (net->peers, e) {
		const struct peer *peer = strmap_value(e);
		free(strmap_put(net->wanted, peer->cidr, must(strdup(peer->address))));
	}
	podnet_route_batch(net->applied, net->wanted, &text);
	if (text.size) {
		run_ip(net, batch, &text, on_batch_done);
	} else {
		strmap_free(net->wanted, free);
		net->wanted = NULL;
	}
	buf_done(&text);
}

void podnet_set_node(struct podnet *net, const char *node, const char *pod_cidr, const char *address)
{
	struct peer *peer = strmap_get(net->peers, node);
	struct in_addr ip;
	bool wanted = !str_empty(pod_cidr) && !str_empty(address) && is_cidr(pod_cidr) &&
		      inet_pton(AF_INET, address, &ip) == 1;
	if (peer && wanted && str_eq(peer->cidr, pod_cidr) && str_eq(peer->address, address))
		return;
	if (!peer && !wanted)
		return;
	free(strmap_remove(net->peers, node));
	if (wanted) {
		peer = must(calloc(1, sizeof(*peer)));
		snprintf(peer->cidr, sizeof(peer->cidr), "%s", pod_cidr);
		snprintf(peer->address, sizeof(peer->address), "%s", address);
		strmap_put(net->peers, node, peer);
	}
	schedule(net, SOON_MS);
}

void podnet_start(struct podnet *net)
{
	net->is_started = true;
	schedule(net, 0);
}

/* Life */

struct podnet *podnet_new(struct loop *loop, const struct podnet_options *options)
{
	struct podnet *net = must(calloc(1, sizeof(*net)));
	net->loop = loop;
	net->options = *options;
	net->peers = strmap_new();
	net->applied = strmap_new();
	net->timer = loop_timer_new(loop, on_timer, net);
	return net;
}

void podnet_free(struct podnet *net)
{
	if (!net)
		return;
	process_cancel(net->process);
	loop_timer_free(net->timer);
	strmap_free(net->peers, free);
	strmap_free(net->applied, free);
	strmap_free(net->wanted, free);
	free(net);
}

/* Kernel settings */

static bool write_sysctl(const char *path, bool is_needed)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char value = 0;
	bool done = fd >= 0 && ((read(fd, &value, 1) == 1 && value == '1') || pwrite(fd, "1", 1, 0) == 1);
	if (!done && is_needed)
		log_warning("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done;
}

bool podnet_set_sysctls(void)
{
	write_sysctl("/proc/sys/net/ipv4/ip_forward", true);
	/* So that 127.0.0.1 reaches node ports; KUBE-FIREWALL keeps neighbours out. */
	write_sysctl("/proc/sys/net/ipv4/conf/all/route_localnet", true);
	/* Pods on one bridge talk past iptables without it, and answers of Services would come from the wrong
	 * address. */
	return write_sysctl("/proc/sys/net/bridge/bridge-nf-call-iptables", false);
}
