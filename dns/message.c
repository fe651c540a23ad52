#include "dns/message.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	OPT_SIZE = 11,
	POINTER = 0xc0,
	FLAG_QR = 0x8000,
	FLAG_AA = 0x0400,
	FLAG_TC = 0x0200,
	FLAG_RD = 0x0100,
	FLAG_RA = 0x0080,
	FLAG_CD = 0x0010
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void set16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void set32(uint8_t *p, uint32_t value)
{
	set16(p, value >> 16);
	set16(p + 2, value & 0xffff);
}

/* Addresses */

bool dns_ip_parse(const char *text, struct dns_ip *ret)
{
	struct dns_ip ip = {0};
	if (!text)
		return false;
	if (inet_pton(AF_INET, text, ip.bytes) == 1)
		ip.size = 4;
	else if (inet_pton(AF_INET6, text, ip.bytes) == 1)
		ip.size = 16;
	else
		return false;
	*ret = ip;
	return true;
}

void dns_ip_dashed(const struct dns_ip *ip, char out[48])
{
	out[0] = 0;
	if (ip->size)
		inet_ntop(ip->size == 4 ? AF_INET : AF_INET6, ip->bytes, out, 48);
	for (char *p = out; *p; p++)
		if (*p == '.' || *p == ':')
			*p = '-';
}

