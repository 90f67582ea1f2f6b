/*
 * load.h - tables from files.
 */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include <jansson.h>

#include "store_parts.h"

/* The rows of a CSV file as an array of objects: strings, and null for an empty field. NULL: *error. */
json_t *sim_load_csv(const char *text, size_t length, struct sim_error *error);

/* The type that fits all values of `key` in the rows (strings as far as they look like something). Date only:
 * a flag. */
enum sim_type sim_load_guess(const json_t *rows, const char *key, uint32_t *flags);

/* A name that a column may have: lower case, other characters than letters and digits as _. To be freed;
 * NULL: memory. */
char *sim_load_name(const char *text);

#endif
