#include "apiserver/server.h"

int proxy_serve(struct api_request *req, struct error *err)
{
	return error_set(err, ERR_NOT_IMPLEMENTED, "connections to nodes are not implemented");
}
