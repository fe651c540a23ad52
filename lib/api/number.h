/* number: numbers as Go's encoding/json and strconv write and read them. */
#ifndef CUBE_API_NUMBER_H
#define CUBE_API_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 48
/* The shortest text that reads back as the same double; 1e21 and up, and below 1e-6, with an exponent. Finite
 * only. */
const char *number_format_double(double value, char out[NUMBER_TEXT_MAX]);
const char *number_format_int64(int64_t value, char out[NUMBER_TEXT_MAX]);
/* A JSON number that is an integer in decimal, nothing else: "12", "-3"; not "1.0" or "1e3". */
bool number_parse_int64(const char *text, int64_t *ret);
/* Independent of the locale. The whole text; infinite results are refused. */
bool number_parse_double(const char *text, double *ret);
/* False for a JSON number beyond every double, such as 1e400. Looks twice only at those with an exponent or
 * with hundreds of digits. */
bool number_is_in_range(const char *text, size_t size);

#endif
