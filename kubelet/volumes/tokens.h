/*
 * tokens: service account tokens for projected volumes, asked for by TokenRequest (bound to the pod), kept,
 * and asked for again when 80 % of their time is over (or a day).
 */
#ifndef CUBE_KUBELET_TOKENS_H
#define CUBE_KUBELET_TOKENS_H

#include <stdint.h>

struct error;
struct loop;
struct object;
struct rest_client;
struct tokens;

/* on_change: a token of the pod came, or came anew. */
struct tokens *tokens_new(
    struct loop *loop, struct rest_client *client, void (*on_change)(void *arg, const char *uid), void *arg);
void tokens_free(struct tokens *tokens);
/* 0 and *ret (borrowed until control returns to the loop), 1: on its way, < 0: the last try failed. */
int tokens_get(struct tokens *tokens, const struct object *pod, const char *audience, int64_t expiration_s,
    const char **ret, struct error *err);
void tokens_remove_pod(struct tokens *tokens, const char *uid);

#endif
