#include "lib/resources/formats.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool label_of_len(const char *s, size_t len)
{
	if (!len || !is_lower_alnum(s[0]) || !is_lower_alnum(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

bool format_is_dns_label(const char *s)
{
	size_t len = strlen(s);

	return len <= 63 && label_of_len(s, len);
}

bool format_is_dns_subdomain(const char *s)
{
	if (strlen(s) > 253)
		return false;
	for (;;) {
		size_t len = strcspn(s, ".");

		if (!label_of_len(s, len))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

bool format_is_dns1035_label(const char *s)
{
	return format_is_dns_label(s) && s[0] >= 'a' && s[0] <= 'z';
}

static bool is_name_part(const char *s, size_t len)
{
	if (!len || len > 63 || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
	return true;
}

bool format_is_qualified_name(const char *s)
{
	const char *slash = strchr(s, '/');
	char prefix[256];

	if (!slash)
		return is_name_part(s, strlen(s));
	if ((size_t)(slash - s) >= sizeof prefix)
		return false;
	memcpy(prefix, s, (size_t)(slash - s));
	prefix[slash - s] = '\0';
	return format_is_dns_subdomain(prefix) && is_name_part(slash + 1, strlen(slash + 1));
}

bool format_is_label_value(const char *s)
{
	return !s[0] || is_name_part(s, strlen(s));
}

bool format_is_ipv4(const char *s)
{
	struct in_addr addr;

	return inet_pton(AF_INET, s, &addr) == 1;
}

bool format_is_ipv6(const char *s)
{
	struct in6_addr addr;

	return inet_pton(AF_INET6, s, &addr) == 1;
}

bool format_is_ip(const char *s)
{
	return format_is_ipv4(s) || format_is_ipv6(s);
}

bool format_is_special_ip(const char *s)
{
	struct in_addr v4;
	struct in6_addr v6;
	const unsigned char *b;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		b = (const unsigned char *)&v4;
	} else if (inet_pton(AF_INET6, s, &v6) != 1) {
		return false;
	} else if (IN6_IS_ADDR_V4MAPPED(&v6)) {
		b = v6.s6_addr + 12;
	} else {
		b = v6.s6_addr;
		return IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LOOPBACK(&v6) ||
		       IN6_IS_ADDR_LINKLOCAL(&v6) || (b[0] == 0xff && (b[1] & 0x0f) == 2);
	}
	return (!b[0] && !b[1] && !b[2] && !b[3]) || b[0] == 127 || (b[0] == 169 && b[1] == 254) ||
	       (b[0] == 224 && !b[1] && !b[2]);
}

bool format_is_cidr(const char *s)
{
	const char *slash = strchr(s, '/');
	char addr[64];
	long bits;
	char *end;

	if (!slash || (size_t)(slash - s) >= sizeof addr || !isdigit((unsigned char)slash[1]))
		return false;
	memcpy(addr, s, (size_t)(slash - s));
	addr[slash - s] = '\0';
	bits = strtol(slash + 1, &end, 10);
	return !*end && format_is_ip(addr) && bits <= (format_is_ipv4(addr) ? 32 : 128);
}

bool format_is_port_name(const char *s)
{
	size_t len = strlen(s);
	bool letter = false;

	if (!len || len > 15 || s[0] == '-' || s[len - 1] == '-' || strstr(s, "--"))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_lower_alnum(s[i]) && s[i] != '-')
			return false;
		letter = letter || (s[i] >= 'a' && s[i] <= 'z');
	}
	return letter;
}

/* Printable ASCII without "=": what v1.32 accepts for the name of an environment variable. */
bool format_is_env_var(const char *s)
{
	if (!s[0])
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || (unsigned char)*s > '~' || *s == '=')
			return false;
	return true;
}

bool format_is_config_key(const char *s)
{
	size_t len = strlen(s);

	if (!len || len > 253 || !strcmp(s, ".") || !strcmp(s, "..") || !strncmp(s, "..", 2))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
	return true;
}

bool format_is_percentage(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits && !strcmp(s + digits, "%");
}

bool format_is_wildcard_subdomain(const char *s)
{
	return !strncmp(s, "*.", 2) && strlen(s) <= 253 && format_is_dns_subdomain(s + 2);
}

bool format_has_dotdot(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !strncmp(path, "..", 2))
			return true;
		if (!path[len])
			return false;
		path += len + 1;
	}
}

