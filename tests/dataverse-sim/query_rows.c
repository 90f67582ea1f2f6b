/* Finding the rows of a page. */
#include <stdlib.h>
#include <string.h>

#include "query.h"

static int matches(const struct sim_read *read, const struct sim_row *row, struct sim_text *scratch)
{
    return read->filter == NULL || sim_filter_row(read->filter, row, scratch);
}

/* In the order of the key: walk on from where the page before ended. */
static int page_by_key(const struct sim_read *read, size_t before, struct sim_found *found)
{
    const struct sim_rows *rows = &read->table->rows;
    struct sim_text scratch = {0};
    struct sim_place place = {0, 0};
    if (read->paged) {
        place = sim_rows_find(rows, &read->cursor.last);
        struct sim_row *row = sim_rows_at(rows, &place);
        if (row != NULL && sim_guid_compare(sim_row_key(row), &read->cursor.last) == 0)
            sim_rows_next(rows, &place);
        struct sim_place back = place;
        while (before > 0 && sim_rows_back(rows, &back) == 0)
            before -= matches(read, sim_rows_at(rows, &back), &scratch) ? 1 : 0;
        for (; back.chunk != place.chunk || back.index != place.index; sim_rows_next(rows, &back)) {
            row = sim_rows_at(rows, &back);
            if (row == NULL)
                break;
            if (matches(read, row, &scratch))
                found->rows[found->n++] = row;
        }
    }
    size_t limit = found->n + read->limit;
    for (struct sim_row *row; (row = sim_rows_at(rows, &place)) != NULL; sim_rows_next(rows, &place)) {
        if (!matches(read, row, &scratch))
            continue;
        if (found->n == limit) {
            found->more = 1;
            break;
        }
        found->rows[found->n++] = row;
    }
    int failed = scratch.failed;
    sim_text_free(&scratch);
    return failed ? -1 : 0;
}

/* A row, or (row NULL) the place where the page before ended, with its value of the order's first column:
 * that decides most comparisons, and is not looked up again for each. */
struct entry {
    struct sim_row *row;
    struct sim_scalar first;
    int is_cached; /* a text with escapes is not: it would need room of its own */
};

/* The smallest rows, largest on top, so that most rows of a large table are turned away by one comparison. */
struct heap {
    const struct sim_read *read;
    struct entry *entries;
    size_t n;
    int largest; /* keeps the largest instead, smallest on top */
    struct sim_text left, right;
};

static struct sim_value value_at(const struct sim_read *read, const struct sim_row *row, size_t i)
{
    return row == NULL ? read->cursor.values[i] : sim_row_value(row, read->order[i].column->slot);
}

static struct entry entry_for(struct heap *heap, struct sim_row *row)
{
    struct entry entry = {.row = row};
    enum sim_kind kind = sim_kind_of(heap->read->order[0].column);
    entry.first = sim_scalar_of(kind, value_at(heap->read, row, 0), &heap->left);
    entry.is_cached = kind != SIM_KIND_TEXT || entry.first.text != heap->left.data;
    return entry;
}

/* By the columns of the order, then by the key. */
static int compare(struct heap *heap, const struct entry *a, const struct entry *b)
{
    const struct sim_read *read = heap->read;
    for (size_t i = 0; i < read->n_order; i++) {
        enum sim_kind kind = sim_kind_of(read->order[i].column);
        struct sim_scalar x =
            i == 0 && a->is_cached ? a->first : sim_scalar_of(kind, value_at(read, a->row, i), &heap->left);
        struct sim_scalar y =
            i == 0 && b->is_cached ? b->first : sim_scalar_of(kind, value_at(read, b->row, i), &heap->right);
        int order = sim_scalar_compare(&x, &y);
        if (order != 0)
            return read->order[i].descending ? -order : order;
    }
    return sim_guid_compare(a->row == NULL ? &read->cursor.last : sim_row_key(a->row),
                            b->row == NULL ? &read->cursor.last : sim_row_key(b->row));
}

static int above(struct heap *heap, const struct entry *a, const struct entry *b)
{
    int order = compare(heap, a, b);
    return heap->largest ? order < 0 : order > 0;
}

