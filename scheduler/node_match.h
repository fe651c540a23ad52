/* node_match: node selectors and tolerations against nodes, as pods and persistent volumes use them. */
#ifndef CUBE_SCHEDULER_NODE_MATCH_H
#define CUBE_SCHEDULER_NODE_MATCH_H

#include <stdbool.h>

#include "proto/core_v1.pb-c.h"

/* Terms are alternatives; an empty term matches nothing. */
bool node_selector_matches(const CoreV1__NodeSelector *selector, const CoreV1__Node *node);
bool node_selector_term_matches(const CoreV1__NodeSelectorTerm *term, const CoreV1__Node *node);
/* spec.nodeSelector and the required node affinity together. */
bool node_matches_pod(const CoreV1__PodSpec *spec, const CoreV1__Node *node);
bool taint_is_tolerated(const CoreV1__Taint *taint, CoreV1__Toleration *const *tolerations, size_t len);

#endif