bool dns_ip_equal(const struct dns_ip *a, const struct dns_ip *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Reading */

static char name_char(uint8_t byte)
{
	if (byte <= ' ' || byte > 0x7e || byte == '.')
		return 1;
	return (char)tolower(byte);
}

bool dns_read_name(const uint8_t *data, size_t size, size_t *offset, char out[DNS_NAME_MAX])
{
	size_t at = *offset, end = 0, len = 0, limit = size;
	for (;;) {
		if (at >= limit)
			return false;
		uint8_t head = data[at];
		if ((head & POINTER) == POINTER) {
			if (at + 1 >= limit)
				return false;
			size_t target = get16(data + at) & 0x3fff;
			if (!end)
				end = at + 2;
			/* Strictly backwards, so that a chain of pointers comes to an end. */
			if (target >= at)
				return false;
			limit = at;
			at = target;
			continue;
		}
		if (head & POINTER || at + 1 + head > limit)
			return false;
		at++;
		if (!head)
			break;
		if (len + head + 2 > DNS_NAME_MAX)
			return false;
		if (len)
			out[len++] = '.';
		for (uint8_t i = 0; i < head; i++)
			out[len++] = name_char(data[at++]);
	}
	out[len] = 0;
	*offset = end ? end : at;
	return true;
}

bool dns_read_record(const uint8_t *data, size_t size, size_t *offset, struct dns_record *ret)
{
	size_t at = *offset;
	if (!dns_read_name(data, size, &at, ret->owner) || size - at < 10)
		return false;
	ret->type = get16(data + at);
	ret->class = get16(data + at + 2);
	ret->ttl = (uint32_t)get16(data + at + 4) << 16 | get16(data + at + 6);
	ret->data_size = get16(data + at + 8);
	ret->data_offset = at + 10;
	if (ret->data_size > size - ret->data_offset)
		return false;
	*offset = ret->data_offset + ret->data_size;
	return true;
}

/* Looks for OPT among the records behind the question. */
static int read_extra(
    const uint8_t *data, size_t size, size_t offset, unsigned records, struct dns_query *ret)
{
	struct dns_record record;
	for (; records; records--) {
		if (!dns_read_record(data, size, &offset, &record))
			return DNS_FORMERR;
		if (record.type != DNS_OPT)
			continue;
		if (ret->has_edns || *record.owner)
			return DNS_FORMERR;
		ret->has_edns = true;
		ret->edns_size = record.class;
		ret->edns_version = (uint8_t)(record.ttl >> 16);
		ret->dnssec_ok = record.ttl & 0x8000;
	}
	return DNS_NOERROR;
}

int dns_query_parse(const uint8_t *data, size_t size, struct dns_query *ret)
{
	*ret = (struct dns_query){0};
	if (size < DNS_HEADER_SIZE)
		return -1;
	uint16_t flags = get16(data + 2);
	ret->id = get16(data);
	ret->is_response = flags & FLAG_QR;
	ret->opcode = flags >> 11 & 15;
	ret->recursion_desired = flags & FLAG_RD;
	ret->checking_disabled = flags & FLAG_CD;
	size_t offset = DNS_HEADER_SIZE;
	if (get16(data + 4) != 1 || !dns_read_name(data, size, &offset, ret->name) || size - offset < 4)
		return DNS_FORMERR;
	ret->type = get16(data + offset);
	ret->class = get16(data + offset + 2);
	offset += 4;
	ret->question = data + DNS_HEADER_SIZE;
	ret->question_size = offset - DNS_HEADER_SIZE;
	unsigned records = get16(data + 6) + get16(data + 8) + get16(data + 10);
	return read_extra(data, size, offset, records, ret);
}

/* Writing */

static void remember_name(struct dns_writer *w, size_t offset)
{
	if (w->names_len < sizeof(w->names) / sizeof(*w->names) && offset < 0x4000)
		w->names[w->names_len++] = (uint16_t)offset;
}

void dns_writer_init(struct dns_writer *w, uint8_t *data, size_t capacity, const struct dns_query *query)
{
	*w = (struct dns_writer){.data = data, .size = DNS_HEADER_SIZE, .has_edns = query->has_edns};
	w->limit = capacity - (w->has_edns ? OPT_SIZE : 0);
	memset(data, 0, DNS_HEADER_SIZE);
	if (query->question_size && DNS_HEADER_SIZE + query->question_size <= w->limit) {
		memcpy(data + DNS_HEADER_SIZE, query->question, query->question_size);
		w->size += query->question_size;
		/* Our own copy of a name without pointers; one with pointers is not worth the care. */
		for (size_t at = DNS_HEADER_SIZE; at < w->size && data[at] && data[at] < POINTER;
		     at += 1u + data[at])
			remember_name(w, at);
	}
}

static uint8_t *take(struct dns_writer *w, size_t size)
{
	if (size > w->limit - w->size)
		w->overflow = w->skip = true;
	if (w->skip)
		return NULL;
	w->size += size;
	return w->data + w->size - size;
}

/* Does the name written at `offset` equal text? */
static bool name_at_equals(const struct dns_writer *w, size_t offset, const char *text)
{
	for (int labels = 0; labels < 128; labels++) {
		uint8_t head = w->data[offset];
		if ((head & POINTER) == POINTER) {
			offset = get16(w->data + offset) & 0x3fff;
			continue;
		}
		if (!head || !*text)
			return !head && !*text;
		if (strncasecmp((const char *)w->data + offset + 1, text, head) != 0 ||
		    (text[head] && text[head] != '.'))
			return false;
		text += head;
		text += *text == '.';
		offset += 1u + head;
	}
	return false;
}

static void put_pointer(struct dns_writer *w, size_t offset)
{
	uint8_t *p = take(w, 2);
	if (p)
		set16(p, POINTER << 8 | (unsigned)offset);
}

/* Writes a name; its end is a pointer where the same end was written before. */
static void put_text_name(struct dns_writer *w, const char *text)
{
	while (*text) {
		for (size_t i = 0; i < w->names_len && !w->no_pointers; i++)
			if (name_at_equals(w, w->names[i], text)) {
				put_pointer(w, w->names[i]);
				return;
			}
		size_t len = strcspn(text, ".");
		if (len > 63 || !len) { /* no name: what was built from an object's text can be anything */
			w->skip = true;
			return;
		}
		size_t start = w->size;
		uint8_t *p = take(w, 1 + len);
		if (!p)
			return;
		p[0] = (uint8_t)len;
		memcpy(p + 1, text, len);
		remember_name(w, start);
		text += len;
		text += *text == '.';
	}
	uint8_t *p = take(w, 1);
	if (p)
		*p = 0;
}

struct record_mark {
	size_t size, names_len, data;
};

static struct record_mark begin(struct dns_writer *w, const char *owner, unsigned type, uint32_t ttl)
{
	struct record_mark mark = {w->size, w->names_len, 0};
	if (owner)
		put_text_name(w, owner);
	else
		put_pointer(w, DNS_HEADER_SIZE);
	uint8_t *p = take(w, 10);
	if (p) {
		set16(p, type);
		set16(p + 2, DNS_CLASS_IN);
		set32(p + 4, ttl);
	}
	mark.data = w->size;
	return mark;
}

/* Completes the record, or takes all of it back when it did not fit. */
static void end(struct dns_writer *w, enum dns_section section, struct record_mark mark)
{
	if (w->skip || w->counts[section] == UINT16_MAX) {
		w->truncated |= w->overflow && section != DNS_ADDITIONAL;
		w->size = mark.size;
		w->names_len = mark.names_len;
		w->skip = w->overflow = false;
		return;
	}
	set16(w->data + mark.data - 2, (unsigned)(w->size - mark.data));
	w->counts[section]++;
}

void dns_put_address(
    struct dns_writer *w, enum dns_section section, const char *owner, uint32_t ttl, const struct dns_ip *ip)
{
	struct record_mark mark = begin(w, owner, ip->size == 4 ? DNS_A : DNS_AAAA, ttl);
	uint8_t *p = take(w, ip->size);
	if (p)
		memcpy(p, ip->bytes, ip->size);
	end(w, section, mark);
}

void dns_put_name(struct dns_writer *w, enum dns_section section, const char *owner, enum dns_type type,
    uint32_t ttl, const char *target)
{
	struct record_mark mark = begin(w, owner, type, ttl);
	put_text_name(w, target);
	end(w, section, mark);
}

void dns_put_srv(struct dns_writer *w, enum dns_section section, const char *owner, uint32_t ttl,
    uint16_t priority, uint16_t weight, uint16_t port, const char *target)
{
	struct record_mark mark = begin(w, owner, DNS_SRV, ttl);
	uint8_t *p = take(w, 6);
	if (p) {
		set16(p, priority);
		set16(p + 2, weight);
		set16(p + 4, port);
	}
	w->no_pointers = true; /* RFC 2782 */
	put_text_name(w, target);
	w->no_pointers = false;
	end(w, section, mark);
}

void dns_put_text(
    struct dns_writer *w, enum dns_section section, const char *owner, uint32_t ttl, const char *text)
{
	struct record_mark mark = begin(w, owner, DNS_TXT, ttl);
	size_t len = strnlen(text, 255);
	uint8_t *p = take(w, 1 + len);
	if (p) {
		p[0] = (uint8_t)len;
		memcpy(p + 1, text, len);
	}
	end(w, section, mark);
}

/* The numbers are CoreDNS's: refresh, retry and expire mean nothing without zone transfers. */
void dns_put_soa(
    struct dns_writer *w, enum dns_section section, const char *zone, uint32_t ttl, uint32_t serial)
{
	char name[DNS_NAME_MAX + 32];
	struct record_mark mark = begin(w, zone, DNS_SOA, ttl);
	strcpy(name, "ns.dns.");
	strncat(name, zone, DNS_NAME_MAX);
	put_text_name(w, name);
	strcpy(name, "hostmaster.");
	strncat(name, zone, DNS_NAME_MAX);
	put_text_name(w, name);
	uint8_t *p = take(w, 20);
	if (p) {
		const uint32_t numbers[] = {serial, 7200, 1800, 86400, ttl};
		for (int i = 0; i < 5; i++)
			set32(p + 4 * i, numbers[i]);
	}
	end(w, section, mark);
}

size_t dns_writer_finish(struct dns_writer *w, const struct dns_query *query, enum dns_rcode rcode,
    bool authoritative, bool recursion_available)
{
	unsigned flags = FLAG_QR | (unsigned)query->opcode << 11 | (unsigned)(rcode & 15);
	flags |= authoritative ? FLAG_AA : 0;
	flags |= w->truncated ? FLAG_TC : 0;
	flags |= query->recursion_desired ? FLAG_RD : 0;
	flags |= recursion_available ? FLAG_RA : 0;
	flags |= query->checking_disabled ? FLAG_CD : 0;
	set16(w->data, query->id);
	set16(w->data + 2, flags);
	set16(w->data + 4, w->size > DNS_HEADER_SIZE);
	for (int i = 0; i < 3; i++)
		set16(w->data + 6 + 2 * i, w->counts[i]);
	if (w->has_edns) {
		uint8_t *p = w->data + w->size; /* room was kept */
		memset(p, 0, OPT_SIZE);
		set16(p + 1, DNS_OPT);
		set16(p + 3, DNS_UDP_MAX);
		p[5] = (uint8_t)(rcode >> 4);
		if (query->dnssec_ok)
			p[7] = 0x80;
		w->size += OPT_SIZE;
		set16(w->data + 10, w->counts[DNS_ADDITIONAL] + 1u);
	}
	return w->size;
}
