#include "kubelet/pods/dns.h"

#include <stdio.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/pods/pod_facts.h"
#include "kubelet/runtime/convert.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static void add_unique(struct arena *arena, size_t *len, char ***items, const char *s)
{
	for (size_t i = 0; i < *len; i++)
		if (strcmp((*items)[i], s) == 0)
			return;
	cri_append_(arena, len, (void ***)items, arena_strdup(arena, s));
}

static void set_option(struct arena *arena, CriV1__DNSConfig *dns, const char *name, const char *value)
{
	char *text = value ? arena_printf(arena, "%s:%s", name, value) : arena_strdup(arena, name);
	size_t n = strlen(name);
	for (size_t i = 0; i < dns->n_options; i++) {
		if (strncmp(dns->options[i], name, n) == 0 &&
		    (!dns->options[i][n] || dns->options[i][n] == ':')) {
			dns->options[i] = text;
			return;
		}
	}
	cri_append(arena, dns, options, text);
}

/* The host's own: nameserver, search (the last line wins), options. */
static void read_host(struct arena *arena, const char *text, CriV1__DNSConfig *dns)
{
	size_t lines;
	char **line = str_split(arena, text, '\n', &lines);
	for (size_t i = 0; i < lines; i++) {
		char *save, *word = strtok_r(line[i], " \t\r", &save);
		if (!word || *word == '#' || *word == ';')
			continue;
		char *value;
		if (strcmp(word, "search") == 0)
			dns->n_searches = 0;
		while ((value = strtok_r(NULL, " \t\r", &save))) {
			if (strcmp(word, "nameserver") == 0) {
				cri_append(arena, dns, servers, value);
				break;
			} else if (strcmp(word, "search") == 0) {
				size_t n = strlen(value);
				if (n > 1 && value[n - 1] == '.')
					value[n - 1] = 0;
				cri_append(arena, dns, searches, value);
			} else if (strcmp(word, "options") == 0) {
				cri_append(arena, dns, options, value);
			}
		}
	}
}

static void use_cluster(
    struct arena *arena, const CoreV1__Pod *pod, const struct kubelet_config *config, CriV1__DNSConfig *dns)
{
	char **host_searches = dns->searches;
	size_t host_len = dns->n_searches;
	dns->n_servers = dns->n_searches = dns->n_options = 0;
	dns->searches = NULL;
	for (size_t i = 0; i < config->cluster_dns.len; i++)
		cri_append(arena, dns, servers, arena_strdup(arena, config->cluster_dns.items[i]));
	if (!str_empty(config->cluster_domain)) {
		const char *d = config->cluster_domain;
		add_unique(arena, &dns->n_searches, &dns->searches,
		    arena_printf(arena, "%s.svc.%s", pod->metadata->namespace_, d));
		add_unique(arena, &dns->n_searches, &dns->searches, arena_printf(arena, "svc.%s", d));
		add_unique(arena, &dns->n_searches, &dns->searches, d);
	}
	for (size_t i = 0; i < host_len; i++)
		add_unique(arena, &dns->n_searches, &dns->searches, host_searches[i]);
	set_option(arena, dns, "ndots", "5");
}

static void apply_own(struct arena *arena, const CoreV1__PodDNSConfig *own, CriV1__DNSConfig *dns)
{
	for (size_t i = 0; i < own->n_nameservers; i++)
		add_unique(arena, &dns->n_servers, &dns->servers, own->nameservers[i]);
	for (size_t i = 0; i < own->n_searches; i++)
		add_unique(arena, &dns->n_searches, &dns->searches, own->searches[i]);
	for (size_t i = 0; i < own->n_options; i++)
		set_option(arena, dns, own->options[i]->name, own->options[i]->value);
}

static const char *cut_to_limits(struct arena *arena, CriV1__DNSConfig *dns)
{
	const char *warning = NULL;
	if (dns->n_servers > DNS_SERVERS_MAX) {
		dns->n_servers = DNS_SERVERS_MAX;
		warning = "more name servers than a resolver reads: only the first three are used";
	}
	size_t chars = 0, n = 0;
	while (n < dns->n_searches && n < DNS_SEARCH_MAX &&
	       (chars += strlen(dns->searches[n]) + 1) <= DNS_SEARCH_CHARS_MAX)
		n++;
	if (n < dns->n_searches) {
		dns->n_searches = n;
		warning = "the search list is longer than a resolver reads: its end was left out";
	}
	return warning;
}

CriV1__DNSConfig *dns_config_of(struct arena *arena, const CoreV1__Pod *pod,
    const struct kubelet_config *config, const char *host_text, const char **ret_warning)
{
	CriV1__DNSConfig *dns = CRI_NEW(arena, cri_v1__dnsconfig);
	const char *policy = str_or(pod->spec->dns_policy, "ClusterFirst");
	bool cluster = str_eq(policy, "ClusterFirstWithHostNet") ||
		       (str_eq(policy, "ClusterFirst") && !pod->spec->host_network);
	if (!str_eq(policy, "None"))
		read_host(arena, host_text, dns);
	*ret_warning = NULL;
	if (cluster && config->cluster_dns.len)
		use_cluster(arena, pod, config, dns);
	if (pod->spec->dns_config)
		apply_own(arena, pod->spec->dns_config, dns);
	const char *cut = cut_to_limits(arena, dns);
	*ret_warning =
	    cluster && !config->cluster_dns.len
		? "no cluster DNS is configured on this node: the pod gets the node's own name servers"
		: cut;
	return dns;
}

void dns_hosts_file(struct buf *out, const CoreV1__Pod *pod, const char *pod_ips, const char *cluster_domain,
    const char *host_text)
{
	if (pod->spec->host_network) {
		buf_puts(out, "# Kubernetes-managed hosts file (host network).\n");
		buf_puts(out, host_text);
	} else {
		char hostname[64], fqdn[256];
		pod_host_names(pod, cluster_domain, hostname, fqdn);
		buf_puts(out, "# Kubernetes-managed hosts file.\n"
			      "127.0.0.1\tlocalhost\n"
			      "::1\tlocalhost ip6-localhost ip6-loopback\n"
			      "fe00::0\tip6-localnet\n"
			      "fe00::0\tip6-mcastprefix\n"
			      "fe00::1\tip6-allnodes\n"
			      "fe00::2\tip6-allrouters\n");
		for (const char *p = pod_ips; p && *p;) {
			size_t n = strcspn(p, ",");
			buf_printf(out, "%.*s\t%s%s%s\n", (int)n, p, fqdn, *fqdn ? "\t" : "", hostname);
			p += n + (p[n] == ',');
		}
	}
	if (!pod->spec->n_host_aliases)
		return;
	buf_puts(out, "\n# Entries added by HostAliases.\n");
	for (size_t i = 0; i < pod->spec->n_host_aliases; i++) {
		const CoreV1__HostAlias *a = pod->spec->host_aliases[i];
		buf_puts(out, a->ip);
		for (size_t k = 0; k < a->n_hostnames; k++)
			buf_printf(out, "\t%s", a->hostnames[k]);
		buf_putc(out, '\n');
	}
}
