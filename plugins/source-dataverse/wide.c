#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "fetch.h"
#include "wide.h"

#ifndef DATAVERSE_BUNDLE
#define DATAVERSE_BUNDLE 128
#endif
#define GATHERED_BYTES ((size_t)4 << 20)

/* A record: the JSON of each part, as received; NULL: that part has not come. */
struct gathered {
    uint8_t key[16];
    int has_key;
    uint64_t number;
    char **json;
    size_t *length;
};

struct dataverse_wide {
    dvs_source *source;
    const struct dataverse_select *select;
    const atomic_int *interrupted;
    struct gathered *records;
    size_t n;
    size_t bytes;
    size_t passed;                 /* of the n, when the other parts have come */
    int is_joined;                 /* they have */
    size_t current;                /* the part that is being fetched */
    int outcome;                   /* of the last fetch */
    struct dataverse_page **pages; /* one reader for each part */
    struct dataverse_buffer *bodies;
    const struct dataverse_value **values;
    struct dataverse_row row;
};

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
}

static void forget(struct dataverse_wide *wide)
{
    for (size_t i = 0; i < wide->n; i++) {
        for (size_t p = 0; p < wide->select->n_parts; p++) {
            free(wide->records[i].json[p]);
            wide->records[i].json[p] = NULL;
        }
    }
    wide->n = 0;
    wide->bytes = 0;
    wide->passed = 0;
    wide->is_joined = 0;
}

void dataverse_wide_free(struct dataverse_wide *wide)
{
    if (wide == NULL)
        return;
    forget(wide);
    for (size_t i = 0; wide->records != NULL && i < DATAVERSE_BUNDLE; i++) {
        free(wide->records[i].json);
        free(wide->records[i].length);
    }
    for (size_t p = 0; p < wide->select->n_parts; p++) {
        if (wide->pages != NULL)
            dataverse_page_free(wide->pages[p]);
        if (wide->bodies != NULL)
            dataverse_buffer_free(&wide->bodies[p]);
    }
    dataverse_row_free(&wide->row);
    free(wide->records);
    free(wide->pages);
    free(wide->bodies);
    free(wide->values);
    free(wide);
}

/* Of the first part all names are looked for, those of the other parts behind its own: the service adds
 * members that nobody asked for (Microsoft's documentation, "Select columns": the currency of money), and a
 * joined record must not have them twice. */
static struct dataverse_page *first_page(const struct dataverse_select *select)
{
    size_t n = 0;
    for (size_t p = 0; p < select->n_parts; p++)
        n += select->parts[p].n_names;
    const char **names = calloc(n + 1, sizeof *names);
    if (names == NULL)
        return NULL;
    n = 0;
    for (size_t p = 0; p < select->n_parts; p++) {
        for (size_t i = p == 0 ? 0 : 1; i < select->parts[p].n_names; i++)
            names[n++] = select->parts[p].names[i];
    }
    struct dataverse_page *page = dataverse_page_new(names, n, DATAVERSE_RECORD_MAX);
    free(names);
    return page;
}

static int make_parts(struct dataverse_wide *wide)
{
    size_t n_parts = wide->select->n_parts;
    wide->records = calloc(DATAVERSE_BUNDLE, sizeof *wide->records);
    wide->pages = calloc(n_parts, sizeof *wide->pages);
    wide->bodies = calloc(n_parts, sizeof *wide->bodies);
    wide->values = calloc(n_parts, sizeof *wide->values);
    if (wide->records == NULL || wide->pages == NULL || wide->bodies == NULL || wide->values == NULL)
        return -1;
    for (size_t p = 0; p < n_parts; p++) {
        const struct dataverse_part *part = &wide->select->parts[p];
        wide->pages[p] = p == 0 ? first_page(wide->select)
                                : dataverse_page_new(part->names, part->n_names, DATAVERSE_RECORD_MAX);
        if (wide->pages[p] == NULL)
            return -1;
    }
    for (size_t i = 0; i < DATAVERSE_BUNDLE; i++) {
        wide->records[i].json = calloc(n_parts, sizeof *wide->records[i].json);
        wide->records[i].length = calloc(n_parts, sizeof *wide->records[i].length);
        if (wide->records[i].json == NULL || wide->records[i].length == NULL)
            return -1;
    }
    return 0;
}

int32_t dataverse_wide_new(dvs_source *source, const struct dataverse_select *select,
                           const atomic_int *interrupted, struct dataverse_wide **wide, dvs_error *err)
{
    struct dataverse_wide *w = calloc(1, sizeof *w);
    if (w == NULL)
        return no_memory(err);
    w->source = source;
    w->select = select;
    w->interrupted = interrupted;
    if (make_parts(w) != 0) {
        dataverse_wide_free(w);
        return no_memory(err);
    }
    *wide = w;
    return DVS_OK;
}

static int keep(struct dataverse_wide *wide, struct gathered *g, size_t part,
                const struct dataverse_record *record)
{
    char *copy = malloc(record->json_length + 1);
    if (copy == NULL)
        return -1;
    memcpy(copy, record->json, record->json_length);
    copy[record->json_length] = '\0';
    free(g->json[part]);
    g->json[part] = copy;
    g->length[part] = record->json_length;
    wide->bytes += record->json_length;
    return 0;
}

