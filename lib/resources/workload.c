#include "lib/resources/workload.h"

#include <string.h>

#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"

void workload_validate(const MetaV1__LabelSelector *selector, const CoreV1__PodTemplateSpec *template,
    unsigned flags, const struct field_path *p, struct field_errors *e)
{
	struct selector *parsed = NULL;
	bool everything = selector && !selector->n_match_labels && !selector->n_match_expressions;

	if (rule_required_that(e, CHILD(p, "selector"), selector, "")) {
		rule_label_selector(e, CHILD(p, "selector"), selector);
		rule_invalid_if(e, CHILD(p, "selector"), everything, NULL, "empty selector is invalid");
	}
	if (selector && selector_from_object(e->arena, selector, &parsed, NULL) < 0) {
		rule_invalid_if(e, CHILD(p, "selector"), flags & WORKLOAD_REPORTS_BAD_SELECTOR, NULL,
		    "invalid label selector");
		return;
	}
	podtemplate_validate_for_controller(template,
	    everything || (parsed && selector_matches(parsed, template->metadata)), CHILD(p, "template"), e);
}

void workload_validate_rolling(const Intstr__IntOrString *max_unavailable,
    const Intstr__IntOrString *max_surge, const struct field_path *p, struct field_errors *e)
{
	rule_int_or_percent(e, CHILD(p, "maxUnavailable"), max_unavailable);
	rule_at_most_all(e, CHILD(p, "maxUnavailable"), max_unavailable);
	rule_int_or_percent(e, CHILD(p, "maxSurge"), max_surge);
	rule_invalid_if(e, CHILD(p, "maxUnavailable"),
	    !rule_int_or_percent_value(max_unavailable) && !rule_int_or_percent_value(max_surge), NULL,
	    "may not be 0 when `maxSurge` is 0");
}

void workload_validate_collisions(
    const int32_t *count, int32_t was, const struct field_path *p, struct field_errors *e)
{
	if (count)
		rule_non_negative(e, p, *count);
	rule_invalid_if(e, p, (count ? *count : 0) < was, NULL, "cannot be decremented");
}

bool workload_has_labels(const CoreV1__PodTemplateSpec *template, size_t len, void *selector_entries)
{
	struct api_string_entry **want = selector_entries;

	for (size_t i = 0; i < len; i++)
		if (!str_eq(api_map_get(template->metadata, labels, want[i]->key), want[i]->value) ||
		    !api_map_get(template->metadata, labels, want[i]->key))
			return false;
	return true;
}

bool workload_selector_changed(const MetaV1__LabelSelector *selector, const MetaV1__LabelSelector *old)
{
	return !api_equal(selector, old);
}
