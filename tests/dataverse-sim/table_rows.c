/* Rows and their order. */
#include <stdlib.h>
#include <string.h>

#include "table.h"

/*
 * A row holds its values' JSON back to back. Which slots are not null is a bitmap; behind it comes for each
 * value where it ends, in two bytes, or in four (`wide`) when the values are longer than two can say. So a
 * null costs a bit.
 */
struct sim_row {
    struct sim_guid key;
    uint64_t version;
    uint32_t n_values;
    uint16_t n_words;
    uint16_t wide;
    uint64_t words[];
};

static unsigned ones(uint64_t word)
{
    return (unsigned)__builtin_popcountll(word);
}

static const unsigned char *ends_of(const struct sim_row *row)
{
    return (const unsigned char *)(row->words + row->n_words);
}

static size_t end_of(const struct sim_row *row, size_t i)
{
    const unsigned char *ends = ends_of(row);
    if (row->wide) {
        uint32_t end;
        memcpy(&end, ends + i * 4, sizeof end);
        return end;
    }
    uint16_t end;
    memcpy(&end, ends + i * 2, sizeof end);
    return end;
}

static const char *text_of(const struct sim_row *row)
{
    return (const char *)ends_of(row) + (size_t)row->n_values * (row->wide ? 4 : 2);
}

struct sim_row *sim_row_new(const struct sim_guid *key, uint64_t version, const struct sim_value *values,
                            size_t n_slots)
{
    size_t n_values = 0;
    size_t length = 0;
    for (size_t i = 0; i < n_slots; i++) {
        if (values[i].json == NULL)
            continue;
        n_values++;
        if (values[i].length > UINT32_MAX - length)
            return NULL;
        length += values[i].length;
    }
    size_t n_words = (n_slots + 63) / 64;
    if (n_words > UINT16_MAX)
        return NULL;
    int wide = length > UINT16_MAX;
    struct sim_row *row = malloc(sizeof *row + n_words * 8 + n_values * (wide ? 4 : 2) + length);
    if (row == NULL)
        return NULL;
    row->key = *key;
    row->version = version;
    row->n_values = (uint32_t)n_values;
    row->n_words = (uint16_t)n_words;
    row->wide = (uint16_t)wide;
    memset(row->words, 0, n_words * 8);
    unsigned char *ends = (unsigned char *)(row->words + n_words);
    char *text = (char *)ends + n_values * (wide ? 4 : 2);
    uint32_t end = 0;
    for (size_t i = 0; i < n_slots; i++) {
        if (values[i].json == NULL)
            continue;
        row->words[i / 64] |= UINT64_C(1) << (i % 64);
        memcpy(text + end, values[i].json, values[i].length);
        end += (uint32_t)values[i].length;
        if (wide) {
            memcpy(ends, &end, 4);
            ends += 4;
        } else {
            uint16_t small = (uint16_t)end;
            memcpy(ends, &small, 2);
            ends += 2;
        }
    }
    return row;
}

void sim_row_free(struct sim_row *row)
{
    free(row);
}

const struct sim_guid *sim_row_key(const struct sim_row *row)
{
    return &row->key;
}

uint64_t sim_row_version(const struct sim_row *row)
{
    return row->version;
}

size_t sim_row_length(const struct sim_row *row)
{
    return row->n_values == 0 ? 0 : end_of(row, row->n_values - 1);
}

struct sim_value sim_row_value(const struct sim_row *row, size_t slot)
{
    struct sim_value value = {NULL, 0};
    size_t word = slot / 64;
    if (word >= row->n_words || !(row->words[word] >> (slot % 64) & 1))
        return value;
    size_t rank = ones(row->words[word] & ((UINT64_C(1) << (slot % 64)) - 1));
    for (size_t i = 0; i < word; i++)
        rank += ones(row->words[i]);
    size_t start = rank == 0 ? 0 : end_of(row, rank - 1);
    value.json = text_of(row) + start;
    value.length = end_of(row, rank) - start;
    return value;
}

