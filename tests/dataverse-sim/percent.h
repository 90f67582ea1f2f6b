/*
 * percent.h - percent-encoding (RFC 3986), as addresses and forms have it.
 */
#ifndef SIM_PERCENT_H
#define SIM_PERCENT_H

#include <stddef.h>

/* The value of a hexadecimal digit of either case, or -1. */
int sim_hex_digit(char c);

/* Decodes `n` bytes; what is no code stays as it is, '+' is a space when `plus`. Ends in NUL; *length, unless
 * NULL, is what stands before it. The caller frees it; NULL: memory is out. */
char *sim_percent_decode(const char *text, size_t n, int plus, size_t *length);

#endif