int dataverse_wide_add(struct dataverse_wide *wide, const uint8_t *key, const struct dataverse_record *record,
                       uint64_t number, dvs_out *out, int32_t *status, dvs_error *err)
{
    struct gathered *g = &wide->records[wide->n++];
    g->has_key = key != NULL;
    g->number = number;
    if (key != NULL)
        memcpy(g->key, key, 16);
    if (keep(wide, g, 0, record) != 0) {
        *status = no_memory(err);
        return 1;
    }
    if (wide->n < DATAVERSE_BUNDLE && wide->bytes < GATHERED_BYTES)
        return 0;
    return dataverse_wide_flush(wide, out, status, err);
}

static int32_t take_part(void *context, const struct dataverse_record *record, dvs_error *err)
{
    struct dataverse_wide *wide = context;
    uint8_t key[16];
    if (dataverse_row_key(&record->values[0], key) != 0)
        return DVS_OK;
    for (size_t i = 0; i < wide->n; i++) {
        if (wide->records[i].has_key && memcmp(wide->records[i].key, key, 16) == 0 &&
            keep(wide, &wide->records[i], wide->current, record) != 0)
            return no_memory(err);
    }
    return DVS_OK;
}

static int32_t join(struct dataverse_wide *wide, dvs_error *err)
{
    uint8_t keys[DATAVERSE_BUNDLE][16];
    size_t n = 0;
    int32_t status = DVS_OK;
    for (size_t i = 0; i < wide->n; i++) {
        if (wide->records[i].has_key)
            memcpy(keys[n++], wide->records[i].key, 16);
    }
    wide->outcome = DATAVERSE_FAIL;
    for (wide->current = 1; status == DVS_OK && wide->current < wide->select->n_parts; wide->current++)
        status = dataverse_fetch_keys(wide->source, wide->select, wide->current, (const uint8_t(*)[16])keys,
                                      n, wide->interrupted, take_part, wide, &wide->outcome, err);
    wide->is_joined = status == DVS_OK;
    return status;
}

/* The members of one part, read from its JSON once more. */
static int32_t read_part(struct dataverse_wide *wide, size_t part, const char *json, size_t length,
                         dvs_error *err)
{
    struct dataverse_buffer *body = &wide->bodies[part];
    struct dataverse_record record;
    dataverse_buffer_clear(body);
    dataverse_page_start(wide->pages[part]);
    if (dataverse_buffer_add(body, "{\"value\":[", 10) != 0 ||
        dataverse_buffer_add(body, json, length) != 0 || dataverse_buffer_add(body, "]}", 2) != 0)
        return no_memory(err);
    if (dataverse_page_next(wide->pages[part], body, 1, &record) != DATAVERSE_PAGE_RECORD)
        return no_memory(err); /* it was a record before */
    wide->values[part] = record.values;
    return DVS_OK;
}

/* The whole record: the first part's object, and the other parts' wanted members behind it. */
static int join_json(struct dataverse_wide *wide, const struct gathered *g, struct dataverse_buffer *json)
{
    const struct dataverse_value *first = wide->values[0] + wide->select->parts[0].n_names;
    if (dataverse_buffer_add(json, g->json[0], g->length[0] - 1) != 0)
        return -1;
    for (size_t p = 1; p < wide->select->n_parts; p++) {
        const struct dataverse_part *part = &wide->select->parts[p];
        for (size_t i = 1; i < part->n_names; i++, first++) {
            const struct dataverse_value *value = &wide->values[p][i];
            if (value->type == DATAVERSE_JSON_MISSING || first->type != DATAVERSE_JSON_MISSING)
                continue;
            if (dataverse_buffer_add(json, ",\"", 2) != 0 ||
                dataverse_buffer_add(json, part->names[i], strlen(part->names[i])) != 0 ||
                dataverse_buffer_add(json, "\":", 2) != 0 ||
                dataverse_buffer_add(json, value->json, value->json_length) != 0)
                return -1;
        }
    }
    return dataverse_buffer_add(json, "}", 1);
}

static int put(struct dataverse_wide *wide, const struct gathered *g, dvs_out *out, int32_t *status,
               dvs_error *err)
{
    struct dataverse_buffer json = {0};
    for (size_t p = 0; p < wide->select->n_parts; p++) {
        if (g->json[p] == NULL && g->has_key)
            return 0; /* deleted since the first part was read */
        *status = g->json[p] != NULL ? read_part(wide, p, g->json[p], g->length[p], err)
                                     : read_part(wide, p, "{}", 2, err);
        if (*status != DVS_OK)
            return 1;
    }
    int done;
    if (join_json(wide, g, &json) != 0) {
        *status = no_memory(err);
        done = 1;
    } else {
        done = dataverse_row_put(wide->source, &wide->row, wide->select, wide->values, json.data + json.start,
                                 json.length, g->number, out, status, err);
    }
    dataverse_buffer_free(&json);
    return done;
}

int dataverse_wide_flush(struct dataverse_wide *wide, dvs_out *out, int32_t *status, dvs_error *err)
{
    *status = wide->n != 0 && !wide->is_joined ? join(wide, err) : DVS_OK;
    if (*status != DVS_OK)
        return 1;
    while (wide->passed < wide->n) {
        if (put(wide, &wide->records[wide->passed++], out, status, err))
            return 1;
    }
    forget(wide);
    return 0;
}

int dataverse_wide_rest(struct dataverse_wide *wide, dvs_out *out, int32_t *status, dvs_error *err)
{
    return wide->is_joined ? dataverse_wide_flush(wide, out, status, err) : 0;
}

int dataverse_wide_outcome(const struct dataverse_wide *wide)
{
    return wide->outcome;
}
