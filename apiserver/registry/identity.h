/*
 * identity: the Lease by which others know that this API server lives: apiserver-HASH in kube-system, of the
 * host's name, labelled apiserver.kubernetes.io/identity=kube-apiserver, renewed every 10 seconds. Leases of
 * servers that have not renewed theirs for an hour are deleted.
 */
#ifndef CUBE_APISERVER_REGISTRY_IDENTITY_H
#define CUBE_APISERVER_REGISTRY_IDENTITY_H

struct api_server;
struct identity;

enum { IDENTITY_NAME_MAX = 40 };

struct identity *identity_start(struct api_server *server);
void identity_free(struct identity *identity);
/* "apiserver-" and the first 16 bytes of a SHA-256 of the host's name and the program's, in base 32: the name
 * that upstream gives. */
const char *identity_name(const char *hostname, char out[IDENTITY_NAME_MAX]);

#endif
