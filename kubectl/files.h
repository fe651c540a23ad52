/* files: what -f means: files, folders (-R), URLs, standard input; and small reading and writing. */
#ifndef CUBE_KUBECTL_FILES_H
#define CUBE_KUBECTL_FILES_H

#include "kubectl/kubectl.h"

struct file_flags {
	struct flag_list files;
	bool recursive;
	const char *kustomize;
};
/* Rows for a verb's flag table. */
#define FILE_FLAGS(f)                                                                                        \
	{"filename", 'f', FLAG_LIST, &(f)->files,                                                            \
	    "File, folder or URL with the objects; - is standard input"},                                    \
	    {"recursive", 'R', FLAG_BOOL, &(f)->recursive, "Look into folders of folders"},                  \
	{                                                                                                    \
		"kustomize", 'k', FLAG_STRING, &(f)->kustomize, "Not supported"                              \
	}

struct source {
	const char *name; /* as errors show it; "STDIN" */
	const char *text;
	size_t size;
};

bool files_given(const struct file_flags *flags);
int files_read(struct kubectl *k, const struct file_flags *flags, struct source **ret, size_t *ret_len,
    struct error *err);
/* One file or URL, or standard input for "-". */
int file_read(struct kubectl *k, const char *path, char **ret, size_t *ret_size, struct error *err);
int file_write(const char *path, const void *data, size_t size, struct error *err);

#endif