void sim_row_spread(const struct sim_row *row, struct sim_value *values, size_t n_slots)
{
    const char *text = text_of(row);
    size_t start = 0;
    size_t rank = 0;
    for (size_t i = 0; i < row->n_words; i++) {
        for (uint64_t word = row->words[i]; word != 0; word &= word - 1) {
            size_t slot = i * 64 + (size_t)__builtin_ctzll(word);
            size_t end = end_of(row, rank++);
            if (slot < n_slots)
                values[slot] = (struct sim_value){text + start, end - start};
            start = end;
        }
    }
}

void sim_row_unspread(const struct sim_row *row, struct sim_value *values, size_t n_slots)
{
    for (size_t i = 0; i < row->n_words; i++)
        for (uint64_t word = row->words[i]; word != 0; word &= word - 1) {
            size_t slot = i * 64 + (size_t)__builtin_ctzll(word);
            if (slot < n_slots)
                values[slot].json = NULL;
        }
}

/* The last chunk whose first key is not behind `key`; the first one when all are. */
static size_t chunk_for(const struct sim_rows *rows, const struct sim_guid *key)
{
    size_t low = 0;
    size_t high = rows->n_chunks;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (sim_guid_compare(&rows->chunks[middle]->rows[0]->key, key) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct sim_place sim_rows_find(const struct sim_rows *rows, const struct sim_guid *key)
{
    struct sim_place place = {0, 0};
    if (rows->n_chunks == 0)
        return place;
    place.chunk = chunk_for(rows, key);
    const struct sim_chunk *chunk = rows->chunks[place.chunk];
    size_t low = 0;
    size_t high = chunk->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sim_guid_compare(&chunk->rows[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    place.index = low;
    if (low == chunk->n && place.chunk + 1 < rows->n_chunks) {
        place.chunk++;
        place.index = 0;
    }
    return place;
}

struct sim_row *sim_rows_at(const struct sim_rows *rows, const struct sim_place *place)
{
    if (place->chunk >= rows->n_chunks || place->index >= rows->chunks[place->chunk]->n)
        return NULL;
    return rows->chunks[place->chunk]->rows[place->index];
}

void sim_rows_next(const struct sim_rows *rows, struct sim_place *place)
{
    if (place->chunk < rows->n_chunks && ++place->index >= rows->chunks[place->chunk]->n &&
        place->chunk + 1 < rows->n_chunks) {
        place->chunk++;
        place->index = 0;
    }
}

int sim_rows_back(const struct sim_rows *rows, struct sim_place *place)
{
    if (place->index > 0) {
        place->index--;
        return 0;
    }
    if (place->chunk == 0)
        return -1;
    place->chunk--;
    place->index = rows->chunks[place->chunk]->n - 1;
    return 0;
}

struct sim_row *sim_rows_get(const struct sim_rows *rows, const struct sim_guid *key)
{
    struct sim_place place = sim_rows_find(rows, key);
    struct sim_row *row = sim_rows_at(rows, &place);
    return row != NULL && sim_guid_compare(&row->key, key) == 0 ? row : NULL;
}

struct sim_row *sim_rows_nth(const struct sim_rows *rows, uint64_t n)
{
    for (size_t i = 0; i < rows->n_chunks; i++) {
        if (n < rows->chunks[i]->n)
            return rows->chunks[i]->rows[n];
        n -= rows->chunks[i]->n;
    }
    return NULL;
}

/* An empty chunk at place `at`. */
static struct sim_chunk *open_chunk(struct sim_rows *rows, size_t at)
{
    if (rows->n_chunks == rows->capacity) {
        size_t capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        struct sim_chunk **chunks = realloc(rows->chunks, capacity * sizeof(struct sim_chunk *));
        if (chunks == NULL)
            return NULL;
        rows->chunks = chunks;
        rows->capacity = capacity;
    }
    struct sim_chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    chunk->n = 0;
    memmove(rows->chunks + at + 1, rows->chunks + at, (rows->n_chunks - at) * sizeof(struct sim_chunk *));
    rows->chunks[at] = chunk;
    rows->n_chunks++;
    return chunk;
}

int sim_rows_put(struct sim_rows *rows, struct sim_row *row, struct sim_row **old)
{
    *old = NULL;
    if (rows->n_chunks == 0 && open_chunk(rows, 0) == NULL)
        return -1;
    struct sim_place place = sim_rows_find(rows, &row->key);
    struct sim_row *there = sim_rows_at(rows, &place);
    if (there != NULL && sim_guid_compare(&there->key, &row->key) == 0) {
        *old = there;
        rows->chunks[place.chunk]->rows[place.index] = row;
        return 0;
    }
    struct sim_chunk *chunk = rows->chunks[place.chunk];
    if (chunk->n == SIM_CHUNK_ROWS) {
        struct sim_chunk *upper = open_chunk(rows, place.chunk + 1);
        if (upper == NULL)
            return -1;
        upper->n = SIM_CHUNK_ROWS / 2;
        chunk->n -= upper->n;
        memcpy(upper->rows, chunk->rows + chunk->n, upper->n * sizeof(struct sim_row *));
        if (place.index > chunk->n) {
            place.index -= chunk->n;
            chunk = upper;
        }
    }
    memmove(chunk->rows + place.index + 1, chunk->rows + place.index,
            (chunk->n - place.index) * sizeof(struct sim_row *));
    chunk->rows[place.index] = row;
    chunk->n++;
    rows->n++;
    return 0;
}

struct sim_row *sim_rows_take(struct sim_rows *rows, const struct sim_guid *key)
{
    struct sim_place place = sim_rows_find(rows, key);
    struct sim_row *row = sim_rows_at(rows, &place);
    if (row == NULL || sim_guid_compare(&row->key, key) != 0)
        return NULL;
    struct sim_chunk *chunk = rows->chunks[place.chunk];
    chunk->n--;
    memmove(chunk->rows + place.index, chunk->rows + place.index + 1,
            (chunk->n - place.index) * sizeof(struct sim_row *));
    if (chunk->n == 0) {
        free(chunk);
        rows->n_chunks--;
        memmove(rows->chunks + place.chunk, rows->chunks + place.chunk + 1,
                (rows->n_chunks - place.chunk) * sizeof(struct sim_chunk *));
    }
    rows->n--;
    return row;
}

static int compare_rows(const void *a, const void *b)
{
    const struct sim_row *const *left = a;
    const struct sim_row *const *right = b;
    return sim_guid_compare(&(*left)->key, &(*right)->key);
}

int sim_rows_fill(struct sim_rows *rows, struct sim_row **array, size_t n)
{
    if (n > 1)
        qsort(array, n, sizeof(struct sim_row *), compare_rows);
    for (size_t i = 1; i < n; i++)
        if (compare_rows(&array[i - 1], &array[i]) == 0)
            return -2;
    /* Room is left in each chunk, for rows to come. */
    const size_t each = SIM_CHUNK_ROWS - SIM_CHUNK_ROWS / 4;
    for (size_t from = 0; from < n; from += each) {
        struct sim_chunk *chunk = open_chunk(rows, rows->n_chunks);
        if (chunk == NULL) {
            for (size_t i = 0; i < rows->n_chunks; i++)
                free(rows->chunks[i]);
            rows->n_chunks = 0;
            rows->n = 0;
            return -1;
        }
        chunk->n = n - from < each ? n - from : each;
        memcpy(chunk->rows, array + from, chunk->n * sizeof(struct sim_row *));
        rows->n += chunk->n;
    }
    return 0;
}

void sim_rows_free(struct sim_rows *rows)
{
    for (size_t i = 0; i < rows->n_chunks; i++) {
        for (size_t j = 0; j < rows->chunks[i]->n; j++)
            sim_row_free(rows->chunks[i]->rows[j]);
        free(rows->chunks[i]);
    }
    free(rows->chunks);
    memset(rows, 0, sizeof *rows);
}
