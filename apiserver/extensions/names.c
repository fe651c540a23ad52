#include "apiserver/extensions/names.h"

#include <string.h>

#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/crd.h"

typedef ApiextensionsV1__CustomResourceDefinition Crd;
typedef ApiextensionsV1__CustomResourceDefinitionNames Names;
typedef ApiextensionsV1__CustomResourceDefinitionCondition Condition;

static Condition *find(const Crd *crd, const char *type)
{
	for (size_t i = 0; i < crd->status->n_conditions; i++)
		if (str_eq(crd->status->conditions[i]->type, type))
			return crd->status->conditions[i];
	return NULL;
}

bool crd_condition_is_true(const Crd *crd, const char *type)
{
	const Condition *c = find(crd, type);
	return c && str_eq(c->status, "True");
}

void crd_set_condition(struct arena *arena, Crd *crd, const char *type, const char *status,
    const char *reason, const char *message, int64_t now_s)
{
	Condition *c = find(crd, type);
	if (!c) {
		c = API_NEW(arena, apiextensions_v1__custom_resource_definition_condition);
		c->type = arena_strdup(arena, type);
		api_append(arena, crd->status, conditions, c);
	}
	if (!str_eq(c->status, status) || !c->last_transition_time)
		c->last_transition_time = time_new(arena, now_s);
	c->status = arena_strdup(arena, status);
	c->reason = arena_strdup(arena, reason);
	c->message = arena_strdup(arena, message);
}

static void add(struct arena *arena, const char ***list, size_t *len, const char *s)
{
	if (str_empty(s))
		return;
	*list = arena_grow(arena, *list, *len * sizeof **list, (*len + 1) * sizeof **list);
	(*list)[(*len)++] = s;
}

void names_take(struct arena *arena, struct names_taken *taken, const Names *n)
{
	add(arena, &taken->names, &taken->names_len, n->plural);
	add(arena, &taken->names, &taken->names_len, n->singular);
	for (size_t i = 0; i < n->n_short_names; i++)
		add(arena, &taken->names, &taken->names_len, n->short_names[i]);
	add(arena, &taken->kinds, &taken->kinds_len, n->kind);
	add(arena, &taken->kinds, &taken->kinds_len, n->list_kind);
}

static bool is_free(const char *name, const char *accepted, const char **taken, size_t len)
{
	for (size_t i = 0; i < len && !str_eq(name, accepted); i++)
		if (str_eq(taken[i], name))
			return false;
	return true;
}

struct settle {
	struct arena *arena;
	const char *reason; /* of the last conflict; NULL: none */
	const char *message;
};

static void conflict(struct settle *s, const char *reason, const char *name)
{
	s->reason = reason;
	s->message = arena_printf(s->arena, "\"%s\" is already in use", name);
}

static void accept(
    struct settle *s, char **accepted, const char *wanted, const char **taken, size_t len, const char *reason)
{
	if (is_free(wanted, *accepted, taken, len))
		*accepted = arena_strdup(s->arena, wanted);
	else
		conflict(s, reason, wanted);
}

static bool had_short_name(const Names *accepted, const char *name)
{
	for (size_t i = 0; i < accepted->n_short_names; i++)
		if (str_eq(accepted->short_names[i], name))
			return true;
	return false;
}

/* All short names or none. */
static void accept_short_names(
    struct settle *s, Names *accepted, const Names *wanted, const struct names_taken *taken)
{
	bool ok = true;
	for (size_t i = 0; i < wanted->n_short_names; i++) {
		const char *name = wanted->short_names[i];
		if (had_short_name(accepted, name) || is_free(name, NULL, taken->names, taken->names_len))
			continue;
		conflict(s, "ShortNamesConflict", name);
		ok = false;
	}
	if (!ok)
		return;
	const Names *copy = api_clone(s->arena, wanted);
	accepted->short_names = copy->short_names;
	accepted->n_short_names = copy->n_short_names;
}

/* Definitions in the project's own groups say where they were approved. */
static void settle_approval(struct arena *arena, Crd *crd, int64_t now_s)
{
	static const char type[] = "KubernetesAPIApprovalPolicyConformant";
	const char *value = api_map_get(crd->metadata, annotations, CRD_APPROVED_ANNOTATION);
	if (!crd_is_protected_group(crd->spec->group))
		return;
	if (str_empty(value))
		crd_set_condition(arena, crd, type, "False", "MissingAnnotation",
		    "protected groups must have approval annotation \"" CRD_APPROVED_ANNOTATION
		    "\", see https://github.com/kubernetes/enhancements/pull/1111",
		    now_s);
	else if (str_has_prefix(value, "unapproved"))
		crd_set_condition(arena, crd, type, "False", "UnapprovedAPI",
		    arena_printf(arena, "not approved: \"%s\"", value), now_s);
	else
		crd_set_condition(arena, crd, type, "True", "ApprovedAnnotation",
		    arena_printf(arena, "approved in %s", value), now_s);
}

bool names_are_settled(const Crd *crd)
{
	return crd_condition_is_true(crd, "NamesAccepted") && crd_condition_is_true(crd, "Established") &&
	       (!crd_is_protected_group(crd->spec->group) ||
		   crd_condition_is_true(crd, "KubernetesAPIApprovalPolicyConformant")) &&
	       api_equal(crd->spec->names, crd->status->accepted_names);
}

void names_settle(struct arena *arena, Crd *crd, const struct names_taken *taken, int64_t now_s)
{
	struct settle s = {.arena = arena};
	settle_approval(arena, crd, now_s);
	const Names *wanted = crd->spec->names;
	Names *accepted = crd->status->accepted_names;
	accept(&s, &accepted->plural, wanted->plural, taken->names, taken->names_len, "PluralConflict");
	accept(&s, &accepted->singular, wanted->singular, taken->names, taken->names_len, "SingularConflict");
	accept_short_names(&s, accepted, wanted, taken);
	accept(&s, &accepted->kind, wanted->kind, taken->kinds, taken->kinds_len, "KindConflict");
	accept(
	    &s, &accepted->list_kind, wanted->list_kind, taken->kinds, taken->kinds_len, "ListKindConflict");
	const Names *copy = api_clone(arena, wanted);
	accepted->categories = copy->categories;
	accepted->n_categories = copy->n_categories;
	if (s.reason)
		crd_set_condition(arena, crd, "NamesAccepted", "False", s.reason, s.message, now_s);
	else
		crd_set_condition(
		    arena, crd, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now_s);
	/* Once established it stays so: objects are there. */
	if (crd_condition_is_true(crd, "Established"))
		return;
	if (s.reason)
		crd_set_condition(
		    arena, crd, "Established", "False", "NotAccepted", "not all names are accepted", now_s);
	else
		crd_set_condition(arena, crd, "Established", "True", "InitialNamesAccepted",
		    "the initial names have been accepted", now_s);
}
