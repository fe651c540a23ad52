/*
 * publish: makes cluster DNS visible as the cluster expects it: the Service kube-system/kube-dns with its
 * fixed address, and the Endpoints and EndpointSlice that point at this process. Repeated until it succeeded,
 * and again on demand.
 */
#ifndef CUBE_DNS_PUBLISH_H
#define CUBE_DNS_PUBLISH_H

#include <stdint.h>

struct dns_publisher;
struct rest_client;

struct dns_publish_options {
	const char *cluster_ip; /* of the Service; NULL: none asked for */
	const char *address;    /* where this process listens */
	int port;
};

#define DNS_NAMESPACE "kube-system"
#define DNS_SERVICE "kube-dns"

struct dns_publisher *dns_publisher_new(
    struct rest_client *client, const struct dns_publish_options *options);
void dns_publisher_free(struct dns_publisher *publisher);
void dns_publisher_start(struct dns_publisher *publisher); /* while under way: once more afterwards */

#endif
