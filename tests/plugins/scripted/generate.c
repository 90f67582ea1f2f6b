/*
 * generate.c - rows made from their number. Everything about row n follows from (seed, n, column, salt), so
 * that a test can ask for 20,000 rows in one line, change some of them, and know what must have changed.
 */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH_2024 INT64_C(1704067200) /* seconds */

static int32_t change_load(scripted_change *change, json_t *spec, const char *what, int64_t seq,
                           dvs_error *err)
{
    json_t *rows = json_is_object(spec) ? json_object_get(spec, "rows") : NULL;
    change->salt = scripted_member_int(spec, "salt", 1);
    change->seq = scripted_member_int(spec, "seq", seq);
    change->fields = json_object_get(spec, "fields");
    if (rows == NULL)
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "%s is no list of {rows, …}", what);
    return scripted_set_load(&change->rows, rows, what, err);
}

/* A list of {rows, salt, seq, fields}, or a plain list of row numbers. */
static int32_t changes_load(json_t *list, const char *what, int64_t seq, scripted_change **changes, size_t *n,
                            dvs_error *err)
{
    json_t *first = json_array_get(list, 0);
    int listed = json_is_object(first) && json_object_get(first, "rows") != NULL;
    size_t i, size = listed ? json_array_size(list) : 1;
    int32_t status;
    if (list == NULL)
        return DVS_OK;
    *changes = calloc(size, sizeof **changes);
    if (*changes == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    *n = size;
    if (!listed) {
        (*changes)->salt = 1;
        (*changes)->seq = seq;
        return scripted_set_load(&(*changes)->rows, list, what, err);
    }
    for (i = 0; i < size; i++) {
        status = change_load(&(*changes)[i], json_array_get(list, i), what, seq + (int64_t)i, err);
        if (status != DVS_OK)
            return status;
    }
    return DVS_OK;
}

int32_t scripted_generator_load(scripted_stream *stream, json_t *spec, dvs_error *err)
{
    static const char *const KNOWN[] = {"rows", "first", "seed", "extra", "changes", "deleted"};
    scripted_generator *g = &stream->generator;
    const char *key;
    json_t *member;
    int32_t status;
    size_t i;
    json_object_foreach(spec, key, member)
    {
        for (i = 0; i < sizeof KNOWN / sizeof KNOWN[0] && strcmp(KNOWN[i], key) != 0; i++) {
        }
        if (i == sizeof KNOWN / sizeof KNOWN[0] && key[0] != '#')
            return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                            "streams.%s.generate has an unknown member %s", stream->name, key);
    }
    stream->generates = 1;
    g->first = scripted_member_int(spec, "first", 1);
    g->count = scripted_member_int(spec, "rows", 0);
    g->seed = (uint64_t)scripted_member_int(spec, "seed", 1);
    g->ordered = (stream->flags & DVS_STREAM_KEY_ORDER) != 0;
    if (g->first < 1 || g->count < 0 || g->count > INT64_C(1000000000))
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "streams.%s.generate has too many rows",
                        stream->name);
    status = scripted_set_load(&g->extra, json_object_get(spec, "extra"), "generate.extra", err);
    for (i = 0; status == DVS_OK && i < g->extra.n_ranges; i++) {
        if (g->extra.ranges[i].to == INT64_MAX)
            status = dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "streams.%s.generate.extra has no end",
                              stream->name);
    }
    if (status == DVS_OK)
        status = changes_load(json_object_get(spec, "changes"), "generate.changes", g->first + g->count,
                              &g->changes, &g->n_changes, err);
    if (status == DVS_OK)
        status = changes_load(json_object_get(spec, "deleted"), "generate.deleted", g->first + g->count,
                              &g->deleted, &g->n_deleted, err);
    return status;
}

void scripted_generator_free(scripted_generator *g)
{
    size_t i;
    for (i = 0; i < g->n_changes; i++)
        scripted_set_free(&g->changes[i].rows);
    for (i = 0; i < g->n_deleted; i++)
        scripted_set_free(&g->deleted[i].rows);
    scripted_set_free(&g->extra);
    free(g->changes);
    free(g->deleted);
}

int scripted_generated_exists(const scripted_generator *g, int64_t number)
{
    size_t i;
    if ((number < g->first || number >= g->first + g->count) && !scripted_set_has(&g->extra, number))
        return 0;
    for (i = 0; i < g->n_deleted; i++) {
        if (scripted_set_has(&g->deleted[i].rows, number))
            return 0;
    }
    return 1;
}

