/* TokenReview and SelfSubjectReview: who is behind a token, and who am I. Also the dispatch of all reviews.
 */
#include "apiserver/auth/auth.h"

#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static const char *const *list_of(struct arena *arena, size_t len, char *const *items)
{
	const char **list = ARENA_ARRAY(arena, const char *, len + 1);

	for (size_t i = 0; i < len; i++)
		list[i] = items[i];
	return list;
}

int review_token(struct api_request *req, struct error *err)
{
	AuthenticationV1__TokenReview *review = (void *)req->object->msg;
	struct arena *arena = req->object->arena;
	struct api_user user;
	const char *const *audiences = NULL;
	struct error why = ERROR_INIT;

	if (str_empty(review->spec->token))
		return error_set(err, ERR_BAD_REQUEST, "token is required for TokenReview in authentication");
	AuthenticationV1__TokenReviewStatus *status = API_NEW(arena, authentication_v1__token_review_status);
	const char *const *wanted = list_of(req->arena, review->spec->n_audiences, review->spec->audiences);
	if (auth_check_token(req->server->auth, req->arena, review->spec->token, wanted, &user, &audiences,
		&why) == TOKEN_GOOD) {
		status->has_authenticated = true;
		status->authenticated = true;
		status->user = user_to_info(arena, &user);
		for (size_t i = 0; audiences && audiences[i]; i++)
			api_append(arena, status, audiences, arena_strdup(arena, audiences[i]));
	} else {
		status->error = arena_strdup(arena, why.message);
	}
	review->status = status;
	return API_NEXT;
}

int review_self(struct api_request *req, struct error *err)
{
	AuthenticationV1__SelfSubjectReview *review = (void *)req->object->msg;
	struct arena *arena = req->object->arena;

	(void)err;
	review->status = API_NEW(arena, authentication_v1__self_subject_review_status);
	review->status->user_info = user_to_info(arena, &req->user);
	return API_NEXT;
}

static const struct {
	const char *kind;
	api_stage_fn *serve;
} reviews[] = {
    {"SubjectAccessReview", review_access},
    {"SelfSubjectAccessReview", review_access},
    {"LocalSubjectAccessReview", review_access},
    {"SelfSubjectRulesReview", review_rules},
    {"TokenReview", review_token},
    {"SelfSubjectReview", review_self},
    {"TokenRequest", token_request},
};

int auth_serve_review(struct api_request *req, struct error *err)
{
	for (size_t i = 0; i < sizeof(reviews) / sizeof(reviews[0]); i++)
		if (str_eq(reviews[i].kind, req->object->kind))
			return reviews[i].serve(req, err);
	return error_set(err, ERR_NOT_IMPLEMENTED, "%s is not served", req->object->kind);
}
