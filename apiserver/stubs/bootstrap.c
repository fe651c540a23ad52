#include "apiserver/server.h"

void bootstrap_start(struct api_server *server, void (*done)(void *arg), void *arg)
{
	done(arg);
}