/* Of an existing row its last change's, of a deleted one its deletion's. */
int64_t scripted_generated_seq(const scripted_generator *g, int64_t number)
{
    int64_t seq = number;
    size_t i;
    for (i = 0; i < g->n_changes; i++) {
        if (scripted_set_has(&g->changes[i].rows, number))
            seq = g->changes[i].seq;
    }
    for (i = 0; i < g->n_deleted; i++) {
        if (scripted_set_has(&g->deleted[i].rows, number))
            seq = g->deleted[i].seq;
    }
    return seq;
}

/* splitmix64's finalizer: a bijection in which every bit counts. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int lists_field(const json_t *fields, const char *name)
{
    size_t i;
    for (i = 0; i < json_array_size(fields); i++) {
        const char *field = json_string_value(json_array_get(fields, i));
        if (field != NULL && strcmp(field, name) == 0)
            return 1;
    }
    return fields == NULL;
}

static uint64_t column_hash(const scripted_stream *stream, const scripted_column *column, int64_t number)
{
    const scripted_generator *g = &stream->generator;
    uint64_t hash = mix(g->seed);
    const char *at;
    int64_t salt = 0;
    size_t i;
    for (i = 0; column->info.key_position == 0 && i < g->n_changes; i++) {
        if (lists_field(g->changes[i].fields, column->info.name) &&
            scripted_set_has(&g->changes[i].rows, number))
            salt = g->changes[i].salt;
    }
    for (at = column->info.name; *at != '\0'; at++)
        hash = mix(hash ^ (unsigned char)*at);
    return mix(mix(hash ^ (uint64_t)number) ^ (uint64_t)salt);
}

static int32_t text_cell(scripted_scratch *scratch, uint32_t kind, const char *text, dvs_cell *cell,
                         dvs_error *err)
{
    size_t length = strlen(text);
    char *copy = scripted_scratch_take(scratch, length + 1);
    if (copy == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    memcpy(copy, text, length + 1);
    *cell = dvs_cell_make_bytes(kind, copy, (uint32_t)length);
    return DVS_OK;
}

static int32_t bytes_cell(scripted_scratch *scratch, uint32_t kind, uint64_t a, uint64_t b, size_t length,
                          dvs_cell *cell, dvs_error *err)
{
    uint8_t *data = scripted_scratch_take(scratch, 16);
    size_t i;
    if (data == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    for (i = 0; i < 8; i++) {
        data[i] = (uint8_t)(a >> (56 - 8 * i));
        data[i + 8] = (uint8_t)(b >> (56 - 8 * i));
    }
    *cell = dvs_cell_make_bytes(kind, data, (uint32_t)length);
    return DVS_OK;
}

/* Keys can be turned back into the row's number: see scripted_generated_number. A uuid ends in it. */
static int32_t key_cell(scripted_scratch *scratch, const scripted_stream *stream,
                        const scripted_column *column, int64_t number, dvs_cell *cell, dvs_error *err)
{
    uint64_t hash = stream->generator.ordered ? (uint64_t)number : column_hash(stream, column, number);
    char text[32];
    switch (column->info.kind) {
    case DVS_UUID:
        return bytes_cell(scratch, DVS_UUID, hash, (uint64_t)number, 16, cell, err);
    case DVS_TEXT:
        snprintf(text, sizeof text, "k%08lld", (long long)number);
        return text_cell(scratch, DVS_TEXT, text, cell, err);
    case DVS_DECIMAL:
        snprintf(text, sizeof text, "%lld", (long long)number);
        return text_cell(scratch, DVS_DECIMAL, text, cell, err);
    case DVS_TIMESTAMP:
        *cell = dvs_cell_make(DVS_TIMESTAMP, number * 1000000);
        return DVS_OK;
    default:
        *cell = dvs_cell_make(column->info.kind, number);
        return DVS_OK;
    }
}

int64_t scripted_generated_number(const dvs_cell *key)
{
    char text[32];
    uint64_t number = 0;
    size_t i;
    switch (key->kind) {
    case DVS_UUID:
        for (i = 8; i < 16; i++)
            number = number << 8 | key->v.bytes[i];
        return number <= INT64_MAX ? (int64_t)number : -1;
    case DVS_TEXT:
    case DVS_DECIMAL:
        i = key->kind == DVS_TEXT;
        if (key->length <= i || key->length >= sizeof text)
            return -1;
        memcpy(text, key->v.text, key->length);
        text[key->length] = '\0';
        return strtoll(text + i, NULL, 10);
    case DVS_TIMESTAMP:
        return key->v.i64 / 1000000;
    default:
        return key->v.i64;
    }
}

