/*
 * ruleset: what was applied, by owner, and the text for iptables-restore that brings a change about. Only
 * chains that changed are written; in shared chains single lines come and go. Pure bookkeeping, no processes.
 *
 * A round: ruleset_begin(), ruleset_set() for the owners that may have changed (all, in a full round),
 * ruleset_text(), then ruleset_commit() when it was applied or ruleset_forget() when not, after which only a
 * full round is right.
 */
#ifndef CUBE_PROXY_RULESET_H
#define CUBE_PROXY_RULESET_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/rules.h"

struct base_config;
struct ruleset;

struct ruleset *ruleset_new(void);
void ruleset_free(struct ruleset *set);
bool ruleset_is_known(const struct ruleset *set); /* false at first and after ruleset_forget() */

void ruleset_begin(struct ruleset *set);
/*
 * Makes the round a full one: everything is written. saved: the output of iptables-save, for the jumps that
 * are there already and the chains of ours that nobody wants any more. in_pieces: owners' chains go in
 * transactions of bounded size, the shared chains that lead to them last; the time iptables-nft takes grows
 * with the square of a transaction.
 */
void ruleset_begin_full(struct ruleset *set, const char *saved, bool in_pieces);
/* What this owner wants now; empty or NULL: nothing. Takes over what *take_rules holds. */
void ruleset_set(struct ruleset *set, const char *owner, struct rules *take_rules);
/* Appends the input of iptables-restore --noflush; false when there is nothing to do. Ends the round's
 * collecting. */
bool ruleset_text(struct ruleset *set, const struct base_config *base, struct buf *out);
void ruleset_commit(struct ruleset *set);
void ruleset_forget(struct ruleset *set);
size_t ruleset_lines_len(const struct ruleset *set); /* lines in shared chains, for metrics */

#endif
