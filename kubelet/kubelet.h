/* kubelet: all modules put together: made from the flags and a connection, run by main.c. */
#ifndef CUBE_KUBELET_KUBELET_H
#define CUBE_KUBELET_KUBELET_H

struct error;
struct kubelet;
struct kubelet_config;
struct loop;
struct rest_client;

struct kubelet *kubelet_new(
    const struct kubelet_config *config, struct loop *loop, struct rest_client *client, struct error *err);
void kubelet_start(struct kubelet *k);
void kubelet_free(struct kubelet *k); /* pods go on running */

#endif
