/* fetch.c - records by key. */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

typedef struct search {
    dvs_source *source;
    const scripted_stream *stream;
    const dvs_fetch *fetch;
    const scripted_column **keys; /* in the order of key_position */
    const scripted_column **columns;
    dvs_cell *cells;
    scripted_scratch scratch;
    int64_t found;
} search;

static int32_t key_columns(search *s, dvs_error *err)
{
    uint32_t i, j;
    for (i = 0; i < s->fetch->n_key; i++) {
        for (j = 0; j < s->stream->n_columns && s->stream->columns[j].info.key_position != i + 1; j++) {
        }
        if (j == s->stream->n_columns)
            return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
                            "the key of stream %s has fewer than %u columns", s->stream->name,
                            s->fetch->n_key);
        s->keys[i] = &s->stream->columns[j];
    }
    for (i = 0; i < s->fetch->n_columns; i++) {
        s->columns[i] = scripted_column_find(s->stream->columns, s->stream->n_columns, s->fetch->columns[i]);
        if (s->columns[i] == NULL)
            return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "stream %s has no column %s",
                            s->stream->name, s->fetch->columns[i]);
    }
    return DVS_OK;
}

/* 1, 0, or a status from DVS_E_BASE on. */
static int32_t matches(search *s, const scripted_item *item, const dvs_cell *key, dvs_error *err)
{
    uint32_t i;
    for (i = 0; i < s->fetch->n_key; i++) {
        dvs_cell cell;
        int32_t status = scripted_item_cell(&s->scratch, s->stream, item, s->keys[i], &cell, err);
        if (status != DVS_OK)
            return status;
        if (scripted_cell_compare(&cell, &key[i]) != 0)
            return 0;
    }
    return 1;
}

static int32_t find(search *s, const dvs_cell *key, scripted_item *item, dvs_error *err)
{
    int32_t answer = 0;
    size_t i;
    memset(item, 0, sizeof *item);
    if (s->stream->generates) {
        item->type = SCRIPTED_GENERATED;
        item->number = scripted_generated_number(&key[0]);
        if (scripted_generated_exists(&s->stream->generator, item->number))
            answer = matches(s, item, key, err);
    }
    for (i = 0; answer == 0 && i < json_array_size(s->stream->rows); i++) {
        const json_t *row = json_array_get(s->stream->rows, i);
        item->type = SCRIPTED_ROW;
        item->index = i;
        item->number = (int64_t)i + 1;
        if (json_object_get(row, "$error") == NULL && json_object_get(row, "$tombstone") == NULL)
            answer = matches(s, item, key, err);
        scripted_scratch_reset(&s->scratch);
    }
    return answer;
}

static int32_t put(search *s, const scripted_item *item, dvs_out *out, int *full, dvs_error *err)
{
    const dvs_host *host = s->source->host;
    dvs_row row;
    uint32_t i;
    int32_t status = DVS_OK;
    for (i = 0; status == DVS_OK && i < s->fetch->n_columns; i++)
        status = scripted_item_cell(&s->scratch, s->stream, item, s->columns[i], &s->cells[i], err);
    if (status != DVS_OK)
        return status;
    memset(&row, 0, sizeof row);
    row.struct_size = (uint32_t)sizeof row;
    row.n_cells = s->fetch->n_columns;
    row.number = (uint64_t)item->number;
    row.cells = s->cells;
    s->found++;
    *full = dvs_put_done(host->put_row(host, out, &row), &status, err) && status == DVS_OK;
    return status;
}

static int32_t fetch_all(search *s, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    uint32_t i;
    int full = 0;
    for (i = 0; status == DVS_OK && !full && i < s->fetch->n_keys; i++) {
        scripted_item item;
        int32_t answer = find(s, s->fetch->keys + (size_t)i * s->fetch->n_key, &item, err);
        if (answer >= DVS_E_BASE)
            return answer;
        if (answer == 1)
            status = put(s, &item, out, &full, err);
        scripted_scratch_reset(&s->scratch);
    }
    return status;
}

static int32_t search_run(search *s, dvs_out *out, dvs_error *err)
{
    int32_t status;
    s->keys = calloc((size_t)s->fetch->n_key + 1, sizeof *s->keys);
    s->columns = calloc((size_t)s->fetch->n_columns + 1, sizeof *s->columns);
    s->cells = calloc((size_t)s->fetch->n_columns + 1, sizeof *s->cells);
    if (s->keys == NULL || s->columns == NULL || s->cells == NULL)
        status = dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    else if ((s->stream->flags & DVS_STREAM_FETCH) == 0)
        status =
            dvs_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_STREAM, "stream %s cannot fetch", s->stream->name);
    else
        status = key_columns(s, err);
    if (status == DVS_OK)
        status = fetch_all(s, out, err);
    free(s->keys);
    free(s->columns);
    free(s->cells);
    scripted_scratch_reset(&s->scratch);
    return status;
}

int32_t scripted_fetch(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err)
{
    scripted_world *world = NULL;
    search s;
    int32_t status = scripted_source_event(source, "fetch", fetch->stream, err);
    memset(&s, 0, sizeof s);
    s.source = source;
    s.fetch = fetch;
    if (status == DVS_OK)
        status = scripted_source_stream(source, fetch->stream, &world, &s.stream, err);
    if (status == DVS_OK)
        status = search_run(&s, out, err);
    scripted_world_release(world);
    return testkit_log_status(source->events,
                              json_pack("{s:s,s:s,s:I,s:I}", "slot", "fetch", "stream", fetch->stream, "keys",
                                        (json_int_t)fetch->n_keys, "rows", (json_int_t)s.found),
                              status, err);
}
