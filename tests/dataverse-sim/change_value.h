/*
 * change_value.h - values from outside, made into the JSON that the service would give.
 */
#ifndef SIM_CHANGE_VALUE_H
#define SIM_CHANGE_VALUE_H

#include <jansson.h>

#include "store_parts.h"

/* The JSON of a value for a column, in *text, to be freed; NULL for null. Numbers of the types Decimal and
 * Money may be given as strings, so that no digit is lost. 0, or -1: it does not fit the type. */
int sim_change_value(const struct sim_column *column, const json_t *value, char **text, size_t *length,
                     struct sim_error *error);
/* 1 when the service fills the column by itself: key, dates of creation and change, versionnumber, state,
 * owner. */
int sim_change_is_kept(const struct sim_column *column);

#endif
