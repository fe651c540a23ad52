#include "apiserver/server.h"

int discovery_serve(struct api_request *req, struct error *err)
{
	return error_set(err, ERR_NOT_IMPLEMENTED, "discovery is not implemented");
}
