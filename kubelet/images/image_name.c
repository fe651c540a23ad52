#include <ctype.h>
#include <string.h>

#include "kubelet/images/image_manager.h"

/* lower-case letters and digits, joined by single '.', up to two '_' or any number of '-' */
static bool is_path_component(const char *s, size_t len)
{
	if (!len)
		return false;
	bool after_separator = true;
	for (size_t i = 0; i < len;) {
		if (islower((unsigned char)s[i]) || isdigit((unsigned char)s[i])) {
			after_separator = false;
			i++;
			continue;
		}
		if (after_separator)
			return false;
		size_t run = 0;
		char c = s[i];
		while (i + run < len && s[i + run] == c)
			run++;
		if ((c == '.' && run == 1) || (c == '_' && run <= 2) || c == '-')
			i += run;
		else
			return false;
		after_separator = true;
	}
	return !after_separator;
}

static bool is_domain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-.:[]", s[i]))
			return false;
	return len > 0;
}

static bool is_tag(const char *s, size_t len)
{
	if (!len || len > 128 || !(isalnum((unsigned char)*s) || *s == '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_.-", s[i]))
			return false;
	return true;
}

static bool is_digest(const char *s)
{
	const char *colon = strchr(s, ':');
	if (!colon || colon == s || strlen(colon + 1) < 32)
		return false;
	for (const char *p = colon + 1; *p; p++)
		if (!isxdigit((unsigned char)*p) || isupper((unsigned char)*p))
			return false;
	return true;
}

bool image_name_is_valid(const char *image)
{
	const char *end = strchr(image, '@');
	if (end && !is_digest(end + 1))
		return false;
	if (!end)
		end = image + strlen(image);
	const char *colon = NULL; /* of the tag: the first behind the last slash */
	for (const char *p = image; p < end; p++) {
		if (*p == '/')
			colon = NULL;
		else if (*p == ':' && !colon)
			colon = p;
	}
	if (colon) {
		if (!is_tag(colon + 1, (size_t)(end - colon - 1)))
			return false;
		end = colon;
	}
	if (end == image || end - image > 255)
		return false;
	const char *p = image, *first = memchr(p, '/', (size_t)(end - p));
	if (first && (memchr(p, '.', (size_t)(first - p)) || memchr(p, ':', (size_t)(first - p)) ||
			 (first - p == 9 && strncmp(p, "localhost", 9) == 0))) {
		if (!is_domain(p, (size_t)(first - p)))
			return false;
		p = first + 1;
	}
	for (;;) {
		const char *next = memchr(p, '/', (size_t)(end - p));
		if (!is_path_component(p, (size_t)((next ? next : end) - p)))
			return false;
		if (!next)
			return true;
		p = next + 1;
	}
}
