/*
 * answer: the authoritative part of cluster DNS as a pure function: zone and query in, response out. It
 * follows the Kubernetes DNS specification 1.1.0 and CoreDNS's kubernetes plugin: records of services, named
 * ports, headless endpoints, ExternalName, pods (by the address in the name, as `pods insecure`), and reverse
 * names.
 */
#ifndef CUBE_DNS_ANSWER_H
#define CUBE_DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/message.h"

struct buf;
struct dns_zone;

enum dns_verdict {
	DNS_VERDICT_DROP,    /* no answer at all: garbage, or itself an answer */
	DNS_VERDICT_ANSWER,  /* the response is complete */
	DNS_VERDICT_FORWARD, /* not ours: ask upstream */
	DNS_VERDICT_CHASE    /* an alias of an outside name: look that up, then dns_answer_chased() */
};

struct dns_answer_options {
	bool is_tcp;       /* no limit but 64 KiB */
	bool is_ready;     /* false: the zone is not loaded yet, its names are SERVFAIL */
	bool has_upstream; /* says whether recursion is available, and whether FORWARD and CHASE make sense */
	uint32_t rotate;   /* where lists of addresses begin, so that clients spread */
};

/* chase is filled for CHASE. The response is appended to ret_response. */
enum dns_verdict dns_answer(const struct dns_zone *zone, const void *query, size_t size,
    const struct dns_answer_options *options, struct buf *ret_response, char chase[DNS_NAME_MAX]);

/* A query of our own for the target of an alias: same type, recursion desired. */
void dns_chase_query(const void *query, size_t size, const char *target, uint16_t id, struct buf *ret_query);
/* The alias and what upstream said about its target; upstream NULL: it said nothing (SERVFAIL). */
void dns_answer_chased(const struct dns_zone *zone, const void *query, size_t size,
    const struct dns_answer_options *options, const char *chase, const void *upstream, size_t upstream_size,
    struct buf *ret_response);

/* An empty answer with this code. */
void dns_answer_failure(
    const void *query, size_t size, bool has_upstream, enum dns_rcode rcode, struct buf *ret_response);

/* How many bytes of a datagram the asker takes. */
size_t dns_datagram_limit(const struct dns_query *query);

#endif
