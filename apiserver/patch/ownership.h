/*
 * ownership: what a change of an object means for who owns its fields. Pure: works on trees and managers;
 * track.c and apply.c bring the request's.
 */
#ifndef CUBE_APISERVER_PATCH_OWNERSHIP_H
#define CUBE_APISERVER_PATCH_OWNERSHIP_H

#include "apiserver/patch/managers.h"
#include "apiserver/patch/typed.h"

/* Before and after a change, in one version. Trees are sorted, without managedFields. */
struct ownership_view {
	const char *api_version;
	struct typed type;
	struct json *before, *after;
	struct typed_difference difference; /* without what `ignored` names */
};

struct ownership_conflict {
	const struct manager *manager;
	struct fieldset *fields;
};

struct ownership {
	struct arena *arena;
	struct ownership_view view;     /* in the version of the request */
	const struct fieldset *ignored; /* fields that this endpoint resets; NULL: none */
	/* The same change in another version; NULL when there is no such version any more. */
	const struct ownership_view *(*other_view)(void *arg, const char *api_version);
	void *arg;
};

/* Computes the difference of view.before and view.after. */
void ownership_compare(struct ownership *o, struct ownership_view *view);

/*
 * Takes from all managers but `self` what the change has taken from them, and drops those that are left with
 * nothing. Unless force, fields that others own and that the change sets to another value are conflicts: they
 * are returned (in the arena; *ret_len of them) and nothing is changed. self may be NULL.
 */
struct ownership_conflict *ownership_settle(
    struct ownership *o, struct managers *managers, const struct manager *self, bool force, size_t *ret_len);

/* What an update by `self` at now_s means: it owns what it added or changed. */
void ownership_update(
    struct ownership *o, struct managers *managers, const struct manager *self, int64_t now_s);

/* What nobody owns: names and what the server keeps. */
struct fieldset *ownership_strip(struct arena *arena, const struct fieldset *set);

/*
 * What `merged` (live with the config merged in) is after the fields are gone that self applied last time
 * (`last`, NULL for the first time), does not apply now, and nobody else owns.
 */
struct json *ownership_prune(struct arena *arena, struct typed type, struct json *merged,
    const struct managers *managers, const struct fieldset *last);

#endif
