/* number.h - numbers as text, whatever the locale. */
#ifndef DVSI_BASE_NUMBER_H
#define DVSI_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define DVSI_INT64_SIZE 21
#define DVSI_DOUBLE_SIZE 32

/* Write without a NUL and return the length. */
size_t dvsi_number_from_int64(char out[DVSI_INT64_SIZE], int64_t value);
/* The shortest text that reads back as the same finite double ("0.1", "1e+300", "-0" is "0"). */
size_t dvsi_number_from_double(char out[DVSI_DOUBLE_SIZE], double value);
/* Read all of the text, nothing before or behind it; 0, or -1 when it is no such number or does not
 * fit. Doubles: decimal notation only, no inf, nan or hex. */
int dvsi_number_to_int64(const char *text, size_t length, int64_t *value);
int dvsi_number_to_double(const char *text, size_t length, double *value);

#endif
