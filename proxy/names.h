/* names: chain names as kube-proxy makes them, so that tools which know them find their way. */
#ifndef CUBE_PROXY_NAMES_H
#define CUBE_PROXY_NAMES_H

enum { CHAIN_NAME_MAX = 29 };

/* prefix + 16 characters of base32(sha256(text)): KUBE-SVC-, KUBE-SVL-, KUBE-EXT-, KUBE-FW-, KUBE-SEP-. */
const char *chain_name(const char *prefix, const char *text, char out[CHAIN_NAME_MAX]);

#endif