static bool is_path_segment(const char *s)
{
	return strcmp(s, ".") && strcmp(s, "..") && !strpbrk(s, "/%");
}

static bool is_http_header(const char *s)
{
	if (!s[0])
		return false;
	for (; *s; s++)
		if (!is_alnum(*s) && *s != '-')
			return false;
	return true;
}

static bool is_absolute_path(const char *s)
{
	return s[0] == '/';
}

static bool is_relative_path(const char *s)
{
	return s[0] != '/' && !format_has_dotdot(s);
}

static bool is_domain_prefixed_path(const char *s)
{
	const char *slash = strchr(s, '/');
	char prefix[256];

	if (!slash || slash == s || !slash[1] || (size_t)(slash - s) >= sizeof prefix)
		return false;
	memcpy(prefix, s, (size_t)(slash - s));
	prefix[slash - s] = '\0';
	if (!format_is_dns_subdomain(prefix))
		return false;
	for (s = slash + 1; *s; s++)
		if (!is_alnum(*s) && !strchr("/:._~!$&'()*+,;=%-", *s))
			return false;
	return true;
}

static bool is_c_identifier(const char *s)
{
	if (!s[0] || isdigit((unsigned char)s[0]))
		return false;
	for (; *s; s++)
		if (!is_alnum(*s) && *s != '_')
			return false;
	return true;
}

static const struct {
	const char *name;
	bool (*check)(const char *s);
	const char *detail;
} formats[] = {
    {"dns-label", format_is_dns_label,
	"must be a lowercase RFC 1123 label: at most 63 characters of a-z, 0-9 and '-', alphanumeric at both "
	"ends"},
    {"dns-subdomain", format_is_dns_subdomain,
	"must be a lowercase RFC 1123 subdomain: at most 253 characters of a-z, 0-9, '-' and '.', "
	"alphanumeric at both ends of each part"},
    {"dns1035-label", format_is_dns1035_label,
	"must be a DNS-1035 label: at most 63 characters of a-z, 0-9 and '-', starting with a letter and "
	"ending with an alphanumeric"},
    {"qualified-name", format_is_qualified_name,
	"must be a name of at most 63 characters of A-Z, a-z, 0-9, '-', '_' and '.', alphanumeric at both "
	"ends, with an optional DNS subdomain and '/' in front"},
    {"label-value", format_is_label_value,
	"must be empty or at most 63 characters of A-Z, a-z, 0-9, '-', '_' and '.', alphanumeric at both "
	"ends"},
    {"path-segment", is_path_segment, "may not be '.' or '..' and may not contain '/' or '%'"},
    {"ip", format_is_ip, "must be a valid IP address, such as 10.9.8.7 or 2001:db8::ffff"},
    {"ipv4", format_is_ipv4, "must be a valid IPv4 address"},
    {"ipv6", format_is_ipv6, "must be a valid IPv6 address"},
    {"cidr", format_is_cidr, "must be a valid CIDR value, such as 10.9.8.0/24 or 2001:db8::/64"},
    {"port-name", format_is_port_name,
	"must be at most 15 characters of a-z, 0-9 and single '-' between them, with at least one letter"},
    {"env-var", format_is_env_var, "must be printable ASCII characters other than '='"},
    {"config-key", format_is_config_key, "must be at most 253 characters of A-Z, a-z, 0-9, '-', '_' and '.'"},
    {"percentage", format_is_percentage, "must be a number followed by '%'"},
    {"http-header", is_http_header, "must be an HTTP header name: A-Z, a-z, 0-9 and '-'"},
    {"absolute-path", is_absolute_path, "must be an absolute path"},
    {"relative-path", is_relative_path, "must be a relative path without '..'"},
    {"domain-prefixed-path", is_domain_prefixed_path, "must be a DNS subdomain followed by '/' and a path"},
    {"wildcard-subdomain", format_is_wildcard_subdomain, "must be '*.' followed by a DNS subdomain"},
    {"c-identifier", is_c_identifier, "must be a C identifier"},
};

const char *format_check(const char *format, const char *value)
{
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (!strcmp(formats[i].name, format))
			return formats[i].check(value) ? NULL : formats[i].detail;
	assert(!"unknown format");
	return NULL;
}
