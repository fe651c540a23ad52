/* auth: who sends a request to the kubelet's port and whether they may: TokenReview and SubjectAccessReview,
 * cached. */
#ifndef CUBE_KUBELET_AUTH_H
#define CUBE_KUBELET_AUTH_H

struct http_server_request;
struct kubelet_auth;
struct kubelet_config;
struct loop;
struct rest_client;

struct kubelet_auth *kubelet_auth_new(
    const struct kubelet_config *config, struct loop *loop, struct rest_client *client);
void kubelet_auth_free(struct kubelet_auth *auth);
/*
 * Answers 401, 403 or 500 itself, or calls allowed(arg, request), at once or later. Dropped when the peer
 * goes away.
 */
void kubelet_auth_check(struct kubelet_auth *auth, struct http_server_request *request,
    void (*allowed)(void *arg, struct http_server_request *request), void *arg);

#endif
