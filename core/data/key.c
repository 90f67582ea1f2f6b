/* key.c - see key.h. */
#include "data/key.h"

#include <string.h>

#include "data/cell.h"
#include "data/json.h"

static const char too_long[] = "is longer than 1024 bytes";

/* NULL, or why this cell is no part of a key. */
static const char *check_part(const dvs_cell *cell, uint32_t n_cells)
{
    if (cell->flags & DVS_CELL_MISTYPED)
        return "holds a value that is not of its column's type";
    if (cell->kind == DVS_ABSENT)
        return n_cells == 1 ? "is missing" : "lacks a part";
    if (cell->kind == DVS_NULL)
        return n_cells == 1 ? "is NULL" : "has a part that is NULL";
    if (!dvsi_kind_is_key(cell->kind))
        return "is of a type that cannot be a key";
    return cell->length > DVSI_KEY_MAX ? too_long : NULL;
}

static void add_part(dvsi_buf *out, const dvs_cell *cell)
{
    if (cell->kind == DVS_TEXT) {
        dvsi_json_string(out, cell->v.text, cell->length);
        return;
    }
    dvsi_buf_putc(out, '"'); /* no other kind has characters to escape */
    dvsi_cell_canonical(out, cell);
    dvsi_buf_putc(out, '"');
}

static const char *add_key(dvsi_buf *out, const dvs_cell *cells, uint32_t n_cells)
{
    size_t before = out->length;
    const char *problem;

    for (uint32_t i = 0; i < n_cells; i++) {
        problem = check_part(&cells[i], n_cells);
        if (problem != NULL)
            return problem;
    }
    if (n_cells == 1) {
        dvsi_cell_canonical(out, cells);
    } else if (n_cells > 1) {
        dvsi_buf_putc(out, '[');
        for (uint32_t i = 0; i < n_cells && out->length - before <= DVSI_KEY_MAX; i++) {
            if (i > 0)
                dvsi_buf_putc(out, ',');
            add_part(out, &cells[i]);
        }
        dvsi_buf_putc(out, ']');
    }
    if (out->failed)
        return dvsi_cell_no_memory;
    if (out->length == before)
        return "is empty";
    return out->length - before > DVSI_KEY_MAX ? too_long : NULL;
}

const char *dvsi_key_canonical(dvsi_buf *out, const dvs_cell *cells, uint32_t n_cells)
{
    size_t before = out->length;
    const char *problem = add_key(out, cells, n_cells);

    if (problem != NULL && out->length > before) {
        out->length = before;
        out->data[before] = '\0';
    }
    return problem;
}

/* The parts of a composite key as text cells. 0 or -1. */
static int split(dvsi_arena *arena, const char *text, size_t length, uint32_t n_cells, dvs_cell *cells)
{
    const dvsi_json *array = dvsi_json_parse(arena, text, length, NULL, NULL), *item;
    uint32_t i = 0;

    if (array == NULL || array->type != DVSI_JSON_ARRAY || array->length != n_cells)
        return -1;
    for (item = array->first; item != NULL; item = item->next) {
        if (item->type != DVSI_JSON_STRING)
            return -1;
        cells[i++] = dvsi_cell_text_n(item->text, item->length);
    }
    return 0;
}

int dvsi_key_parse(dvsi_arena *arena, const char *text, size_t length, const uint32_t *kinds,
                   uint32_t n_cells, dvs_cell *cells)
{
    dvsi_buf again = {0};
    int result = -1;

    if (length > DVSI_KEY_MAX || n_cells == 0)
        return -1;
    if (n_cells == 1) {
        dvs_cell whole = dvsi_cell_text_n(text, length);

        if (dvsi_cell_clean(arena, DVS_TEXT, &whole, cells) != NULL)
            return -1;
    } else if (split(arena, text, length, n_cells, cells) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < n_cells; i++) {
        dvs_cell part = cells[i];

        if (dvsi_cell_convert(arena, kinds[i], &part, &cells[i]) != NULL)
            return -1;
    }
    /* Only the canonical spelling is a key: "007" is none. */
    if (dvsi_key_canonical(&again, cells, n_cells) == NULL)
        result = again.length == length && memcmp(again.data, text, length) == 0 ? 0 : -1;
    dvsi_buf_free(&again);
    return result;
}
