/*
 * shard: shuffle sharding. A flow's hash deals it a hand of a few queues out of many; two flows seldom share
 * their whole hand, so one that floods its queues leaves others a way through. Pure.
 */
#ifndef CUBE_APISERVER_FLOWCONTROL_SHARD_H
#define CUBE_APISERVER_FLOWCONTROL_SHARD_H

#include <stdint.h>

/* The most cards that 60 bits of hash can deal; validation keeps hands below it. */
#define SHARD_HAND_MAX 16

/* Of a flow: the names of its schema and of who it is told apart by. */
uint64_t shard_hash(const char *schema, const char *distinguisher);
/* hand_size different numbers below deck_size, 1 <= hand_size <= SHARD_HAND_MAX, hand_size <= deck_size. */
void shard_deal(uint64_t hash, int deck_size, int hand_size, int *ret_hand);

#endif
