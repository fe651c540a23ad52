/* Until auth/ is there: tokens of no kind are checked, everybody is an administrator. For tests on loopback
 * only. */
#include "apiserver/server.h"

int auth_init(struct api_server *server, struct error *err)
{
	return 0;
}

void auth_done(struct api_server *server)
{
}

int auth_authenticate(struct api_request *req, struct error *err)
{
	user_init(req->arena, &req->user, "admin", NULL);
	user_add_group(req->arena, &req->user, GROUP_MASTERS);
	return API_NEXT;
}

int auth_authorize(struct api_request *req, struct error *err)
{
	return API_NEXT;
}

int auth_serve_openid(struct api_request *req, struct error *err)
{
	return error_set(err, ERR_NOT_IMPLEMENTED, "no service account issuer");
}

int auth_serve_review(struct api_request *req, struct error *err)
{
	return error_set(err, ERR_NOT_IMPLEMENTED, "reviews are not implemented");
}
