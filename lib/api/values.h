/*
 * values: the API's special values: quantities, times, int-or-string, durations.
 */
#ifndef CUBE_API_VALUES_H
#define CUBE_API_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/intstr.pb-c.h"
#include "proto/meta_v1.pb-c.h"
#include "proto/quantity.pb-c.h"

struct arena;
struct error;

/* Quantities: exact decimal arithmetic over 128 bits; the canonical text follows upstream's rules (0.5 ->
 * 500m). */
enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT };
struct quantity {
	__int128 nano; /* the value times 10^9 */
	enum quantity_format format;
};
int quantity_parse(const char *text, struct quantity *ret, struct error *err);
#define QUANTITY_TEXT_MAX 64
const char *quantity_format(const struct quantity *q, char out[QUANTITY_TEXT_MAX]); /* canonical */
int quantity_compare(const struct quantity *a, const struct quantity *b);
void quantity_add(struct quantity *a, const struct quantity *b); /* a keeps its format unless it was zero */
void quantity_sub(struct quantity *a, const struct quantity *b);
int64_t quantity_value(const struct quantity *q); /* rounded up, saturating */
int64_t quantity_milli(const struct quantity *q); /* rounded up, saturating */
/* From a field; zero for NULL or text that does not parse. */
struct quantity quantity_of(const Resource__Quantity *q);
Resource__Quantity *quantity_new(struct arena *arena, const struct quantity *q);
Resource__Quantity *quantity_new_text(
    struct arena *arena, const char *text); /* as given, not canonicalised */
/* Looks a resource name up in a ResourceList map: quantity_in(owner, requests, "cpu"); false when absent. */
bool quantity_in_(size_t len, void *entries, const char *name, struct quantity *ret);
#define quantity_in(owner, member, name, ret)                                                                \
	quantity_in_((owner)->n_##member, (void *)(owner)->member, (name), (ret))

/* Times. */
#define TIME_ZERO_SECONDS INT64_C(-62135596800) /* Go's zero time, the year 1: means "not set" */
MetaV1__Time *time_new(struct arena *arena, int64_t seconds);
MetaV1__MicroTime *micro_time_new(struct arena *arena, int64_t ns);
int64_t time_seconds(const MetaV1__Time *t); /* 0 for NULL */
int64_t micro_time_ns(const MetaV1__MicroTime *t);
bool time_parse(const char *rfc3339, int64_t *ret_seconds, int32_t *ret_nanos);
#define TIME_TEXT_MAX 40
const char *time_format(int64_t seconds, char out[TIME_TEXT_MAX]); /* 2006-01-02T15:04:05Z */
const char *time_format_micro(int64_t seconds, int32_t nanos, char out[TIME_TEXT_MAX]); /* ...05.000000Z */
/* Human durations as kubectl's AGE column prints them: 5s, 3m12s, 4h, 2d3h, 30d. */
const char *time_human_duration(int64_t seconds, char out[TIME_TEXT_MAX]);

/* Durations as Go writes and reads them: 1m30s, 500ms, -1.5h, 0s. */
const char *duration_format(int64_t ns, char out[TIME_TEXT_MAX]);
bool duration_parse(const char *text, int64_t *ret_ns);

/* IntOrString. */
Intstr__IntOrString *intstr_new_int(struct arena *arena, int32_t value);
Intstr__IntOrString *intstr_new_string(struct arena *arena, const char *value);
bool intstr_is_string(const Intstr__IntOrString *v);
/* "25%" of total, or the number; round_up for maxSurge, down for maxUnavailable. False when it is neither. */
bool intstr_scaled(const Intstr__IntOrString *v, int32_t total, bool round_up, int32_t *ret);

#endif
