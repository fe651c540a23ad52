#include "apiserver/auth/user.h"

#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

void user_init(struct arena *arena, struct api_user *user, const char *name, const char *uid)
{
	*user = (struct api_user){
	    .name = arena_strdup(arena, str_or(name, "")),
	    .uid = arena_strdup(arena, str_or(uid, "")),
	    .groups = ARENA_ARRAY(arena, const char *, 1),
	};
}

/* A copy of the NULL-terminated list with one more string. */
static const char *const *list_with(struct arena *arena, const char *const *list, const char *more)
{
	size_t len = 0;

	while (list && list[len])
		len++;
	const char **copy = ARENA_ARRAY(arena, const char *, len + 2);
	for (size_t i = 0; i < len; i++)
		copy[i] = list[i];
	copy[len] = arena_strdup(arena, more);
	return copy;
}

void user_add_group(struct arena *arena, struct api_user *user, const char *group)
{
	if (!user_in_group(user, group))
		user->groups = list_with(arena, user->groups, group);
}

static struct api_user_extra *find_extra(const struct api_user *user, const char *key)
{
	for (size_t i = 0; i < user->extra_len; i++)
		if (strcmp(user->extra[i].key, key) == 0)
			return &user->extra[i];
	return NULL;
}

void user_add_extra(struct arena *arena, struct api_user *user, const char *key, const char *value)
{
	struct api_user_extra *entry = find_extra(user, key);

	if (!entry) {
		size_t size = user->extra_len * sizeof(*entry);
		user->extra = arena_grow(arena, user->extra, size, size + sizeof(*entry));
		size_t i = user->extra_len++;
		for (; i > 0 && strcmp(user->extra[i - 1].key, key) > 0; i--)
			user->extra[i] = user->extra[i - 1];
		entry = &user->extra[i];
		*entry = (struct api_user_extra){.key = arena_strdup(arena, key)};
	}
	entry->values = list_with(arena, entry->values, value);
}

const char *user_extra(const struct api_user *user, const char *key)
{
	const struct api_user_extra *entry = find_extra(user, key);
	return entry && entry->values ? entry->values[0] : NULL;
}

bool user_in_group(const struct api_user *user, const char *group)
{
	return user->groups && str_in(group, user->groups);
}

const char *user_node_name(const struct api_user *user)
{
	if (!str_has_prefix(user->name, USER_NODE_PREFIX) || !user_in_group(user, GROUP_NODES))
		return NULL;
	return user->name + strlen(USER_NODE_PREFIX);
}

bool user_split_service_account(
    struct arena *arena, const char *name, const char **ret_ns, const char **ret_name)
{
	if (!str_has_prefix(name, USER_SERVICE_ACCOUNT_PREFIX))
		return false;
	const char *ns = name + strlen(USER_SERVICE_ACCOUNT_PREFIX);
	const char *colon = strchr(ns, ':');
	if (!colon || colon == ns || colon[1] == '\0' || strchr(colon + 1, ':'))
		return false;
	*ret_ns = arena_strndup(arena, ns, (size_t)(colon - ns));
	*ret_name = arena_strdup(arena, colon + 1);
	return true;
}

void user_init_service_account(
    struct arena *arena, struct api_user *user, const char *ns, const char *name, const char *uid)
{
	user_init(arena, user, arena_printf(arena, USER_SERVICE_ACCOUNT_PREFIX "%s:%s", ns, name), uid);
	user_add_group(arena, user, GROUP_SERVICE_ACCOUNTS);
	user_add_group(arena, user, arena_printf(arena, GROUP_SERVICE_ACCOUNTS ":%s", ns));
}

AuthenticationV1__UserInfo *user_to_info(struct arena *arena, const struct api_user *user)
{
	AuthenticationV1__UserInfo *info = API_NEW(arena, authentication_v1__user_info);

	info->username = arena_strdup(arena, str_or(user->name, ""));
	info->uid = arena_strdup(arena, str_or(user->uid, ""));
	for (size_t i = 0; user->groups && user->groups[i]; i++)
		api_append(arena, info, groups, arena_strdup(arena, user->groups[i]));
	for (size_t i = 0; i < user->extra_len; i++) {
		AuthenticationV1__UserInfo__ExtraEntry *entry =
		    api_new_descriptor(arena, &authentication_v1__user_info__extra_entry__descriptor);
		entry->key = arena_strdup(arena, user->extra[i].key);
		entry->value = API_NEW(arena, authentication_v1__extra_value);
		for (size_t v = 0; user->extra[i].values[v]; v++)
			api_append(arena, entry->value, items, arena_strdup(arena, user->extra[i].values[v]));
		api_append(arena, info, extra, entry);
	}
	return info;
}
