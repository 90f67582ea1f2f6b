#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "fetch.h"
#include "row.h"
#include "wide.h"

#define KEYS_AT_ONCE 100
#define ANSWER_USUAL ((size_t)8 << 20) /* with more, fewer records are asked for at a time */
#define ANSWER_MAX ((size_t)64 << 20)  /* of one record */
#define EMPTY_PAGES 10                 /* beside one page for each record; more is a circle */

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
}

/* Walks over the records of a page that is there as a whole, and takes them from the buffer; `each` may be
 * NULL. The link to the next page, allocated, is *link. */
static int32_t walk_page(const struct dataverse_part *part, struct dataverse_buffer *body,
                         int32_t (*each)(void *, const struct dataverse_record *, dvs_error *), void *context,
                         char **link, dvs_error *err)
{
    struct dataverse_record record;
    int32_t status = DVS_OK;
    int answer = DATAVERSE_PAGE_NO_MEMORY;
    struct dataverse_page *page = dataverse_page_new(part == NULL ? NULL : part->names,
                                                     part == NULL ? 0 : part->n_names, DATAVERSE_RECORD_MAX);
    if (page != NULL) {
        dataverse_page_start(page);
        while (status == DVS_OK &&
               (answer = dataverse_page_next(page, body, 1, &record)) == DATAVERSE_PAGE_RECORD)
            status = each != NULL ? each(context, &record, err) : DVS_OK;
    }
    if (status == DVS_OK && answer == DATAVERSE_PAGE_NO_MEMORY)
        status = no_memory(err);
    else if (status == DVS_OK && (answer != DATAVERSE_PAGE_END || !dataverse_page_has_value(page) ||
                                  dataverse_page_error_message(page) != NULL))
        status = dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM, "the answer is no list of records");
    if (status == DVS_OK && link != NULL && dataverse_page_next_link(page) != NULL) {
        *link = strdup(dataverse_page_next_link(page));
        if (*link == NULL)
            status = no_memory(err);
    }
    dataverse_page_free(page);
    return status;
}

/* An answer that is no page is asked for again. */
static int is_page(const char *body, size_t length)
{
    dvs_error ignored = DVS_ERROR_INIT;
    struct dataverse_buffer copy = {0};
    int answer = -1;
    if (dataverse_buffer_add(&copy, body, length) == 0 &&
        walk_page(NULL, &copy, NULL, NULL, NULL, &ignored) == DVS_OK)
        answer = 0;
    dataverse_buffer_free(&copy);
    return answer;
}

struct job {
    dvs_source *source;
    const struct dataverse_part *part;
    char what[256];
    const atomic_int *interrupted;
    int32_t (*each)(void *context, const struct dataverse_record *record, dvs_error *err);
    void *context;
    int *outcome;
    int too_large; /* the answer: of fewer records it may not be */
};

/* The records with the n keys that `url` (taken over) asks for: mostly one page. */
static int32_t fetch_pages(struct job *job, char *url, size_t n, dvs_error *err)
{
    struct dataverse_buffer body = {0};
    size_t most = n == 1 ? ANSWER_MAX : ANSWER_USUAL;
    int32_t status = DVS_OK;
    for (size_t pages = 0; status == DVS_OK && url != NULL; pages++) {
        char *link = NULL;
        char *next = NULL;
        if (pages > n + EMPTY_PAGES)
            status = dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
                              "%s: the pages do not end: %zu pages for %zu records", job->what, pages, n);
        if (status == DVS_OK) {
            status = dataverse_api_get(&job->source->api, url, NULL, job->what, most, is_page,
                                       job->interrupted, &body, job->outcome, err);
            job->too_large = status != DVS_OK && pages == 0 && body.length > most;
        }
        if (status == DVS_OK)
            status = walk_page(job->part, &body, job->each, job->context, &link, err);
        if (status == DVS_OK && link != NULL) {
            next = dataverse_url_resolve(url, link);
            if (next == NULL)
                status = no_memory(err);
        }
        free(link);
        free(url);
        url = next;
    }
    free(url);
    dataverse_buffer_free(&body);
    return status;
}