static int32_t wide_text(scripted_scratch *scratch, const scripted_column *column, uint64_t hash,
                         dvs_cell *cell, dvs_error *err)
{
    static const char *const WORDS[] = {"alpha", "bravo",   "Čapek", "delta",
                                        "écho",  "foxtrot", "größe", "hôtel"};
    size_t width = (size_t)scripted_member_int(json_object_get(column->spec, "generate"), "width", 0);
    char text[64], *data;
    size_t i;
    if (width == 0) {
        snprintf(text, sizeof text, "%s %s %05u", WORDS[hash & 7], WORDS[hash >> 3 & 7],
                 (unsigned)(hash >> 8) % 100000u);
        return text_cell(scratch, DVS_TEXT, text, cell, err);
    }
    data = width <= UINT32_MAX ? scripted_scratch_take(scratch, width) : NULL;
    if (data == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    for (i = 0; i < width; i++)
        data[i] = (char)('a' + mix(hash ^ i) % 26);
    *cell = dvs_cell_make_bytes(DVS_TEXT, data, (uint32_t)width);
    return DVS_OK;
}

static int32_t value_cell(scripted_scratch *scratch, const scripted_column *column, uint64_t hash,
                          int64_t number, dvs_cell *cell, dvs_error *err)
{
    char text[96];
    *cell = dvs_cell_make(column->info.kind, 0);
    switch (column->info.kind) {
    case DVS_BOOL:
        cell->v.i64 = (int64_t)(hash >> 20 & 1);
        return DVS_OK;
    case DVS_INT64:
        cell->v.i64 = (int64_t)hash; /* all 64 bits, negative ones too */
        return DVS_OK;
    case DVS_DOUBLE:
        cell->v.f64 = (double)((int64_t)(hash >> 12) - (INT64_C(1) << 51)) / 1024.0;
        return DVS_OK;
    case DVS_DECIMAL:
        snprintf(text, sizeof text, "%s%llu.%02u", (hash & 64) != 0 ? "-" : "",
                 (unsigned long long)(hash >> 8), (unsigned)hash % 100u);
        return text_cell(scratch, DVS_DECIMAL, text, cell, err);
    case DVS_TEXT:
        return wide_text(scratch, column, hash, cell, err);
    case DVS_BYTES:
        return bytes_cell(scratch, DVS_BYTES, hash, mix(hash), hash % 17, cell, err);
    case DVS_DATE:
        cell->v.i64 = (int64_t)(hash % 40000) - 10000;
        return DVS_OK;
    case DVS_TIMESTAMP:
        cell->v.i64 = (int64_t)(hash % UINT64_C(4000000000000000));
        return DVS_OK;
    case DVS_UUID:
        return bytes_cell(scratch, DVS_UUID, hash, mix(hash), 16, cell, err);
    default:
        snprintf(text, sizeof text, "{\"n\":%lld,\"h\":%llu}", (long long)number,
                 (unsigned long long)(hash % 1000));
        return text_cell(scratch, DVS_JSON, text, cell, err);
    }
}

static int32_t seq_cell(scripted_scratch *scratch, uint32_t kind, int64_t seq, dvs_cell *cell, dvs_error *err)
{
    char text[24];
    if (kind == DVS_TEXT || kind == DVS_DECIMAL || kind == DVS_JSON) {
        snprintf(text, sizeof text, "%lld", (long long)seq);
        return text_cell(scratch, kind, text, cell, err);
    }
    *cell = dvs_cell_make(kind, kind == DVS_TIMESTAMP ? (EPOCH_2024 + seq) * 1000000 : seq);
    return DVS_OK;
}

int32_t scripted_generated_cell(scripted_scratch *scratch, const scripted_stream *stream,
                                const scripted_column *column, int64_t number, dvs_cell *cell, dvs_error *err)
{
    const dvs_column *info = &column->info;
    json_t *spec = json_object_get(column->spec, "generate"), *values = json_object_get(spec, "values");
    int64_t seq, null_every = scripted_member_int(spec, "null_every", 10);
    uint64_t hash;
    if (info->key_position > 0)
        return key_cell(scratch, stream, column, number, cell, err);
    if (strcmp(info->name, stream->seq_name) == 0 ||
        (info->flags & (DVS_COLUMN_VERSION | DVS_COLUMN_MODIFIED)) != 0) {
        seq = scripted_generated_seq(&stream->generator, number);
        return seq_cell(scratch, info->kind, seq, cell, err);
    }
    hash = column_hash(stream, column, number);
    if ((info->flags & DVS_COLUMN_NULLABLE) != 0 && (info->flags & DVS_COLUMN_RAW) == 0 && null_every > 0 &&
        mix(hash) % (uint64_t)null_every == 0) {
        *cell = dvs_cell_make(DVS_NULL, 0);
        return DVS_OK;
    }
    if (json_array_size(values) > 0)
        return scripted_value_cell(scratch, column, json_array_get(values, hash % json_array_size(values)),
                                   cell, err);
    return value_cell(scratch, column, hash, number, cell, err);
}
