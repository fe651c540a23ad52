/*
 * iptables: running iptables' programs, asynchronously. Finds out whether the nft or the legacy variant is in
 * use here: rules in the one are not seen by the other.
 */
#ifndef CUBE_PROXY_IPTABLES_H
#define CUBE_PROXY_IPTABLES_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct iptables;
struct loop;

/* mode: "nft", "legacy", or NULL: to be detected at the first use. */
struct iptables *iptables_new(struct loop *loop, const char *mode);
void iptables_free(struct iptables *ipt); /* what runs is left to end; no callback fires any more */
const char *iptables_mode(const struct iptables *ipt); /* "iptables-nft", ...; "" before detection */

/* One at a time: the next call only after done. err NULL on success. */
void iptables_save(
    struct iptables *ipt, void (*done)(void *arg, const char *text, const struct error *err), void *arg);
/* text is copied. */
void iptables_restore(struct iptables *ipt, const char *text, size_t size,
    void (*done)(void *arg, const struct error *err), void *arg);
/* May run beside others. is_there: the canary's chain and its rule exist. */
void iptables_check_canary(struct iptables *ipt, void (*done)(void *arg, bool is_there), void *arg);

#endif
