/*
 * printer: the -o formats that print whole objects: yaml, json, name, jsonpath, jsonpath-as-json,
 * jsonpath-file, custom-columns, custom-columns-file. Tables come from the server: table.h.
 */
#ifndef CUBE_KUBECTL_PRINTERS_PRINTER_H
#define CUBE_KUBECTL_PRINTERS_PRINTER_H

#include "kubectl/kubectl.h"

struct mapping;
struct printer;

/* output "" or "wide": *ret is NULL, the caller prints its table or message. template_text: --template, or
 * NULL. */
int printer_parse(struct kubectl *k, const char *output, const char *template_text, struct printer **ret,
    struct error *err);
void printer_show_managed_fields(struct printer *printer, bool show);
void printer_hide_headers(struct printer *printer);
/* Prints one object, or a List; several calls print several documents. mapping may be NULL (-o name guesses
 * then). */
int printer_print(struct kubectl *k, struct printer *printer, const struct mapping *mapping,
    const struct json *object, struct error *err);
/* True for formats that show a List's items one by one (name, custom-columns). */
bool printer_is_itemwise(const struct printer *printer);

/* "deployment.apps/web created (dry run)", or the object when a printer is given. */
int printer_print_done(struct kubectl *k, struct printer *printer, const struct mapping *mapping,
    const struct json *object, const char *done, const char *dry_run, struct error *err);

#endif
