/* test_objects: objects for tests, from text. Only tests include this. */
#ifndef CUBE_CLIENT_TEST_OBJECTS_H
#define CUBE_CLIENT_TEST_OBJECTS_H

struct object;

struct object *test_object(const char *text_fmt, ...)
    __attribute__((format(printf, 1, 2))); /* JSON or YAML */
/* A ConfigMap ns/name with a revision. */
struct object *test_configmap(const char *ns, const char *name, int revision);

#endif
