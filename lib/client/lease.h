/* lease: leader election by a coordination.k8s.io/v1 Lease, with upstream's numbers: 15 s lease, 10 s renew,
 * 2 s retry. */
#ifndef CUBE_CLIENT_LEASE_H
#define CUBE_CLIENT_LEASE_H

struct lease_election;
struct rest_client;

/* on_lead fires when this process becomes leader, on_lost when it can't renew in time (the daemon then
 * exits). */
struct lease_election *lease_election_new(struct rest_client *client, const char *ns, const char *name,
    const char *identity, void (*on_lead)(void *arg), void (*on_lost)(void *arg), void *arg);
void lease_election_release(
    struct lease_election *election, void (*done)(void *arg), void *arg); /* gives the lease up */
void lease_election_free(struct lease_election *election);

#endif
