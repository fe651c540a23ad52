/*
 * health: small HTTP listeners that answer GET with one text: /healthz, /metrics, and the health check ports
 * of Services with externalTrafficPolicy Local. Bare streams: one request a connection, no TLS, as these
 * ports have upstream.
 */
#ifndef CUBE_PROXY_HEALTH_H
#define CUBE_PROXY_HEALTH_H

struct buf;
struct error;
struct health_listener;
struct loop;

/* Fills body for the path; returns the HTTP status. *content_type is text/plain unless set. */
typedef int health_answer(void *arg, const char *path, struct buf *body, const char **content_type);

/* address: "127.0.0.1:10249", ":10256". NULL with *err when it can't listen. */
struct health_listener *health_listen(
    struct loop *loop, const char *address, health_answer *answer, void *arg, struct error *err);
int health_port(const struct health_listener *listener);
void health_close(struct health_listener *listener);

#endif
