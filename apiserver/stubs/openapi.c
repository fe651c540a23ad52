#include "apiserver/server.h"

int openapi_serve(struct api_request *req, struct error *err)
{
	return error_set(err, ERR_NOT_IMPLEMENTED, "openapi is not implemented");
}
