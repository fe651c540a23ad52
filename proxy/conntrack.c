#include "proxy/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

enum { RECEIVE_SIZE = 64 * 1024 };

bool conntrack_is_stale(const struct conntrack_flow *flow, const struct udp_frontend *frontends, size_t len)
{
	const char *port = strrchr(flow->destination, ':');
	/* A flow that nothing translated is answered by whom it was sent to. */
	bool is_translated = strcmp(flow->destination, flow->answerer) != 0;
	for (size_t i = 0; i < len; i++) {
		const struct udp_frontend *frontend = &frontends[i];
		bool is_node_port = frontend->address[0] == ':';
		if (is_node_port ? strcmp(port, frontend->address) != 0
				 : strcmp(flow->destination, frontend->address) != 0)
			continue;
		/* Somebody else's server may use the number of a node port at another address. */
		if (is_node_port && !is_translated)
			continue;
		for (size_t e = 0; e < frontend->endpoints_len; e++)
			if (strcmp(flow->answerer, frontend->endpoints[e]) == 0)
				return false;
		return true;
	}
	return false;
}

/* Netlink attributes */

static const struct nlattr *find_attr(const void *data, size_t size, unsigned type)
{
	const char *p = data;
	while (size >= sizeof(struct nlattr)) {
		const struct nlattr *attr = (const struct nlattr *)p;
		size_t step = NLA_ALIGN(attr->nla_len);
		if (attr->nla_len < sizeof(*attr) || attr->nla_len > size)
			return NULL;
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		if (step >= size)
			return NULL;
		p += step;
		size -= step;
	}
	return NULL;
}

static const void *attr_data(const struct nlattr *attr)
{
	return attr + 1;
}

static size_t attr_size(const struct nlattr *attr)
{
	return attr->nla_len - sizeof(*attr);
}

static const struct nlattr *find_nested(const struct nlattr *in, unsigned type, size_t size_min)
{
	const struct nlattr *attr = in ? find_attr(attr_data(in), attr_size(in), type) : NULL;
	return attr && attr_size(attr) >= size_min ? attr : NULL;
}

/* "address:port" of one side of a tuple; false unless it is UDP over IPv4. */
static bool format_side(const struct nlattr *tuple, unsigned ip_type, unsigned port_type, char out[24])
{
	const struct nlattr *ip = find_nested(find_nested(tuple, CTA_TUPLE_IP, 0), ip_type, 4);
	const struct nlattr *proto = find_nested(tuple, CTA_TUPLE_PROTO, 0);
	const struct nlattr *number = find_nested(proto, CTA_PROTO_NUM, 1),
			    *port = find_nested(proto, port_type, 2);
	char text[INET_ADDRSTRLEN];
	uint16_t value;
	if (!ip || !number || !port || *(const uint8_t *)attr_data(number) != IPPROTO_UDP)
		return false;
	memcpy(&value, attr_data(port), 2);
	snprintf(out, 24, "%s:%u", inet_ntop(AF_INET, attr_data(ip), text, sizeof(text)), ntohs(value));
	return true;
}

/* The kernel's side */

static int send_request(int fd, uint16_t type, uint16_t flags, const struct nlattr *tuple)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg gen;
		char attrs[512];
	} message = {0};
	size_t size = NLMSG_LENGTH(sizeof(message.gen));
	if (tuple) {
		if (tuple->nla_len > sizeof(message.attrs))
			return -1;
		memcpy(message.attrs, tuple, tuple->nla_len);
		size += NLA_ALIGN(tuple->nla_len);
	}
	message.head.nlmsg_len = (uint32_t)size;
	message.head.nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	message.head.nlmsg_flags = NLM_F_REQUEST | flags;
	message.gen.nfgen_family = AF_INET;
	message.gen.version = NFNETLINK_V0;
	return send(fd, &message, size, 0) == (ssize_t)size ? 0 : -1;
}

struct clearing {
	const struct udp_frontend *frontends;
	size_t len;
	struct buf tuples; /* of the stale ones: deleted when the list is through */
};

static void look_at(struct clearing *clearing, const struct nlmsghdr *message)
{
	struct conntrack_flow flow;
	size_t head = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	if (message->nlmsg_len < head)
		return;
	const char *attrs = (const char *)message + NLMSG_ALIGN(head);
	size_t size = message->nlmsg_len - head;
	const struct nlattr *origin = find_attr(attrs, size, CTA_TUPLE_ORIG),
			    *reply = find_attr(attrs, size, CTA_TUPLE_REPLY);
	if (!origin || !reply || !format_side(origin, CTA_IP_V4_DST, CTA_PROTO_DST_PORT, flow.destination) ||
	    !format_side(reply, CTA_IP_V4_SRC, CTA_PROTO_SRC_PORT, flow.answerer))
		return;
	if (conntrack_is_stale(&flow, clearing->frontends, clearing->len)) {
		static const char padding[NLA_ALIGNTO];
		buf_append(&clearing->tuples, origin, origin->nla_len);
		buf_append(&clearing->tuples, padding, NLA_ALIGN(origin->nla_len) - origin->nla_len);
	}
}

static int list_flows(int fd, struct clearing *clearing, struct error *err)
{
	char *data = malloc(RECEIVE_SIZE);
	int status = -1;
	if (!data)
		abort();
	if (send_request(fd, IPCTNL_MSG_CT_GET, NLM_F_DUMP, NULL))
		error_set_errno(err, errno, "conntrack: list");
	else
		status = 1;
	while (status > 0) {
		ssize_t n = recv(fd, data, RECEIVE_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			status = error_set_errno(err, errno, "conntrack: receive");
			break;
		}
		for (struct nlmsghdr *m = (struct nlmsghdr *)data; NLMSG_OK(m, n) && status > 0;
		     m = NLMSG_NEXT(m, n)) {
			if (m->nlmsg_type == NLMSG_DONE)
				status = 0;
			else if (m->nlmsg_type == NLMSG_ERROR)
				status = error_set_errno(
				    err, -((const struct nlmsgerr *)NLMSG_DATA(m))->error, "conntrack: list");
			else
				look_at(clearing, m);
		}
	}
	free(data);
	return status;
}

int conntrack_clear(const struct udp_frontend *frontends, size_t len, struct error *err)
{
	struct clearing clearing = {frontends, len, BUF_INIT};
	const struct timeval timeout = {.tv_sec = 10};
	int deleted = 0, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return error_set_errno(err, errno, "conntrack: socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (list_flows(fd, &clearing, err)) {
		deleted = -1;
	} else {
		for (size_t at = 0; at < clearing.tuples.size;) {
			const struct nlattr *tuple = (const struct nlattr *)(clearing.tuples.data + at);
			deleted += !send_request(fd, IPCTNL_MSG_CT_DELETE, 0, tuple);
			at += NLA_ALIGN(tuple->nla_len);
		}
	}
	buf_done(&clearing.tuples);
	close(fd);
	return deleted;
}
