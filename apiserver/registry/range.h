/*
 * range: one stored allocation range (a RangeAllocation under /registry/ranges/): which numbers of it are
 * taken. The store's copy counts; this one is a cache of it that a write proves right, by its revision.
 * Changes are made in turns: one write is under way at a time, and what was asked for meanwhile goes into the
 * next one together. A refusal ("full", "taken") is given only after a look at the store.
 */
#ifndef CUBE_APISERVER_REGISTRY_RANGE_H
#define CUBE_APISERVER_REGISTRY_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apiserver/registry/bitmap.h"
#include "lib/base/error.h"

struct loop;
struct range;
struct storage;

enum { RANGE_ANY = -1, RANGE_NONE = -1 };

/* Owned by the caller until done fires; done may free it. */
struct range_change {
	const int64_t *takes; /* numbers to take, or RANGE_ANY; all of them are taken, or none */
	size_t takes_len;
	const int64_t *gives; /* numbers to give back; it is no error when they are free */
	size_t gives_len;
	bool is_dry_run;         /* tells what would be taken, and takes nothing */
	bool is_adopting;        /* takes[0] may be taken already: by an attempt of the past */
	void (*done)(void *arg); /* never from inside range_submit() */
	void *arg;
	/* the outcome: */
	int64_t *taken;     /* as many as takes; the caller's memory */
	int64_t refused;    /* index of the take that could not be had, or RANGE_NONE */
	struct error error; /* the store has not answered: nobody knows whether the numbers are taken */
	/* the range's own: */
	bool has_adopted;
	struct range_change *next;
};

/* The range starts closed: changes wait until range_resume(). text is the stored `range`, such as
 * "10.96.0.0/16"; all strings are copied. */
struct range *range_new(struct loop *loop, struct storage *storage, const char *key, const char *text,
    uint32_t size, uint32_t reserved);
void range_free(struct range *range); /* changes that wait are forgotten: done is not called */
void range_submit(struct range *range, struct range_change *change);
/* Fire and forget: numbers are copied. A failure is logged; repair finds what was lost. */
void range_give_back(struct range *range, const int64_t *numbers, size_t len);

/*
 * For repair: no change runs between range_hold() and range_resume(). `fn` is called, later, with what is
 * stored: text is NULL when nothing is, else the stored range, and data its bitmap, both borrowed; or with an
 * error. range_replace() writes a new bitmap in its place when it is still so; done gets succeeded = false
 * when another server was faster.
 */
typedef void range_loaded_fn(
    void *arg, const char *text, const void *data, size_t size, const struct error *err);
typedef void range_replaced_fn(void *arg, bool succeeded, const struct error *err);
void range_hold(struct range *range, range_loaded_fn *fn, void *arg);
void range_replace(struct range *range, const struct bitmap *map, range_replaced_fn *fn, void *arg);
void range_resume(struct range *range);
/* Called when a change finds nothing stored: somebody has removed the key. */
void range_on_missing(struct range *range, void (*fn)(void *arg), void *arg);

const char *range_text(const struct range *range);

#endif
