/* items.c - what a read delivers, in order. */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

/* Tombstones of the list sort behind rows of the same seq. */
#define TOMBSTONE_NUMBER (INT64_C(1) << 60)

int scripted_seq_compare(const scripted_seq *a, const scripted_seq *b)
{
    if (a->text == NULL && b->text == NULL)
        return a->number < b->number ? -1 : a->number > b->number;
    if (a->text == NULL || b->text == NULL)
        return a->text == NULL ? -1 : 1;
    return strcmp(a->text, b->text);
}

scripted_seq scripted_seq_of(const json_t *value)
{
    scripted_seq seq = {NULL, 0};
    if (json_is_string(value))
        seq.text = json_string_value(value);
    else
        seq.number = json_integer_value(value);
    return seq;
}

json_t *scripted_seq_json(const scripted_seq *seq)
{
    return seq->text != NULL ? json_string(seq->text) : json_integer(seq->number);
}

static int64_t explicit_number(const scripted_stream *stream, const json_t *row, size_t index)
{
    const scripted_generator *g = &stream->generator;
    int64_t before = stream->generates ? g->first + g->count - 1 : 0;
    return scripted_member_int(row, "$number", before + (int64_t)index + 1);
}

static void highest(scripted_seq *most, scripted_seq seq)
{
    if (scripted_seq_compare(&seq, most) > 0)
        *most = seq;
}

scripted_seq scripted_watermark(const scripted_stream *stream)
{
    const scripted_generator *g = &stream->generator;
    const json_t *set = json_object_get(stream->spec, "watermark");
    scripted_seq most = {NULL, 0};
    size_t i;
    if (set != NULL)
        return scripted_seq_of(set);
    for (i = 0; i < json_array_size(stream->rows); i++)
        highest(&most, scripted_seq_of(json_object_get(json_array_get(stream->rows, i), stream->seq_name)));
    for (i = 0; i < json_array_size(stream->tombstones); i++)
        highest(&most,
                scripted_seq_of(json_object_get(json_array_get(stream->tombstones, i), stream->seq_name)));
    if (stream->generates && g->count > 0)
        highest(&most, (scripted_seq){NULL, g->first + g->count - 1});
    for (i = 0; i < g->extra.n_ranges; i++)
        highest(&most, (scripted_seq){NULL, g->extra.ranges[i].to});
    for (i = 0; i < g->n_changes; i++)
        highest(&most, (scripted_seq){NULL, g->changes[i].seq});
    for (i = 0; i < g->n_deleted; i++)
        highest(&most, (scripted_seq){NULL, g->deleted[i].seq});
    return most;
}

typedef struct collection {
    const scripted_stream *stream;
    uint32_t mode;
    const scripted_seq *from; /* NULL: everything */
    scripted_items *items;
} collection;

/* A cursor delivers what is not older than its token, a delta what is newer. */
static int wanted(const collection *c, const scripted_seq *seq)
{
    if (c->from == NULL)
        return 1;
    return scripted_seq_compare(seq, c->from) >= (c->mode == DVS_READ_DELTA ? 1 : 0);
}

static int add(const collection *c, int type, size_t index, int64_t number, scripted_seq seq)
{
    scripted_items *items = c->items;
    scripted_item *item;
    if (items->n == items->capacity) {
        size_t capacity = items->capacity != 0 ? items->capacity * 2 : 64;
        scripted_item *list =
            capacity <= SIZE_MAX / 2 / sizeof *list ? realloc(items->list, capacity * sizeof *list) : NULL;
        if (list == NULL)
            return -1;
        items->list = list;
        items->capacity = capacity;
    }
    item = &items->list[items->n++];
    item->type = type;
    item->index = index;
    item->number = number;
    item->seq = seq;
    return 0;
}

static int add_generated(const collection *c, int64_t number)
{
    const scripted_generator *g = &c->stream->generator;
    scripted_seq seq = {NULL, scripted_generated_seq(g, number)};
    int exists = scripted_generated_exists(g, number);
    if (!wanted(c, &seq) || (!exists && (c->mode != DVS_READ_DELTA || c->from == NULL)))
        return 0;
    return add(c, exists ? SCRIPTED_GENERATED : SCRIPTED_GENERATED_TOMBSTONE, 0, number, seq);
}

static int add_all_generated(const collection *c)
{
    const scripted_generator *g = &c->stream->generator;
    int64_t number;
    size_t i;
    for (number = g->first; number < g->first + g->count; number++) {
        if (add_generated(c, number) != 0)
            return -1;
    }
    for (i = 0; i < g->extra.n_ranges; i++) {
        const scripted_range *range = &g->extra.ranges[i];
        for (number = range->from; number <= range->to; number += range->every) {
            if ((number < g->first || number >= g->first + g->count) && add_generated(c, number) != 0)
                return -1;
        }
    }
    return 0;
}

static int add_explicit(const collection *c)
{
    size_t i;
    for (i = 0; i < json_array_size(c->stream->rows); i++) {
        const json_t *row = json_array_get(c->stream->rows, i);
        scripted_seq seq = scripted_seq_of(json_object_get(row, c->stream->seq_name));
        if (wanted(c, &seq) && add(c, SCRIPTED_ROW, i, explicit_number(c->stream, row, i), seq) != 0)
            return -1;
    }
    for (i = 0; c->mode == DVS_READ_DELTA && c->from != NULL && i < json_array_size(c->stream->tombstones);
         i++) {
        scripted_seq seq =
            scripted_seq_of(json_object_get(json_array_get(c->stream->tombstones, i), c->stream->seq_name));
        if (wanted(c, &seq) && add(c, SCRIPTED_TOMBSTONE, i, TOMBSTONE_NUMBER + (int64_t)i, seq) != 0)
            return -1;
    }
    return 0;
}

static int by_seq(const void *a, const void *b)
{
    const scripted_item *x = a, *y = b;
    int order = scripted_seq_compare(&x->seq, &y->seq);
    if (order != 0)
        return order;
    return x->number < y->number ? -1 : x->number > y->number;
}

int32_t scripted_items_collect(const scripted_stream *stream, uint32_t mode, const scripted_seq *from,
                               scripted_items *items, dvs_error *err)
{
    collection c = {stream, mode, from, items};
    if ((stream->generates && add_all_generated(&c) != 0) || add_explicit(&c) != 0)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    if (mode == DVS_READ_DELTA && from != NULL && items->n > 1)
        qsort(items->list, items->n, sizeof *items->list, by_seq);
    return DVS_OK;
}

int32_t scripted_item_cell(scripted_scratch *scratch, const scripted_stream *stream,
                           const scripted_item *item, const scripted_column *column, dvs_cell *cell,
                           dvs_error *err)
{
    int tombstone = item->type == SCRIPTED_TOMBSTONE || item->type == SCRIPTED_GENERATED_TOMBSTONE;
    json_t *object;
    memset(cell, 0, sizeof *cell);
    if (tombstone && column->info.key_position == 0)
        return DVS_OK;
    if (item->type == SCRIPTED_GENERATED || item->type == SCRIPTED_GENERATED_TOMBSTONE)
        return scripted_generated_cell(scratch, stream, column, item->number, cell, err);
    object =
        json_array_get(item->type == SCRIPTED_TOMBSTONE ? stream->tombstones : stream->rows, item->index);
    return scripted_value_cell(scratch, column, json_object_get(object, column->info.name), cell, err);
}
