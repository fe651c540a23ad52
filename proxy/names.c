#include "proxy/names.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

const char *chain_name(const char *prefix, const char *text, char out[CHAIN_NAME_MAX])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char letters[17] = "";
	SHA256((const unsigned char *)text, strlen(text), hash);
	/* 16 letters of 5 bits are the first 80 bits. */
	for (int i = 0; i < 16; i++) {
		unsigned at = (unsigned)i * 5, pair = (unsigned)hash[at / 8] << 8 | hash[at / 8 + 1];
		letters[i] = alphabet[pair >> (11 - at % 8) & 31];
	}
	snprintf(out, CHAIN_NAME_MAX, "%s%s", prefix, letters);
	return out;
}
