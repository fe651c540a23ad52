#include "lib/resources/access_modes.h"

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/rules.h"

static const struct {
	const char *mode, *text;
} modes_known[] = {{"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"},
    {"ReadWriteOncePod", "RWOP"}};

const char *access_modes_text(struct arena *arena, size_t len, char *const *modes)
{
	const char *text = "";

	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < len; i++)
			if (str_eq(modes[i], modes_known[k].mode)) {
				text = arena_printf(
				    arena, "%s%s%s", text, *text ? "," : "", modes_known[k].text);
				break;
			}
	return text;
}

void access_modes_validate(size_t len, char *const *modes, const struct field_path *p, struct field_errors *e)
{
	bool alone = false, others = false;

	rule_required_that(e, p, len, "at least 1 access mode is required");
	for (size_t i = 0; i < len; i++) {
		bool known = RULE_ENUM(
		    e, p, modes[i], "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod");

		if (str_eq(modes[i], "ReadWriteOncePod"))
			alone = true;
		else
			others = others || known;
	}
	rule_forbidden_if(e, p, alone && others, "may not use ReadWriteOncePod with other access modes");
}
