/* cleanup: takes back what kube-proxy made on the node, for --cleanup. Waits for the programs it runs. */
#ifndef CUBE_PROXY_CLEANUP_H
#define CUBE_PROXY_CLEANUP_H

struct buf;

struct cleanup_options {
	const char *bridge;   /* NULL: no bridge */
	const char *conf_dir; /* NULL: no CNI configuration */
};

/* 0, or -1 after having logged what could not be undone. */
int cleanup_run(const struct cleanup_options *options);

/* Pure: from iptables-save's output, the input of iptables-restore that removes our chains and the jumps to
 * them. */
void cleanup_text(const char *saved, struct buf *out);

#endif
