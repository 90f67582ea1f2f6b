/* row_error.c - see row_error.h. */
#include "plugin/row_error.h"

#include <string.h>

#include "data/cell.h"
#include "data/json.h"
#include "data/key.h"

#define KEY_PARTS 16u /* of a key that is shown; nothing but the table sets a limit */

/* The cell of the key at `position`, or NULL. */
static const dvs_cell *key_cell(const dvsi_batch *batch, const dvs_column *const *columns,
                                const dvs_cell *cells, uint32_t position)
{
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        if (columns[i]->key_position == position)
            return &cells[i];
    }
    return NULL;
}

/* Adds the record's key; 0 when all of it is usable. */
static int add_key(dvsi_buf *out, const dvsi_batch *batch, const dvs_column *const *columns,
                   const dvs_cell *cells)
{
    dvs_cell parts[KEY_PARTS];
    uint32_t n = 0;

    for (; n < KEY_PARTS; n++) {
        const dvs_cell *cell = key_cell(batch, columns, cells, n + 1);
        if (cell == NULL)
            break;
        parts[n] = *cell;
    }
    if (n == 0 || key_cell(batch, columns, cells, n + 1) != NULL)
        return -1;
    return dvsi_key_canonical(out, parts, n) == NULL ? 0 : -1;
}

static void add_record(dvsi_buf *out, const dvsi_batch *batch, const dvs_column *const *columns,
                       const dvs_cell *cells)
{
    const char *comma = "";

    for (uint32_t i = 0; i < batch->n_columns; i++) {
        if ((columns[i]->flags & DVS_COLUMN_RAW) != 0 && cells[i].kind == DVS_JSON) {
            dvsi_buf_add(out, cells[i].v.text, cells[i].length);
            return;
        }
    }
    dvsi_buf_putc(out, '{');
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        if (cells[i].kind == DVS_ABSENT)
            continue;
        dvsi_buf_puts(out, comma);
        dvsi_json_string(out, columns[i]->name, strlen(columns[i]->name));
        dvsi_buf_putc(out, ':');
        dvsi_cell_json(out, &cells[i]);
        comma = ",";
    }
    dvsi_buf_putc(out, '}');
}

static int any_usable(const dvsi_batch *batch, const dvs_cell *cells)
{
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        if (cells[i].kind != DVS_ABSENT)
            return 1;
    }
    return 0;
}

int dvsi_row_error_add(dvsi_batch *batch, const dvs_row *row, const dvs_column *const *columns,
                       const dvs_cell *cells, uint32_t bad, const char *problem)
{
    dvsi_buf key = {0}, record = {0}, message = {0};
    dvs_row_error e = {0};
    int has_key, status = -1;

    has_key = add_key(&key, batch, columns, cells) == 0;
    add_record(&record, batch, columns, cells);
    dvsi_buf_printf(&message, "the value %s", problem);
    dvsi_batch_drop_last(batch);
    if (key.failed || record.failed || message.failed)
        goto out;
    e.struct_size = (uint32_t)sizeof e;
    e.number = row->number;
    e.source_key = has_key ? dvsi_buf_text(&key) : NULL;
    e.field = columns[bad]->name;
    e.message = dvsi_buf_text(&message);
    e.record = dvsi_buf_text(&record);
    e.record_length = record.length;
    if (any_usable(batch, cells)) {
        e.cells = cells; /* still there, though their row was dropped */
        e.n_cells = batch->n_columns;
    }
    status = dvsi_batch_error_add(batch, &e);
out:
    dvsi_buf_free(&key);
    dvsi_buf_free(&record);
    dvsi_buf_free(&message);
    return status;
}
