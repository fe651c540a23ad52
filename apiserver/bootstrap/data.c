/* The JSON files of this folder as strings; BOOTSTRAP_DIR is the folder (CMakeLists.txt). */
#include "apiserver/bootstrap/bootstrap.h"

#define EMBED(symbol, file)                                                                                  \
	__asm__(".section .rodata\n"                                                                         \
		".global " #symbol "\n"                                                                      \
		".type " #symbol ", @object\n" #symbol ":\n"                                                 \
		".incbin \"" BOOTSTRAP_DIR "/" file "\"\n"                                                   \
		".byte 0\n"                                                                                  \
		".size " #symbol ", . - " #symbol "\n"                                                       \
		".previous\n")

EMBED(bootstrap_policy_json, "policy.json");
EMBED(bootstrap_objects_json, "objects.json");
