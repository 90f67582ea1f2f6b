/*
 * write.h - what a batch changes in the data table, with its lineage: records are gathered one by one, then
 * written at once; deletes are rows that are known already.
 */
#ifndef DVSI_RUN_WRITE_H
#define DVSI_RUN_WRITE_H

#include "run/run.h"

/* Begun with the first three set and the rest zero. Everything lives in run->batch_arena. */
typedef struct dvsi_writing {
    dvsi_feed *feed;
    const dvsi_record *records;
    uint32_t n_records;
    dvs_cell *inserts;
    uint32_t *insert_record;
    uint32_t n_inserts;
    dvs_update *updates;
    uint32_t *update_record;
    uint32_t n_updates;
    dvs_cell *lineage;
    uint32_t n_lineage;
    int64_t *made; /* ids of the new rows */
    uint32_t n_made;
    int64_t *written; /* ids of all rows that are written, the new ones included */
    uint32_t n_written;
    dvsi_buf text;
    dvsi_buf scratch;
} dvsi_writing;

int dvsi_write_room(dvsi_writing *w); /* before the first record; 0, or -1 when memory is out */
/* Record `at` is new; or it changes its row, whose lookup columns are `row` and whose fields are `stored`.
 * `changed` lists the fields that are written. */
int32_t dvsi_write_create(dvsi_writing *w, uint32_t at, const uint32_t *changed, uint32_t n_changed,
                          dvs_error *err);
int32_t dvsi_write_update(dvsi_writing *w, uint32_t at, dvsi_op op, const dvs_cell *row,
                          const dvs_cell *stored, const uint32_t *changed, uint32_t n_changed,
                          dvs_error *err);
/* Only what the hash says of the fields that record->merged claims; no change, and no lineage. */
int32_t dvsi_write_claim(dvsi_writing *w, uint32_t at, const dvs_cell *row, dvs_error *err);
/* Only json_response, of a row that stays as it is otherwise; no change, and no lineage. */
int32_t dvsi_write_raw(dvsi_writing *w, uint32_t at, const dvs_cell *row, dvs_error *err);
int32_t dvsi_write_rows(dvsi_writing *w, dvs_error *err); /* a refusal: as of dvsi_upsert */
void dvsi_write_end(dvsi_writing *w);

/* ---- Deletes ---- */

typedef struct dvsi_delete {
    int64_t row_id;
    const char *key;
    const dvsi_from *from; /* whose record it was, by the lineage; NULL: the feed's */
} dvsi_delete;
/* A refusal: as of dvsi_upsert. */
int32_t dvsi_delete_rows(dvsi_feed *feed, const dvsi_delete *rows, uint32_t n_rows, dvs_error *err);

#endif
