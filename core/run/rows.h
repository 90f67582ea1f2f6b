/* rows.h - records against the rows of the data table. */
#ifndef DVSI_RUN_ROWS_H
#define DVSI_RUN_ROWS_H

#include "data/batch.h"
#include "run/books.h"
#include "run/target.h"
#include "run/work.h"

/* upsert.c: compares records with their rows and writes what differs. Of one key the last record of the call
 * counts; tombstones are not for here, failed records only mark their rows as met. DVS_E_DATA or _DUPLICATE
 * with DVS_SCOPE_ROW: err->row is the record that the sink refused; nothing is counted, and the caller goes
 * back to its savepoint. */
int32_t dvsi_upsert(dvsi_feed *feed, const dvsi_record *records, uint32_t n_records, dvs_error *err);
dvsi_seen *dvsi_rows_met(dvsi_feed *feed); /* which rows of the data table this read has met */

/* lookup.c: reads the stored rows of the records into run->rows, the columns target->lookup of each: of
 * versions the current one, and when there is none the last. (*row_of)[i], in the batch arena, is the row of
 * record i, -1: there is none. */
int32_t dvsi_lookup_rows(dvsi_feed *feed, const dvsi_record *records, uint32_t n_records, const uint8_t *skip,
                         int32_t **row_of, dvs_error *err);
/* lookup_noted.c: a diff of a table that has no key index. Notes its rows' keys; sets feed->rows_noted. */
int32_t dvsi_lookup_note(dvsi_feed *feed, dvs_error *err);
/* Then: the row ids of these keys; ids[i] stays 0 where there is none. */
int32_t dvsi_lookup_noted(dvsi_feed *feed, const char *const *keys, uint32_t n, int64_t *ids, dvs_error *err);
/* The fields of a stored row that a lookup found; in `room` (n_fields) where it has other columns than the
 * entity. */
const dvs_cell *dvsi_stored_fields(const dvsi_target *target, const dvs_cell *row, dvs_cell *room);
/* Adds the rows of a bookkeeping table that belong to these keys of the entity; a row's number is its key's
 * place. `lookup`: table, columns, the key columns (project, entity, key) and only_null; the rest is filled
 * in. */
int32_t dvsi_keys_read(dvsi_feed *feed, dvsi_books *books, dvs_lookup *lookup, const char *const *keys,
                       uint32_t n, dvsi_batch *rows, dvs_error *err);

/* first_load.c: the table of a first load has no key index until its end. */
int32_t dvsi_first_load_trim(dvsi_feed *feed, dvs_error *err); /* rows that no position covers go */
/* Of several rows of a key the last stays; index. */
int32_t dvsi_first_load_finish(dvsi_feed *feed, dvs_error *err);
/* It cannot go on: an ordinary table from now on. */
int32_t dvsi_first_load_close(dvsi_feed *feed, dvs_error *err);

#endif
