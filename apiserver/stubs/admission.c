/* Until admission/ is there: nothing is changed, nothing refused. */
#include "apiserver/server.h"

int admission_init(struct api_server *server, struct error *err)
{
	return 0;
}

void admission_done(struct api_server *server)
{
}

int admission_mutate(struct api_request *req, struct error *err)
{
	return API_NEXT;
}

int admission_validate(struct api_request *req, struct error *err)
{
	return API_NEXT;
}
