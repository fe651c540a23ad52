/* dns: a pod's resolv.conf by its dnsPolicy and dnsConfig, and its managed /etc/hosts. Pure but for reading
 * the host's. */
#ifndef CUBE_KUBELET_DNS_H
#define CUBE_KUBELET_DNS_H

#include <stddef.h>

#include "proto/core_v1.pb-c.h"
#include "proto/cri_v1.pb-c.h"

struct arena;
struct buf;
struct kubelet_config;

#define DNS_SEARCH_MAX 32
#define DNS_SEARCH_CHARS_MAX 2048
#define DNS_SERVERS_MAX 3

/* host_text: the host's resolv.conf. *ret_warning: what was left out (DNSConfigForming), or NULL. */
CriV1__DNSConfig *dns_config_of(struct arena *arena, const CoreV1__Pod *pod,
    const struct kubelet_config *config, const char *host_text, const char **ret_warning);
/* Appends the text of /etc/hosts. host_text: the host's own file, used for host network pods. */
void dns_hosts_file(struct buf *out, const CoreV1__Pod *pod, const char *pod_ips, const char *cluster_domain,
    const char *host_text);

#endif
