/*
 * message: DNS messages (RFC 1035, EDNS0 of RFC 6891): reading the one question of a query, and writing
 * answers. Pure; every byte may come from an attacker.
 *
 * Names are text here: labels in lower case joined by dots, no dot at the end, "" for the root. Bytes that no
 * host name has (a dot inside a label, control characters, anything above 0x7e) read as 0x01, so that they
 * match nothing of ours.
 */
#ifndef CUBE_DNS_MESSAGE_H
#define CUBE_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255
};

enum { DNS_CLASS_IN = 1 };

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16
};

enum {
	DNS_HEADER_SIZE = 12,
	DNS_NAME_MAX = 256, /* with its NUL */
	DNS_UDP_SIZE = 512, /* of a client without EDNS */
	DNS_UDP_MAX = 4096, /* what we send in a datagram at most */
	DNS_MESSAGE_MAX = 65535
};

struct dns_ip {
	uint8_t size; /* 4, 16, or 0 for none */
	uint8_t bytes[16];
};
bool dns_ip_parse(const char *text, struct dns_ip *ret);
/* As upstream names endpoints that have no host name: 1-2-3-4, fe80--1. */
void dns_ip_dashed(const struct dns_ip *ip, char out[48]);
bool dns_ip_equal(const struct dns_ip *a, const struct dns_ip *b);

struct dns_query {
	uint16_t id, type, class;
	uint8_t opcode;
	bool is_response, recursion_desired, checking_disabled;
	char name[DNS_NAME_MAX];
	const uint8_t *question; /* the raw question section, borrowed */
	size_t question_size;    /* 0 when there is no question that can be read */
	bool has_edns, dnssec_ok;
	uint8_t edns_version;
	uint16_t edns_size;
};

/* DNS_NOERROR; DNS_FORMERR, with what could be read; or -1 when there is not even a header: such bytes get no
 * answer. */
int dns_query_parse(const uint8_t *data, size_t size, struct dns_query *ret);

/* Reads a name at *offset and steps over it. False on malformed names; pointers may only point backwards. */
bool dns_read_name(const uint8_t *data, size_t size, size_t *offset, char out[DNS_NAME_MAX]);

struct dns_record { /* one record of a message that was read */
	char owner[DNS_NAME_MAX];
	uint16_t type, class;
	uint32_t ttl;
	size_t data_offset;
	uint16_t data_size;
};
bool dns_read_record(const uint8_t *data, size_t size, size_t *offset, struct dns_record *ret);

/*
 * Writing. Sections are filled in this order. A record that does not fit is left out, and the message is
 * marked truncated unless it was an additional one. A record with a text that is no name is left out
 * silently.
 */
enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

struct dns_writer {
	uint8_t *data;
	size_t size, limit; /* limit leaves room for the OPT record */
	uint16_t counts[3];
	bool truncated, has_edns;
	bool overflow, skip, no_pointers; /* of the record being written */
	uint16_t names[64];               /* where names begin that later ones may point to */
	size_t names_len;
};

/* data has room for `capacity` bytes; the question is repeated as it was asked. */
void dns_writer_init(struct dns_writer *w, uint8_t *data, size_t capacity, const struct dns_query *query);
/* owner NULL: the name that was asked for. */
void dns_put_address(
    struct dns_writer *w, enum dns_section section, const char *owner, uint32_t ttl, const struct dns_ip *ip);
void dns_put_name(struct dns_writer *w, enum dns_section section, const char *owner, enum dns_type type,
    uint32_t ttl, const char *target); /* CNAME, NS, PTR */
void dns_put_srv(struct dns_writer *w, enum dns_section section, const char *owner, uint32_t ttl,
    uint16_t priority, uint16_t weight, uint16_t port, const char *target);
void dns_put_text(
    struct dns_writer *w, enum dns_section section, const char *owner, uint32_t ttl, const char *text);
void dns_put_soa(
    struct dns_writer *w, enum dns_section section, const char *zone, uint32_t ttl, uint32_t serial);
/* Writes header and OPT; returns the size of the whole message. */
size_t dns_writer_finish(struct dns_writer *w, const struct dns_query *query, enum dns_rcode rcode,
    bool authoritative, bool recursion_available);

#endif
