/* waiting: until an object is gone, or until a condition on it holds; by watching, never by polling blindly.
 */
#ifndef CUBE_KUBECTL_WAITING_H
#define CUBE_KUBECTL_WAITING_H

#include "kubectl/kubectl.h"

struct target;

/* 0 when it is gone (or another object has its name); ERR_CANCELLED with an empty message after timeout_ms
 * (0: none). */
int wait_gone(
    struct kubectl *k, const struct target *target, const char *uid, int64_t timeout_ms, struct error *err);
/*
 * Calls test with each state of the object until it returns > 0 (done) or < 0 (failed, with err). A missing
 * object is an error, its deletion is passed as object NULL. Timeout: ERR_CANCELLED "timed out waiting for
 * the condition".
 */
int wait_for(struct kubectl *k, const struct target *target, int64_t timeout_ms,
    int (*test)(void *arg, struct json *object, struct error *err), void *arg, struct error *err);
int64_t wait_now_ms(void);

#endif
