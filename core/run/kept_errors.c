/* kept_errors.c - a comparison has a copy of the open row errors in its temporary database. */
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/changes.h"
#include "run/row_errors.h"
#include "run/run.h"

#define COPIED_AT_ONCE 64u /* with their cells they may be large */

int32_t dvsi_row_errors_copy(dvsi_feed *feed, dvs_error *err)
{
    static const uint32_t row_id = DVSI_ERRORS_ROW_ID;
    dvsi_books *books = &feed->run->books;
    uint32_t columns[DVSI_N_ERRORS];
    uint32_t n_columns = 0;
    int64_t last = 0;
    dvs_where where[6];
    uint32_t n = dvsi_row_errors_where(feed, "error", where);
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_ERRORS);
    dvs_cell *copies =
        dvsi_arena_calloc(&feed->run->batch_arena, (size_t)COPIED_AT_ONCE * DVSI_N_ERRORS, sizeof *copies);
    int32_t status = rows == NULL || copies == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    if (status == DVS_OK)
        status = dvsi_scratch_open(feed->run, err);
    where[n++] = dvsi_where(DVSI_ERRORS_PROJECT, DVS_OP_EQ, dvsi_cell_text(books->project));
    for (uint32_t i = 0; i < DVSI_N_ERRORS; i++)
        if (i != DVSI_ERRORS_RECORD && (i != DVSI_ERRORS_CELLS || feed->mode != DVS_READ_FULL))
            columns[n_columns++] = i;
    for (uint32_t got = COPIED_AT_ONCE; got == COPIED_AT_ONCE && status == DVS_OK;) {
        where[n] = dvsi_where(DVSI_ERRORS_ROW_ID, DVS_OP_GT, dvsi_cell_int64(last));
        dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                         .table = &books->tables[DVSI_BOOK_ERRORS],
                         .columns = columns,
                         .n_columns = n_columns,
                         .n_where = n + 1,
                         .where = where,
                         .order = &row_id,
                         .n_order = 1,
                         .where_stride = sizeof(dvs_where),
                         .limit = COPIED_AT_ONCE};
        dvsi_batch_reset(rows, n_columns);
        status = dvsi_sink_scan(books->sink, &scan, rows, err);
        got = rows->n_rows;
        for (uint32_t i = 0; i < got && status == DVS_OK; i++) {
            dvs_cell *row = copies + (size_t)i * DVSI_N_ERRORS;
            memset(row, 0, DVSI_N_ERRORS * sizeof *row);
            for (uint32_t c = 0; c < n_columns; c++)
                row[columns[c]] = dvsi_batch_cells(rows, i)[c];
            last = row[DVSI_ERRORS_ROW_ID].v.i64;
        }
        if (status == DVS_OK && got != 0)
            status = dvsi_books_insert(&feed->run->notes, DVSI_BOOK_ERRORS, copies, got, NULL, err);
    }
    dvsi_batch_free(rows);
    return status;
}
