/*
 * row.h - a record of a page as a row for the host.
 */
#ifndef DATAVERSE_ROW_H
#define DATAVERSE_ROW_H

#include "page.h"
#include "select.h"
#include "source.h"

/* Memory that is used again from row to row. All zero is fresh. */
struct dataverse_row {
    dvs_cell *cells;
    uint32_t n_cells;
    char *scratch;
    size_t scratch_size;
};

void dataverse_row_free(struct dataverse_row *row);

/* The record's key, which is the first name of every part. 0, or -1 when there is none. */
int dataverse_row_key(const struct dataverse_value *value, uint8_t *guid);

/*
 * Puts the record as a row or, where a value is not what its column says, as a row error. `values[p]`: the
 * members of part p; `json`: the whole record. Answers as dvs_put_done() does: 0 to go on, else return
 * *status.
 */
int dataverse_row_put(dvs_source *source, struct dataverse_row *row, const struct dataverse_select *select,
                      const struct dataverse_value *const *values, const char *json, size_t json_length,
                      uint64_t number, dvs_out *out, int32_t *status, dvs_error *err);

#endif