static void sink(struct heap *heap, size_t at, size_t n)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            return;
        if (child + 1 < n && above(heap, &heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!above(heap, &heap->entries[child], &heap->entries[at]))
            return;
        struct entry entry = heap->entries[at];
        heap->entries[at] = heap->entries[child];
        heap->entries[child] = entry;
        at = child;
    }
}

static void offer(struct heap *heap, const struct entry *entry, size_t limit)
{
    if (heap->n < limit) {
        size_t at = heap->n++;
        for (; at > 0 && above(heap, entry, &heap->entries[(at - 1) / 2]); at = (at - 1) / 2)
            heap->entries[at] = heap->entries[(at - 1) / 2];
        heap->entries[at] = *entry;
    } else if (limit > 0 && above(heap, &heap->entries[0], entry)) {
        heap->entries[0] = *entry;
        sink(heap, 0, heap->n);
    }
}

/* Sorts what the heap holds: ascending, or descending when it keeps the largest. */
static void sort(struct heap *heap)
{
    for (size_t n = heap->n; n > 1;) {
        n--;
        struct entry entry = heap->entries[0];
        heap->entries[0] = heap->entries[n];
        heap->entries[n] = entry;
        sink(heap, 0, n);
    }
}

/* Up to `limit` rows on one side of the cursor, nearest ones, into `rows`. */
static int gather(const struct sim_read *read, int behind, size_t limit, struct sim_row **rows, size_t *n)
{
    struct heap heap = {
        .read = read, .largest = !behind, .entries = malloc((limit + 1) * sizeof(struct entry))};
    struct sim_text scratch = {0};
    struct sim_place place = {0, 0};
    if (heap.entries == NULL)
        return -1;
    struct entry cursor = entry_for(&heap, NULL);
    for (struct sim_row *row; (row = sim_rows_at(&read->table->rows, &place)) != NULL;
         sim_rows_next(&read->table->rows, &place)) {
        if (!matches(read, row, &scratch))
            continue;
        struct entry entry = entry_for(&heap, row);
        if (!read->paged || (compare(&heap, &entry, &cursor) > 0) == behind)
            offer(&heap, &entry, limit);
    }
    sort(&heap);
    for (size_t i = 0; i < heap.n; i++)
        rows[i] = heap.entries[i].row;
    *n = heap.n;
    int failed = scratch.failed || heap.left.failed || heap.right.failed;
    sim_text_free(&scratch);
    sim_text_free(&heap.left);
    sim_text_free(&heap.right);
    free(heap.entries);
    return failed ? -1 : 0;
}

static int page_by_order(const struct sim_read *read, size_t before, struct sim_found *found)
{
    size_t n = 0;
    if (read->paged && before > 0) {
        if (gather(read, 0, before, found->rows, &n) != 0)
            return -1;
        for (size_t i = 0; i < n / 2; i++) {
            struct sim_row *row = found->rows[i];
            found->rows[i] = found->rows[n - 1 - i];
            found->rows[n - 1 - i] = row;
        }
        found->n = n;
    }
    if (gather(read, 1, read->limit + 1, found->rows + found->n, &n) != 0)
        return -1;
    found->more = n > read->limit;
    found->n += found->more ? read->limit : n;
    return 0;
}

int sim_read_page(const struct sim_read *read, size_t before, struct sim_found *found)
{
    memset(found, 0, sizeof *found);
    found->rows = malloc((before + read->limit + 1) * sizeof(struct sim_row *));
    if (found->rows == NULL)
        return -1;
    return read->n_order == 0 ? page_by_key(read, before, found) : page_by_order(read, before, found);
}

int64_t sim_read_count(const struct sim_read *read, uint64_t limit)
{
    if (read->filter == NULL)
        return (int64_t)(read->table->rows.n < limit ? read->table->rows.n : limit);
    struct sim_text scratch = {0};
    struct sim_place place = {0, 0};
    uint64_t n = 0;
    for (struct sim_row *row; n < limit && (row = sim_rows_at(&read->table->rows, &place)) != NULL;
         sim_rows_next(&read->table->rows, &place))
        n += matches(read, row, &scratch) ? 1 : 0;
    int failed = scratch.failed;
    sim_text_free(&scratch);
    return failed ? -1 : (int64_t)n;
}
