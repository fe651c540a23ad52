/*
 * formats: what single strings of the API may look like. format_check() knows every name that the `format`
 * option of proto/ may carry; the functions behind it are here for rules that need one directly.
 */
#ifndef CUBE_RESOURCES_FORMATS_H
#define CUBE_RESOURCES_FORMATS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * NULL when value has the format, else what is wrong with it. Formats: dns-label (RFC 1123), dns-subdomain,
 * dns1035-label, qualified-name, label-value, path-segment, ip, ipv4, ipv6, cidr, port-name, env-var,
 * config-key, percentage, http-header, absolute-path, relative-path, domain-prefixed-path,
 * wildcard-subdomain, c-identifier. An unknown format is a programmer error.
 */
const char *format_check(const char *format, const char *value);

bool format_is_dns_label(const char *s);      /* at most 63 of [a-z0-9-], alphanumeric at both ends */
bool format_is_dns_subdomain(const char *s);  /* labels of any length joined by dots, at most 253 in all */
bool format_is_dns1035_label(const char *s);  /* a label that starts with a letter */
bool format_is_qualified_name(const char *s); /* [subdomain/]name, name at most 63 of [A-Za-z0-9-_.] */
bool format_is_label_value(const char *s);
/* Addresses that no endpoint has: unspecified, loopback, link-local, multicast within the link. */
bool format_is_special_ip(const char *s);
bool format_is_ip(const char *s); /* v4 without leading zeros, or v6 without zone */
bool format_is_ipv4(const char *s);
bool format_is_ipv6(const char *s);
bool format_is_cidr(const char *s);
bool format_is_port_name(const char *s); /* at most 15 of [a-z0-9-], a letter among them */
bool format_is_env_var(const char *s);
bool format_is_config_key(const char *s);
bool format_is_percentage(const char *s); /* digits and a percent sign */
bool format_is_wildcard_subdomain(const char *s);
bool format_has_dotdot(const char *path); /* one of its elements is ".." */

#endif
