/* batch/v1 CronJob. */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "lib/resources/job_rules.h"
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	/* the job gets its defaults when it is made */
	podtemplate_defaults(obj->arena, MSG(BatchV1__CronJob, obj)->spec->job_template->spec->template_);
}

/* One number or name of a schedule's field; -1 when it is neither. */
static long number(const char *text, size_t len, const char *names)
{
	char *end;
	long n;

	if (len == 3 && names && isalpha((unsigned char)text[0])) {
		for (long i = 0; names[i * 3]; i++)
			if (!strncasecmp(text, names + i * 3, 3))
				return i;
		return -1;
	}
	if (!len || !isdigit((unsigned char)text[0]))
		return -1;
	n = strtol(text, &end, 10);
	return end == text + len ? n : -1;
}

/* One element of a field: star, n, n-m, each with an optional /step. */
static bool is_range(const char *text, size_t len, long min, long max, const char *names)
{
	const char *slash = memchr(text, '/', len), *dash;
	size_t base = slash ? (size_t)(slash - text) : len;
	long from, to, shift = min == 1 && names ? 1 : 0; /* month names count from 1 */

	if (slash && number(slash + 1, len - base - 1, NULL) < 1)
		return false;
	if (base == 1 && (text[0] == '*' || text[0] == '?'))
		return true;
	dash = memchr(text, '-', base);
	from = number(text, dash ? (size_t)(dash - text) : base, names);
	if (from >= 0 && isalpha((unsigned char)text[0]))
		from += shift;
	to = dash ? number(dash + 1, base - (size_t)(dash - text) - 1, names) : from;
	if (dash && to >= 0 && isalpha((unsigned char)dash[1]))
		to += shift;
	return from >= min && to >= from && to <= max;
}

static bool is_field(const char *text, size_t len, long min, long max, const char *names)
{
	for (;;) {
		const char *comma = memchr(text, ',', len);
		size_t piece = comma ? (size_t)(comma - text) : len;

		if (!is_range(text, piece, min, max, names))
			return false;
		if (!comma)
			return true;
		text += piece + 1;
		len -= piece + 1;
	}
}

/* Five fields, or a word such as @hourly. */
static bool is_schedule(const char *s)
{
	static const char *const words[] = {
	    "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", NULL};
	static const struct {
		long min, max;
		const char *names;
	} fields[] = {{0, 59, NULL}, {0, 23, NULL}, {1, 31, NULL},
	    {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"}, {0, 6, "sunmontuewedthufrisat"}};
	size_t n = 0;

	if (*s == '@')
		return str_in(s, words) || (str_has_prefix(s, "@every ") && isdigit((unsigned char)s[7]));
	while (*s) {
		size_t len;

		s += strspn(s, " \t");
		len = strcspn(s, " \t");
		if (!len)
			break;
		if (n == 5 || !is_field(s, len, fields[n].min, fields[n].max, fields[n].names))
			return false;
		n++;
		s += len;
	}
	return n == 5;
}

/* As files below a folder of zones are named; which zones there are is up to the machine. */
static bool is_time_zone(const char *s)
{
	if (!*s || !strcasecmp(s, "local"))
		return false;
	for (;;) {
		size_t len = strcspn(s, "/"), name = 0;

		while (name < len && (isalnum((unsigned char)s[name]) || strchr("._+-", s[name])))
			name++;
		if (!len || len > 14 || name < len || s[0] == '-' || (len == 1 && s[0] == '.') ||
		    (len == 2 && !strncmp(s, "..", 2)))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const BatchV1__CronJobSpec *spec = MSG(BatchV1__CronJob, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	const struct field_path *job = CHILD(CHILD(p, "jobTemplate"), "spec");

	if (rule_required(e, CHILD(p, "schedule"), spec->schedule)) {
		rule_invalid_if(e, CHILD(p, "schedule"), strstr(spec->schedule, "TZ"), spec->schedule,
		    "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
		rule_invalid_if(e, CHILD(p, "schedule"),
		    !strstr(spec->schedule, "TZ") && !is_schedule(spec->schedule), spec->schedule,
		    "expected five fields: minute, hour, day of month, month, day of week");
	}
	rule_invalid_if(e, CHILD(p, "timeZone"), spec->time_zone && !is_time_zone(spec->time_zone),
	    spec->time_zone, "unknown time zone");
	if (spec->has_starting_deadline_seconds)
		rule_non_negative(e, CHILD(p, "startingDeadlineSeconds"), spec->starting_deadline_seconds);
	if (rule_required(e, CHILD(p, "concurrencyPolicy"), spec->concurrency_policy))
		RULE_ENUM(
		    e, CHILD(p, "concurrencyPolicy"), spec->concurrency_policy, "Allow", "Forbid", "Replace");
	job_validate_spec(spec->job_template->spec, job, e);
	rule_invalid_if(e, CHILD(job, "selector"), spec->job_template->spec->selector, NULL,
	    "`selector` will be auto-generated");
	if (spec->job_template->spec->has_manual_selector && spec->job_template->spec->manual_selector)
		RULE_ENUM(e, CHILD(job, "manualSelector"), "true", "nil", "false");
	rule_non_negative(e, CHILD(p, "successfulJobsHistoryLimit"), spec->successful_jobs_history_limit);
	rule_non_negative(e, CHILD(p, "failedJobsHistoryLimit"), spec->failed_jobs_history_limit);
	rule_invalid_if(e, PATH_CHILD(PATH_ROOT("metadata"), "name"),
	    !ctx->is_update && strlen(str_or(obj->meta->name, "")) > 52, obj->meta->name,
	    "must be no more than 52 characters");
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Schedule"), COLUMN("Timezone"),
    COLUMN_BOOL("Suspend"), COLUMN_INT("Active"), COLUMN("Last Schedule"), COLUMN_AGE,
    COLUMN_WIDE("Containers"), COLUMN_WIDE("Images"), COLUMN_WIDE("Selector")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const BatchV1__CronJob *cj = MSG(BatchV1__CronJob, obj);
	int64_t last = time_seconds(cj->status->last_schedule_time);

	ret[0] = cell_text(ctx, cj->metadata->name);
	ret[1] = cell_text(ctx, cj->spec->schedule);
	ret[2] = cell_or_none(ctx, cj->spec->time_zone);
	ret[3] = cell_text(ctx, !cj->spec->has_suspend ? "<unset>" : cj->spec->suspend ? "True" : "False");
	ret[4] = cell_int(ctx, (int64_t)cj->status->n_active);
	ret[5] = cell_text(ctx, last ? cell_since(ctx, ctx->now_s - last) : "<none>");
	ret[6] = cell_age(ctx, cj->metadata->creation_timestamp);
	ret[7] = cell_container_names(ctx, cj->spec->job_template->spec->template_->spec);
	ret[8] = cell_container_images(ctx, cj->spec->job_template->spec->template_->spec);
	ret[9] = cell_text(ctx, cell_selector(ctx, cj->spec->job_template->spec->selector));
}

const struct resource_type cronjob_strategy = {
    .defaults = defaults, .validate = validate, COLUMNS(columns), .cells = cells};
