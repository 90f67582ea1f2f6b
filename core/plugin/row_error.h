/* row_error.h - a row with a bad value, turned into a row error. */
#ifndef DVSI_PLUGIN_ROW_ERROR_H
#define DVSI_PLUGIN_ROW_ERROR_H

#include "data/batch.h"

/*
 * Takes the last row of `batch` (its `cells`, clean, the bad ones ABSENT) away again and notes a row error in
 * its place: column `bad` has `problem`. The record is kept as the RAW column has it, else as a JSON object
 * of the usable cells; the cells go with the error. 0, or -1 when memory is out; the row is gone in any case.
 */
int dvsi_row_error_add(dvsi_batch *batch, const dvs_row *row, const dvs_column *const *columns,
                       const dvs_cell *cells, uint32_t bad, const char *problem);

#endif
