/* state.c - the row of _sync_state that belongs to a feed. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/rebuild.h"
#include "run/run.h"

static const char *const mode_names[] = {NULL, "full", "cursor", "delta"}; /* by DVS_READ_ */
static const char *const token_names[] = {NULL, "cursor", "delta"};        /* by DVS_TOKEN_ */

const char *dvsi_mode_name(uint32_t mode)
{
    return mode <= DVS_READ_DELTA && mode != 0 ? mode_names[mode] : "full";
}

int dvsi_state_set_bytes(uint8_t **to, size_t *to_length, const void *data, size_t length)
{
    uint8_t *copy = NULL;
    if (data != NULL) {
        copy = malloc(length != 0 ? length : 1);
        if (copy == NULL)
            return -1;
        if (length != 0)
            memcpy(copy, data, length);
    }
    free(*to);
    *to = copy;
    *to_length = copy != NULL ? length : 0;
    return 0;
}

void dvsi_state_clear(dvsi_feed_state *state)
{
    free(state->cursor);
    free(state->position);
    memset(state, 0, sizeof *state);
    state->watermark = INT64_MIN;
    state->start_active = -1;
}

static uint32_t name_index(const dvs_cell *cell, const char *const *names, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (dvsi_cell_says(cell, names[i]))
            return i;
    return 0;
}

static int64_t number_or(const dvs_cell *cell, int64_t otherwise)
{
    return cell->kind == DVS_INT64 || cell->kind == DVS_TIMESTAMP || cell->kind == DVS_BOOL ? cell->v.i64
                                                                                            : otherwise;
}

static int take_bytes(const dvs_cell *cell, uint8_t **to, size_t *length)
{
    return cell->kind == DVS_BYTES
               ? dvsi_state_set_bytes(to, length, cell->length != 0 ? (const void *)cell->v.bytes : "",
                                      cell->length)
               : 0;
}

/* A row of _sync_state; 0, or -1 when memory is out. */
int dvsi_state_read(dvsi_feed_state *state, const dvs_cell *row)
{
    dvsi_state_clear(state);
    state->row_id = row[DVSI_STATE_ROW_ID].v.i64;
    if (take_bytes(&row[DVSI_STATE_CURSOR], &state->cursor, &state->cursor_length) != 0 ||
        take_bytes(&row[DVSI_STATE_POSITION], &state->position, &state->position_length) != 0)
        return -1;
    state->cursor_kind = name_index(&row[DVSI_STATE_CURSOR_KIND], token_names, 3);
    state->has_position = row[DVSI_STATE_POSITION].kind == DVS_BYTES;
    state->read_mode = name_index(&row[DVSI_STATE_READ_MODE], mode_names, 4);
    state->read_started_at = number_or(&row[DVSI_STATE_READ_STARTED_AT], 0);
    state->watermark = number_or(&row[DVSI_STATE_WATERMARK], INT64_MIN);
    state->last_full_at = number_or(&row[DVSI_STATE_LAST_FULL_AT], 0);
    state->last_sync_time = number_or(&row[DVSI_STATE_LAST_SYNC_TIME], 0);
    state->first_load = (uint32_t)(number_or(&row[DVSI_STATE_FIRST_LOAD], 0) != 0);
    state->start_row_id = number_or(&row[DVSI_STATE_START_ROW_ID], 0);
    state->start_active = number_or(&row[DVSI_STATE_START_ACTIVE], -1);
    state->high_row_id = number_or(&row[DVSI_STATE_HIGH_ROW_ID], 0);
    state->high_lineage = number_or(&row[DVSI_STATE_HIGH_LINEAGE], 0);
    state->records_count = number_or(&row[DVSI_STATE_RECORDS_COUNT], 0);
    state->unidentified = number_or(&row[DVSI_STATE_UNIDENTIFIED], 0);
    const dvs_cell *fingerprint = &row[DVSI_STATE_FINGERPRINT];
    if (fingerprint->kind == DVS_TEXT && fingerprint->length < sizeof state->fingerprint)
        memcpy(state->fingerprint, fingerprint->v.text, fingerprint->length);
    return 0;
}

