#include "kubelet/images/pull_secrets.h"

#include <string.h>

#include "kubelet/pods/pod_facts.h"
#include "kubelet/references.h"
#include "kubelet/runtime/convert.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

const char *image_registry(struct arena *arena, const char *image)
{
	const char *slash = strchr(image, '/');
	if (!slash)
		return "docker.io";
	char *first = arena_strndup(arena, image, (size_t)(slash - image));
	if (strchr(first, '.') || strchr(first, ':') || str_eq(first, "localhost"))
		return first;
	return "docker.io";
}

/* Keys of the file may be URLs: https://index.docker.io/v1/ is Docker Hub's. */
static bool key_matches(struct arena *arena, const char *key, const char *registry)
{
	const char *p = strstr(key, "://");
	p = p ? p + 3 : key;
	char *host = arena_strndup(arena, p, strcspn(p, "/"));
	if (str_eq(host, "index.docker.io") || str_eq(host, "registry-1.docker.io"))
		host = arena_strdup(arena, "docker.io");
	return str_eq(host, registry);
}

static CriV1__AuthConfig *auth_of(struct arena *arena, const struct json *entry)
{
	CriV1__AuthConfig *out = CRI_NEW(arena, cri_v1__auth_config);
	out->username = arena_strdup(arena, json_get_string(entry, "username", ""));
	out->password = arena_strdup(arena, json_get_string(entry, "password", ""));
	out->identity_token = arena_strdup(arena, json_get_string(entry, "identitytoken", ""));
	const char *auth = json_get_string(entry, "auth", "");
	size_t size;
	char *plain = *auth ? str_unbase64(arena, auth, strlen(auth), &size) : NULL;
	if (plain) {
		plain = arena_strndup(arena, plain, size);
		char *colon = strchr(plain, ':');
		if (colon) {
			out->username = arena_strndup(arena, plain, (size_t)(colon - plain));
			out->password = colon + 1;
		}
	}
	return out;
}

static CriV1__AuthConfig *find_in(struct arena *arena, const CoreV1__Secret *secret, const char *registry)
{
	for (size_t i = 0; i < secret->n_data; i++) {
		const char *key = secret->data[i]->key;
		struct json *doc;
		bool is_new = str_eq(key, ".dockerconfigjson");
		if (!is_new && !str_eq(key, ".dockercfg"))
			continue;
		if (json_parse(arena, (const char *)secret->data[i]->value.data, secret->data[i]->value.len,
			NULL, &doc, NULL))
			continue;
		struct json *auths = is_new ? json_get(doc, "auths") : doc;
		for (size_t k = 0; auths && auths->type == JSON_OBJECT && k < auths->len; k++)
			if (key_matches(arena, auths->members[k].key, registry))
				return auth_of(arena, auths->members[k].value);
	}
	return NULL;
}

CriV1__AuthConfig *pull_secret_for(
    struct arena *arena, struct references *refs, const struct object *pod, const char *image, size_t nth)
{
	const CoreV1__PodSpec *spec = pod_of(pod)->spec;
	const char *registry = image_registry(arena, image);
	for (size_t i = 0; refs && i < spec->n_image_pull_secrets; i++) {
		const struct object *obj;
		if (references_get(refs, REFERENCE_SECRET, pod->meta->namespace_,
			spec->image_pull_secrets[i]->name, &obj) != REFERENCE_FOUND)
			continue;
		CriV1__AuthConfig *auth = find_in(arena, (const CoreV1__Secret *)obj->msg, registry);
		if (auth && nth-- == 0)
			return auth;
	}
	return NULL;
}

const char *pull_secrets_missing(struct arena *arena, struct references *refs, const struct object *pod)
{
	const CoreV1__PodSpec *spec = pod_of(pod)->spec;
	const char *names = NULL;
	for (size_t i = 0; refs && i < spec->n_image_pull_secrets; i++) {
		const char *name = spec->image_pull_secrets[i]->name;
		const struct object *obj;
		if (references_get(refs, REFERENCE_SECRET, pod->meta->namespace_, name, &obj) ==
		    REFERENCE_MISSING)
			names = names ? arena_printf(arena, "%s, %s", names, name) : name;
	}
	return names;
}
