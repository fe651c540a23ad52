/* test: cmocka with the headers that it wants included before it. Only *_test.c files include this. */
#ifndef CUBE_BASE_TEST_H
#define CUBE_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