int32_t dvsi_state_load(dvsi_feed *feed, dvs_error *err)
{
    dvs_where where[2] = {
        dvsi_where(DVSI_STATE_ENTITY, DVS_OP_EQ, dvsi_cell_text(feed->target->entity->name)),
        dvsi_where(DVSI_STATE_SOURCE, DVS_OP_EQ, dvsi_cell_text(feed->from->label))};
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_STATE);
    int32_t status = DVS_OK;
    dvsi_state_clear(&feed->state);
    if (rows == NULL)
        return dvsi_error_no_memory(err);
    if (feed->run->sink != NULL)
        status = dvsi_books_find(&feed->run->books, DVSI_BOOK_STATE, where, 2, 0, 1, rows, err);
    if (status == DVS_OK && rows->n_rows != 0 && dvsi_state_read(&feed->state, rows->cells) != 0)
        status = dvsi_error_no_memory(err);
    dvsi_batch_free(rows);
    return status;
}

static dvs_cell time_or_null(int64_t at)
{
    return at > 0 ? dvsi_cell_timestamp(at) : dvsi_cell_null();
}

int32_t dvsi_state_store(dvsi_feed *feed, const char *name, dvs_error *err)
{
    dvsi_feed_state *s = &feed->state;
    dvs_cell row[DVSI_N_STATE] = {{0}};
    uint32_t columns[DVSI_N_STATE];
    row[DVSI_STATE_ENTITY] = dvsi_cell_text(feed->target->entity->name);
    row[DVSI_STATE_SOURCE] = dvsi_cell_text(feed->from->label);
    row[DVSI_STATE_STATE] = dvsi_cell_text(name);
    row[DVSI_STATE_CURSOR] =
        s->cursor != NULL ? dvsi_cell_bytes(s->cursor, s->cursor_length) : dvsi_cell_null();
    row[DVSI_STATE_CURSOR_KIND] =
        s->cursor != NULL ? dvsi_cell_text(token_names[s->cursor_kind]) : dvsi_cell_null();
    row[DVSI_STATE_POSITION] =
        s->has_position ? dvsi_cell_bytes(s->position, s->position_length) : dvsi_cell_null();
    row[DVSI_STATE_READ_MODE] =
        s->read_mode != 0 ? dvsi_cell_text(mode_names[s->read_mode]) : dvsi_cell_null();
    row[DVSI_STATE_READ_STARTED_AT] = time_or_null(s->read_started_at);
    row[DVSI_STATE_WATERMARK] =
        s->watermark != INT64_MIN ? dvsi_cell_timestamp(s->watermark) : dvsi_cell_null();
    row[DVSI_STATE_FINGERPRINT] = dvsi_cell_text(s->fingerprint);
    row[DVSI_STATE_LAST_SYNC_TIME] = time_or_null(s->last_sync_time);
    row[DVSI_STATE_LAST_FULL_AT] = time_or_null(s->last_full_at);
    row[DVSI_STATE_RECORDS_COUNT] = dvsi_cell_int64(s->records_count);
    row[DVSI_STATE_FIRST_LOAD] = dvsi_cell_bool((int)s->first_load);
    row[DVSI_STATE_START_ROW_ID] = dvsi_cell_int64(s->start_row_id);
    row[DVSI_STATE_START_ACTIVE] = s->start_active >= 0 ? dvsi_cell_int64(s->start_active) : dvsi_cell_null();
    row[DVSI_STATE_HIGH_ROW_ID] = dvsi_cell_int64(s->high_row_id);
    row[DVSI_STATE_HIGH_LINEAGE] = dvsi_cell_int64(s->high_lineage);
    row[DVSI_STATE_UNIDENTIFIED] = dvsi_cell_int64(s->unidentified);
    if (feed->target->rebuilds)
        dvsi_rebuild_state(row);
    if (s->row_id == 0)
        return dvsi_books_insert(&feed->run->books, DVSI_BOOK_STATE, row, 1, &s->row_id, err);
    for (uint32_t i = 2; i < DVSI_N_STATE; i++)
        columns[i - 2] = i;
    return dvsi_books_update(&feed->run->books, DVSI_BOOK_STATE, s->row_id, columns, row + 2,
                             DVSI_N_STATE - 2, err);
}
