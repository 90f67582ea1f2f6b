/* decimal.h - exact decimal numbers as text. */
#ifndef DVSI_DATA_DECIMAL_H
#define DVSI_DATA_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define DVSI_DECIMAL_DIGITS 1000 /* digits before and behind the point together, after expansion */
#define DVSI_DECIMAL_SIZE (DVSI_DECIMAL_DIGITS + 4)

/*
 * Canonical form: [-]digits[.digits], no leading zeros but a single one before the point, no trailing
 * zeros behind it, no exponent, no "-0". Equal numbers have equal canonical forms.
 * Reads [+-]digits[.digits][(e|E)[+-]digits] (".5" and "5." too); writes the canonical form without a
 * NUL and returns its length; 0 when the text is no such number or has too many digits.
 */
size_t dvsi_decimal_canonical(const char *text, size_t length, char out[DVSI_DECIMAL_SIZE]);
/* Order of two canonical decimals: -1, 0, 1. */
int dvsi_decimal_compare(const char *a, size_t a_length, const char *b, size_t b_length);
/* The whole number in a canonical decimal: 0, or -1 when it has a fraction or does not fit. */
int dvsi_decimal_to_int64(const char *text, size_t length, int64_t *value);

#endif
