#include "dns/answer.h"

#include <stdio.h>
#include <string.h>

#include "dns/lookup.h"
#include "dns/zone.h"
#include "lib/base/buf.h"

size_t dns_datagram_limit(const struct dns_query *query)
{
	size_t limit = query->has_edns && query->edns_size > DNS_UDP_SIZE ? query->edns_size : DNS_UDP_SIZE;
	return limit < DNS_UDP_MAX ? limit : DNS_UDP_MAX;
}

static uint8_t *open_writer(
    struct dns_writer *w, const struct dns_query *query, bool is_tcp, struct buf *response)
{
	size_t capacity = is_tcp ? DNS_MESSAGE_MAX : dns_datagram_limit(query);
	uint8_t *data = (uint8_t *)buf_reserve(response, capacity);
	dns_writer_init(w, data, capacity, query);
	return data;
}

static void fail(const struct dns_query *query, bool has_upstream, enum dns_rcode rcode, struct buf *response)
{
	struct dns_writer w;
	open_writer(&w, query, false, response);
	response->size += dns_writer_finish(&w, query, rcode, false, has_upstream);
}

void dns_answer_failure(
    const void *data, size_t size, bool has_upstream, enum dns_rcode rcode, struct buf *response)
{
	struct dns_query query;
	if (dns_query_parse(data, size, &query) >= 0)
		fail(&query, has_upstream, rcode, response);
}

/* What is wrong with a query that we could read, or DNS_NOERROR. */
static enum dns_rcode objection(const struct dns_query *query)
{
	if (query->opcode != 0)
		return DNS_NOTIMP;
	if (query->has_edns && query->edns_version != 0)
		return DNS_BADVERS;
	if (query->class != DNS_CLASS_IN || query->type == DNS_AXFR || query->type == DNS_IXFR)
		return DNS_REFUSED;
	return DNS_NOERROR;
}

static enum dns_verdict finish(const struct dns_query *query, struct lookup *lookup, bool exists,
    bool has_upstream, struct buf *response)
{
	const struct dns_zone *zone = lookup->zone;
	struct dns_writer *w = lookup->w;
	bool is_negative = !exists || !w->counts[DNS_ANSWER];
	if (is_negative && !w->truncated)
		dns_put_soa(
		    w, DNS_AUTHORITY, dns_zone_domain(zone), dns_zone_ttl(zone), dns_zone_serial(zone));
	response->size +=
	    dns_writer_finish(w, query, exists ? DNS_NOERROR : DNS_NXDOMAIN, true, has_upstream);
	return DNS_VERDICT_ANSWER;
}

enum dns_verdict dns_answer(const struct dns_zone *zone, const void *data, size_t size,
    const struct dns_answer_options *options, struct buf *response, char chase[DNS_NAME_MAX])
{
	struct dns_query query;
	struct dns_writer w;
	char text[DNS_NAME_MAX];
	int status = dns_query_parse(data, size, &query);
	if (status < 0 || query.is_response)
		return DNS_VERDICT_DROP;
	enum dns_rcode rcode = query.opcode ? DNS_NOTIMP : status ? DNS_FORMERR : objection(&query);
	bool is_ours = !rcode && lookup_relative(zone, query.name, text);
	if (is_ours && !options->is_ready)
		rcode = DNS_SERVFAIL;
	if (rcode) {
		fail(&query, options->has_upstream, rcode, response);
		return DNS_VERDICT_ANSWER;
	}
	struct lookup lookup = {zone, &w, query.type, options->rotate, NULL, chase};
	chase[0] = 0;
	open_writer(&w, &query, options->is_tcp, response);
	if (!is_ours) {
		if (lookup_reverse(&lookup, query.name))
			return finish(&query, &lookup, true, options->has_upstream, response);
		if (options->has_upstream)
			return DNS_VERDICT_FORWARD;
		fail(&query, false, DNS_REFUSED, response);
		return DNS_VERDICT_ANSWER;
	}
	bool exists = lookup_name(&lookup, query.name);
	if (*chase && options->has_upstream)
		return DNS_VERDICT_CHASE;
	return finish(&query, &lookup, exists, options->has_upstream, response);
}

/* Aliases of outside names */

void dns_chase_query(const void *data, size_t size, const char *target, uint16_t id, struct buf *ret_query)
{
	struct dns_query asked;
	uint8_t question[DNS_NAME_MAX + 8], *p = question;
	if (dns_query_parse(data, size, &asked) || strlen(target) + 2 > DNS_NAME_MAX)
		return;
	for (const char *label = target; *label;) {
		size_t len = strcspn(label, ".");
		*p++ = (uint8_t)len;
		memcpy(p, label, len);
		p += len;
		label += len + (label[len] == '.');
	}
	*p++ = 0;
	*p++ = (uint8_t)(asked.type >> 8);
	*p++ = (uint8_t)asked.type;
	*p++ = 0;
	*p++ = DNS_CLASS_IN;
	uint8_t header[DNS_HEADER_SIZE] = {
	    (uint8_t)(id >> 8), (uint8_t)id, 1 /* recursion desired */, 0, 0, 1};
	buf_append(ret_query, header, sizeof(header));
	buf_append(ret_query, question, (size_t)(p - question));
}

/* Copies the records of types whose data we can rewrite. */
static enum dns_rcode copy_upstream(struct dns_writer *w, const uint8_t *data, size_t size)
{
	struct dns_query head;
	struct dns_record record;
	char target[DNS_NAME_MAX];
	if (dns_query_parse(data, size, &head) < 0 || !head.is_response || !head.question_size)
		return DNS_SERVFAIL;
	size_t offset = DNS_HEADER_SIZE + head.question_size;
	for (unsigned left = (unsigned)(data[6] << 8 | data[7]); left; left--) {
		if (!dns_read_record(data, size, &offset, &record))
			return DNS_SERVFAIL;
		size_t at = record.data_offset;
		if (record.class != DNS_CLASS_IN)
			continue;
		if ((record.type == DNS_A && record.data_size == 4) ||
		    (record.type == DNS_AAAA && record.data_size == 16)) {
			struct dns_ip ip = {.size = (uint8_t)record.data_size};
			memcpy(ip.bytes, data + at, record.data_size);
			dns_put_address(w, DNS_ANSWER, record.owner, record.ttl, &ip);
		} else if (record.type == DNS_CNAME && dns_read_name(data, size, &at, target)) {
			dns_put_name(w, DNS_ANSWER, record.owner, DNS_CNAME, record.ttl, target);
		}
	}
	return (enum dns_rcode)(data[3] & 15);
}

void dns_answer_chased(const struct dns_zone *zone, const void *data, size_t size,
    const struct dns_answer_options *options, const char *chase, const void *upstream, size_t upstream_size,
    struct buf *response)
{
	struct dns_query query;
	struct dns_writer w;
	char again[DNS_NAME_MAX] = "";
	if (dns_query_parse(data, size, &query))
		return;
	struct lookup lookup = {zone, &w, query.type, options->rotate, NULL, again};
	open_writer(&w, &query, options->is_tcp, response);
	lookup_name(&lookup, query.name);
	/* The zone may have changed while we waited: then the answer of now is right, without upstream's. */
	enum dns_rcode rcode = DNS_NOERROR;
	if (strcmp(again, chase) == 0)
		rcode = upstream ? copy_upstream(&w, upstream, upstream_size) : DNS_SERVFAIL;
	response->size += dns_writer_finish(&w, &query, rcode, true, true);
}
