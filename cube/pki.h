/* pki: the cluster's keys and certificates (P-256, a year for leaves, ten for authorities) and the
 * kubeconfigs made of them. */
#ifndef CUBE_CUBE_PKI_H
#define CUBE_CUBE_PKI_H

struct cluster;
struct error;

/* Makes under DATA_DIR/pki and DATA_DIR/kubeconfig whatever is missing or no longer fits; keeps the rest. */
int pki_ensure(const struct cluster *cluster, struct error *err);
/* Merges context `cube` with the administrator's certificate into the user's kubeconfig. */
int pki_write_user_kubeconfig(const struct cluster *cluster, const char *path, struct error *err);

#endif
