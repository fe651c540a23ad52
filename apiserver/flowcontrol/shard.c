#include "apiserver/flowcontrol/shard.h"

#include <assert.h>

static uint64_t mix(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return hash * 0x100000001b3; /* the end of the text: "a", "bc" is not "ab", "c" */
}

uint64_t shard_hash(const char *schema, const char *distinguisher)
{
	uint64_t h = mix(mix(0xcbf29ce484222325, schema), distinguisher);
	/* FNV leaves the high bits of short texts alike: spread them (the finalizer of MurmurHash3). */
	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

void shard_deal(uint64_t hash, int deck_size, int hand_size, int *ret_hand)
{
	int dealt[SHARD_HAND_MAX]; /* ascending */

	assert(hand_size >= 1 && hand_size <= SHARD_HAND_MAX && hand_size <= deck_size);
	for (int i = 0; i < hand_size; i++) {
		uint64_t left = (uint64_t)(deck_size - i);
		int card = (int)(hash % left), at = 0; /* the how manyth of those not dealt yet */
		hash /= left;
		for (; at < i && card >= dealt[at]; at++)
			card++;
		for (int j = i; j > at; j--)
			dealt[j] = dealt[j - 1];
		dealt[at] = ret_hand[i] = card;
	}
}
