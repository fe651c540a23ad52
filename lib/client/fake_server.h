/* fake_server: for tests: an HTTP server on the loop whose answers, whole, streamed or broken, the test
 * writes itself. */
#ifndef CUBE_CLIENT_FAKE_SERVER_H
#define CUBE_CLIENT_FAKE_SERVER_H

#include <stddef.h>

struct fake_conn;
struct fake_server;
struct loop;

typedef void fake_handler(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body);

struct fake_server *fake_server_new(
    struct loop *loop, int port /* 0: any */, fake_handler *handler, void *arg);
void fake_server_free(struct fake_server *server); /* breaks all connections */
int fake_server_port(const struct fake_server *server);
void fake_server_break(struct fake_server *server); /* closes the connections, goes on listening */

void fake_reply(
    struct fake_conn *conn, int status, const char *headers /* each with \r\n, or "" */, const char *body);
void fake_stream_start(struct fake_conn *conn);
void fake_stream_send(struct fake_conn *conn, const char *text);
void fake_stream_end(struct fake_conn *conn);
void fake_close(struct fake_conn *conn);

#endif
