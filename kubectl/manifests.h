/*
 * manifests: the objects of -f. Every document of every file is read, checked and resolved before the first
 * is returned, so that a mistake in the last document means that nothing was sent.
 */
#ifndef CUBE_KUBECTL_MANIFESTS_H
#define CUBE_KUBECTL_MANIFESTS_H

#include "kubectl/files.h"
#include "kubectl/kubectl.h"

struct mapping;

struct manifest {
	struct json *tree;
	const char *source; /* file, as errors name it */
	size_t line;        /* 1-based, where the document starts */
	const struct mapping *mapping;
	const char *ns, *name; /* ns "" for cluster-scoped kinds; name "" with generateName */
};

enum manifest_validation { VALIDATE_STRICT, VALIDATE_WARN, VALIDATE_IGNORE };
/* The value of --validate. */
int manifest_validation_parse(const char *text, enum manifest_validation *ret, struct error *err);
/* What goes into the query: "Strict", "Warn", "Ignore". */
const char *manifest_validation_query(enum manifest_validation validation);

/* `verb` is for messages ("apply", "create"). No objects at all is an error. */
int manifests_read(struct kubectl *k, const char *verb, const struct file_flags *files,
    enum manifest_validation validation, struct manifest **ret, size_t *ret_len, struct error *err);

#endif
