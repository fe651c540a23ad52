#include "kubectl/printers/printer.h"

#include <stdio.h>
#include <string.h>

#include "kubectl/files.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/custom_columns.h"
#include "kubectl/printers/jsonpath.h"
#include "kubectl/tree.h"
#include "lib/api/yaml.h"

enum format {
	FORMAT_YAML,
	FORMAT_JSON,
	FORMAT_NAME,
	FORMAT_JSONPATH,
	FORMAT_JSONPATH_AS_JSON,
	FORMAT_COLUMNS
};

struct printer {
	enum format format;
	bool show_managed_fields, no_headers;
	size_t printed;
	const char *template_text;
	struct jsonpath *path;
	struct custom_columns *columns;
};

static int parse_jsonpath(struct kubectl *k, struct printer *p, const char *text, struct error *err)
{
	if (str_empty(text))
		return error_set(err, ERR_PARSE, "template format specified but no template given");
	p->template_text = text;
	return jsonpath_parse(k->arena, text, &p->path, err);
}

static int unknown_format(const char *output, struct error *err)
{
	return error_set(err, ERR_PARSE,
	    "unable to match a printer suitable for the output format \"%s\", allowed formats are: "
	    "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,"
	    "jsonpath-file,name,template,templatefile,wide,yaml",
	    output);
}

int printer_parse(
    struct kubectl *k, const char *output, const char *template_text, struct printer **ret, struct error *err)
{
	*ret = NULL;
	if (str_empty(output) && !str_empty(template_text))
		output = "go-template";
	if (str_empty(output) || strcmp(output, "wide") == 0)
		return 0;
	struct printer *p = ARENA_NEW(k->arena, struct printer);
	const char *eq = strchr(output, '='), *argument = eq ? eq + 1 : template_text;
	const char *name = eq ? arena_strndup(k->arena, output, (size_t)(eq - output)) : output;
	*ret = p;
	if (strcmp(output, "yaml") == 0 || strcmp(output, "json") == 0 || strcmp(output, "name") == 0) {
		p->format = output[0] == 'y' ? FORMAT_YAML : output[0] == 'j' ? FORMAT_JSON : FORMAT_NAME;
		return 0;
	}
	if (str_has_suffix(name, "-file") && argument) {
		size_t size;
		char *text;
		if (file_read(k, argument, &text, &size, err))
			return -1;
		argument = text;
	}
	if (strcmp(name, "jsonpath") == 0 || strcmp(name, "jsonpath-file") == 0 ||
	    strcmp(name, "jsonpath-as-json") == 0) {
		p->format = strcmp(name, "jsonpath-as-json") ? FORMAT_JSONPATH : FORMAT_JSONPATH_AS_JSON;
		return parse_jsonpath(k, p, argument, err);
	}
	if (strcmp(name, "custom-columns") == 0 || strcmp(name, "custom-columns-file") == 0) {
		p->format = FORMAT_COLUMNS;
		return custom_columns_parse(
		    k->arena, str_or(argument, ""), strcmp(name, "custom-columns") != 0, &p->columns, err);
	}
	if (str_has_prefix(name, "go-template") || str_has_prefix(name, "template"))
		return error_set(err, ERR_PARSE,
		    "the output format \"%s\" is not supported by this kubectl: use -o jsonpath or -o "
		    "custom-columns",
		    name);
	return unknown_format(output, err);
}

void printer_show_managed_fields(struct printer *printer, bool show)
{
	if (printer)
		printer->show_managed_fields = show;
}

void printer_hide_headers(struct printer *printer)
{
	if (printer)
		printer->no_headers = true;
}

bool printer_is_itemwise(const struct printer *printer)
{
	return printer->format == FORMAT_NAME || printer->format == FORMAT_COLUMNS;
}

static struct json *presentable(struct kubectl *k, const struct printer *p, const struct json *object)
{
	struct json *copy = json_clone(k->arena, object);
	if (!p->show_managed_fields) {
		tree_remove(copy, "metadata.managedFields");
		tree_for_each(json_get(copy, "items"), item) tree_remove(item, "metadata.managedFields");
	}
	json_sort(copy);
	return copy;
}

static void print_name(struct kubectl *k, const struct mapping *mapping, const struct json *object)
{
	const char *api_version = json_get_string(object, "apiVersion", ""),
		   *slash = strchr(api_version, '/');
	const char *kind =
	    str_lower(k->arena, json_get_string(object, "kind", mapping ? mapping->kind : "object"));
	if (mapping)
		printf("%s/%s\n", mapping_kind_text(k->arena, mapping), tree_name(object));
	else if (slash)
		printf("%s.%.*s/%s\n", kind, (int)(slash - api_version), api_version, tree_name(object));
	else
		printf("%s/%s\n", kind, tree_name(object));
}

static int print_jsonpath(struct kubectl *k, struct printer *p, const struct json *object, struct error *err)
{
	struct buf out = BUF_INIT;
	struct jsonpath_values values;
	int result = 0;
	if (p->format == FORMAT_JSONPATH_AS_JSON) {
		struct json *list = json_new_array(k->arena);
		result = jsonpath_select(k->arena, p->path, object, &values, err);
		for (size_t i = 0; !result && i < values.len; i++)
			json_push(k->arena, list, json_clone(k->arena, values.items[i]));
		json_write(&out, list, 4);
		buf_putc(&out, '\n');
	} else {
		result = jsonpath_print(k->arena, p->path, object, &out, err);
	}
	if (result) {
		char why[256];
		snprintf(why, sizeof(why), "%.255s", err->message);
		error_clear(err);
		error_set(err, ERR_PARSE, "error executing jsonpath \"%s\": Error executing template: %s",
		    p->template_text, why);
	} else
		fwrite(buf_str(&out), 1, out.size, stdout);
	buf_done(&out);
	return result;
}

int printer_print(struct kubectl *k, struct printer *p, const struct mapping *mapping,
    const struct json *object, struct error *err)
{
	struct buf out = BUF_INIT;
	const struct json *items = json_get(object, "items");
	bool is_list = str_has_suffix(json_get_string(object, "kind", ""), "List") && items;
	size_t before = p->printed++;
	switch (p->format) {
	case FORMAT_NAME:
		if (!is_list)
			print_name(k, mapping, object);
		tree_for_each(is_list ? items : NULL, item) print_name(k, NULL, item);
		return 0;
	case FORMAT_JSONPATH:
	case FORMAT_JSONPATH_AS_JSON:
		return print_jsonpath(k, p, presentable(k, p, object), err);
	case FORMAT_COLUMNS:
		return custom_columns_print(k->arena, p->columns, object, p->no_headers || before, err);
	case FORMAT_JSON:
		json_write(&out, presentable(k, p, object), 4);
		buf_putc(&out, '\n');
		break;
	case FORMAT_YAML:
		if (before)
			buf_puts(&out, "---\n");
		yaml_write(&out, presentable(k, p, object));
		break;
	}
	fwrite(buf_str(&out), 1, out.size, stdout);
	buf_done(&out);
	return 0;
}

int printer_print_done(struct kubectl *k, struct printer *printer, const struct mapping *mapping,
    const struct json *object, const char *done, const char *dry_run, struct error *err)
{
	if (printer)
		return printer_print(k, printer, mapping, object, err);
	const char *suffix = str_eq(dry_run, "client")   ? " (dry run)"
			     : str_eq(dry_run, "server") ? " (server dry run)"
							 : "";
	printf("%s/%s %s%s\n", mapping_kind_text(k->arena, mapping), tree_name(object), done, suffix);
	return 0;
}
