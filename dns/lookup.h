/*
 * lookup: the rules about names: which exist in the cluster's domain, and which records they have. Pure;
 * answer.c makes messages of it.
 */
#ifndef CUBE_DNS_LOOKUP_H
#define CUBE_DNS_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/message.h"

struct dns_zone;

/* One look-up: where records go, and what was asked. */
struct lookup {
	const struct dns_zone *zone;
	struct dns_writer *w;
	uint16_t type;
	uint32_t rotate;
	const char *owner; /* of answers; NULL: the question's name */
	char *chase;       /* set to an outside name that an alias led to */
};

/* The part of name before the zone, "" for the zone itself; NULL when it is not in the zone. */
const char *lookup_relative(const struct dns_zone *zone, const char *name, char out[DNS_NAME_MAX]);
/* True when the name exists; the records of the type asked for, if any, are then written. */
bool lookup_name(struct lookup *lookup, const char *name);
/* The same for a reverse name; true when the address is one of ours. */
bool lookup_reverse(struct lookup *lookup, const char *name);

#endif