int32_t dataverse_fetch_keys(dvs_source *source, const struct dataverse_select *select, size_t part,
                             const uint8_t (*keys)[16], size_t n_keys, const atomic_int *interrupted,
                             int32_t (*each)(void *context, const struct dataverse_record *record,
                                             dvs_error *err),
                             void *context, int *outcome, dvs_error *err)
{
    struct job job = {.source = source,
                      .part = &select->parts[part],
                      .interrupted = interrupted,
                      .each = each,
                      .context = context,
                      .outcome = outcome};
    size_t at_once = KEYS_AT_ONCE;
    int32_t status = DVS_OK;
    snprintf(job.what, sizeof job.what, "records of %.200s by key", select->table->set_name);
    for (size_t done = 0; status == DVS_OK && done < n_keys;) {
        size_t n = n_keys - done < at_once ? n_keys - done : at_once;
        char *url = dataverse_select_keys_url(source->api.base, select, part, keys + done, &n);
        status = url == NULL ? no_memory(err) : fetch_pages(&job, url, n, err);
        if (job.too_large && n > 1) {
            job.too_large = 0;
            at_once = n / 2;
            status = DVS_OK;
        } else {
            done += n;
        }
    }
    return status;
}

/* ---- the slot ---- */

struct fetching {
    dvs_source *source;
    dvs_out *out;
    const struct dataverse_select *select;
    struct dataverse_row row;
    struct dataverse_wide *wide;
};

/* After "full" the slot goes on: the host takes all that it asked for. */
static int32_t put(void *context, const struct dataverse_record *record, dvs_error *err)
{
    struct fetching *f = context;
    int32_t status = DVS_OK;
    uint8_t key[16];
    if (f->wide == NULL)
        dataverse_row_put(f->source, &f->row, f->select, &record->values, record->json, record->json_length,
                          0, f->out, &status, err);
    else if (dataverse_wide_add(f->wide, dataverse_row_key(&record->values[0], key) == 0 ? key : NULL, record,
                                0, f->out, &status, err) &&
             status == DVS_OK)
        while (dataverse_wide_flush(f->wide, f->out, &status, err) && status == DVS_OK)
            ;
    return status;
}

int32_t dataverse_fetch(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err)
{
    const struct dataverse_table *table;
    struct dataverse_select select;
    struct fetching f = {.source = source, .out = out, .select = &select};
    uint8_t(*keys)[16] = NULL;
    size_t n = 0;
    int outcome = DATAVERSE_FAIL;
    int32_t status = dataverse_metadata_table(source->metadata, fetch->stream, 0, &table, err);
    if (status != DVS_OK)
        return status;
    if (dataverse_select_make(table, fetch->columns, fetch->n_columns, DATAVERSE_SELECT_MAX, &select) != 0)
        return no_memory(err);
    keys = calloc((size_t)fetch->n_keys + 1, sizeof *keys);
    if (keys == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; status == DVS_OK && i < fetch->n_keys; i++) {
        const dvs_cell *cell = &fetch->keys[(size_t)i * fetch->n_key];
        if (cell->kind == DVS_UUID &&
            cell->length == 16) /* nothing else can be a key here: it does not exist */
            memcpy(keys[n++], cell->v.bytes, 16);
    }
    if (status == DVS_OK && select.n_parts > 1)
        status = dataverse_wide_new(source, &select, NULL, &f.wide, err);
    if (status == DVS_OK)
        status = dataverse_fetch_keys(source, &select, 0, (const uint8_t(*)[16])keys, n, NULL, put, &f,
                                      &outcome, err);
    if (status == DVS_OK && f.wide != NULL)
        while (dataverse_wide_flush(f.wide, out, &status, err) && status == DVS_OK)
            ;
    if (status != DVS_OK && f.wide != NULL && outcome != DATAVERSE_NO_PROPERTY)
        outcome = dataverse_wide_outcome(f.wide);
    if (status != DVS_OK && outcome == DATAVERSE_NO_PROPERTY)
        dataverse_metadata_forget(source->metadata, table->set_name);
    dataverse_wide_free(f.wide);
    dataverse_row_free(&f.row);
    free(keys);
    dataverse_select_free(&select);
    return status;
}
