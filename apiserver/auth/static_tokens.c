/* The token file; see token_source.h. */
#include "apiserver/auth/token_source.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

struct static_tokens {
	struct arena *arena;
	struct strmap *by_hash; /* hex SHA-256 -> struct api_user */
};

bool token_equal(const char *a, const char *b)
{
	unsigned char x[SHA256_DIGEST_LENGTH], y[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)a, strlen(a), x);
	SHA256((const unsigned char *)b, strlen(b), y);
	return CRYPTO_memcmp(x, y, sizeof(x)) == 0;
}

/* With every request: SHA256() would look the algorithm up anew each time, and printf is slower than the
 * hash. */
static void hash_token(const char *token, char out[2 * SHA256_DIGEST_LENGTH + 1])
{
	static const char digits[] = "0123456789abcdef";
	static EVP_MD *sha256;
	unsigned char hash[SHA256_DIGEST_LENGTH] = {0};

	if (!sha256)
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (EVP_Digest(token, strlen(token), hash, NULL, sha256, NULL) != 1)
		abort(); /* a key that does not depend on the token must never be used */
	for (size_t i = 0; i < sizeof(hash); i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[2 * sizeof(hash)] = '\0';
}

#define FIELDS_MAX 4

/* One CSV line into at most FIELDS_MAX fields; quoted fields may hold commas, "" stands for a quote. */
static size_t split_line(struct arena *arena, const char *line, const char *fields[FIELDS_MAX])
{
	size_t len = 0;

	for (;;) {
		struct buf field = BUF_INIT;
		while (*line == ' ')
			line++;
		bool quoted = *line == '"';
		if (quoted)
			line++;
		while (*line && (quoted || *line != ',')) {
			if (quoted && *line == '"') {
				if (line[1] != '"')
					break;
				line++;
			}
			buf_putc(&field, *line++);
		}
		if (len < FIELDS_MAX)
			fields[len++] = arena_strdup(arena, buf_str(&field));
		buf_done(&field);
		line = strchr(line, ',');
		if (!line)
			return len;
		line++;
	}
}

static int add_line(struct static_tokens *tokens, const char *line, size_t number, struct error *err)
{
	struct arena *arena = tokens->arena;
	const char *fields[FIELDS_MAX] = {0};
	char hash[2 * SHA256_DIGEST_LENGTH + 1];
	size_t len = split_line(arena, line, fields);

	if (len < 3)
		return error_set(
		    err, ERR_BAD_REQUEST, "token file line %zu: at least token,user,uid are needed", number);
	if (str_empty(fields[0]))
		return error_set(err, ERR_BAD_REQUEST, "token file line %zu: the token is empty", number);
	struct api_user *user = ARENA_NEW(arena, struct api_user);
	user_init(arena, user, fields[1], fields[2]);
	size_t groups_len = 0;
	char **groups =
	    len > 3 && !str_empty(fields[3]) ? str_split(arena, fields[3], ',', &groups_len) : NULL;
	for (size_t i = 0; i < groups_len; i++)
		user_add_group(arena, user, groups[i]);
	hash_token(fields[0], hash);
	strmap_put(tokens->by_hash, hash, user);
	return 0;
}

struct static_tokens *static_tokens_parse(const char *text, struct error *err)
{
	struct static_tokens *tokens = calloc(1, sizeof(*tokens));
	size_t len;

	if (!tokens)
		abort();
	tokens->arena = arena_new();
	tokens->by_hash = strmap_new();
	char **lines = str_split(tokens->arena, text, '\n', &len);
	for (size_t i = 0; i < len; i++) {
		lines[i][strcspn(lines[i], "\r")] = '\0';
		if (lines[i][0] != '\0' && lines[i][0] != '#' && add_line(tokens, lines[i], i + 1, err) < 0) {
			static_tokens_free(tokens);
			return NULL;
		}
	}
	return tokens;
}

struct static_tokens *static_tokens_load(const char *file, struct error *err)
{
	FILE *f = fopen(file, "re");
	struct buf text = BUF_INIT;
	size_t n;

	if (!f)
		return error_set(err, ERR_IO, "cannot read the token file %s", file), NULL;
	while ((n = fread(buf_reserve(&text, 65536), 1, 65536, f)) > 0)
		text.size += n;
	fclose(f);
	buf_putc(&text, '\n');
	struct static_tokens *tokens = static_tokens_parse(buf_str(&text), err);
	OPENSSL_cleanse(text.data, text.size);
	buf_done(&text);
	return tokens;
}

void static_tokens_free(struct static_tokens *tokens)
{
	if (!tokens)
		return;
	strmap_free(tokens->by_hash, NULL);
	arena_free(tokens->arena);
	free(tokens);
}

enum token_result static_tokens_check(
    const struct static_tokens *tokens, struct arena *arena, const char *token, struct api_user *ret_user)
{
	char hash[2 * SHA256_DIGEST_LENGTH + 1];

	if (!tokens)
		return TOKEN_UNKNOWN;
	hash_token(token, hash);
	const struct api_user *user = strmap_get(tokens->by_hash, hash);
	if (!user)
		return TOKEN_UNKNOWN;
	user_init(arena, ret_user, user->name, user->uid);
	for (size_t i = 0; user->groups[i]; i++)
		user_add_group(arena, ret_user, user->groups[i]);
	return TOKEN_GOOD;
}
