/*
 * reader.c - one read of a table: page after page, each record a row, a position behind each page, the next
 * cursor at the end.
 *
 * Complete reads go in the order of the key, the only order that stays as it is while records change
 * (Microsoft's documentation, "Page results using OData"). A page that failed in its middle is asked for once
 * more; its records that were passed on already are passed over then.
 */
#include <stdlib.h>
#include <string.h>

#include <dvsync/plugin_util.h>

#include "condition.h"
#include "reader_body.h"

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
}

/* ---- records ---- */

/* After a bundle could not be passed on, or not as a whole. */
static int wide_stopped(dvs_reader *r, int32_t *status, dvs_error *err)
{
    if (*status != DVS_OK)
        *status = dataverse_body_failed(r, *status, dataverse_wide_outcome(r->wide), err);
    return 1;
}

/* One record to the host, unless it went there before the page began anew. As dvs_put_done(). */
static int pass(dvs_reader *r, const struct dataverse_record *record, dvs_out *out, int32_t *status,
                dvs_error *err)
{
    uint8_t key[16];
    int has_key = dataverse_row_key(&record->values[0], key) == 0;
    if (has_key && dataverse_keys_have(&r->passed, key))
        return 0;
    if (has_key && dataverse_keys_add(&r->passed, key) != 0) {
        *status = no_memory(err);
        return 1;
    }
    r->rows++;
    if (r->wide != NULL)
        return dataverse_wide_add(r->wide, has_key ? key : NULL, record, r->rows, out, status, err) &&
               wide_stopped(r, status, err);
    return dataverse_row_put(r->source, &r->row, &r->select, &record->values, record->json,
                             record->json_length, r->rows, out, status, err);
}

/* ---- ends ---- */

static int32_t put_position(dvs_reader *r, const char *url, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    struct dataverse_position position = {.watermark = r->watermark,
                                          .rows = r->rows,
                                          .page = r->page_number + 1,
                                          .page_size = r->page_size,
                                          .columns = dataverse_select_hash(&r->select),
                                          .link = url};
    if (dataverse_position_write(&position, &r->token) != 0)
        return no_memory(err);
    dvs_checkpoint checkpoint = {.struct_size = sizeof checkpoint,
                                 .type = DVS_CHECKPOINT_POSITION,
                                 .token_length = r->token.length,
                                 .token = (const uint8_t *)r->token.data + r->token.start,
                                 .watermark = r->watermark};
    dvs_put_done(r->source->host->put_checkpoint(r->source->host, out, &checkpoint), &status, err);
    return status;
}

/* The cursor is the server's own time at the start of the read, less the overlap: never the newest value
 * seen, and never our clock. Without a time there is none, and the next read is complete again. */
static int32_t put_end(dvs_reader *r, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    dvs_checkpoint checkpoint = {.struct_size = sizeof checkpoint,
                                 .type = DVS_CHECKPOINT_END,
                                 .complete = r->mode == DVS_READ_FULL,
                                 .watermark = r->watermark};
    if (r->select.table->has_modifiedon && r->watermark != INT64_MIN) {
        if (dataverse_cursor_write(r->watermark - r->source->settings.overlap_seconds * 1000000, &r->token) !=
            0)
            return no_memory(err);
        checkpoint.token_kind = DVS_TOKEN_CURSOR;
        checkpoint.token_length = r->token.length;
        checkpoint.token = (const uint8_t *)r->token.data + r->token.start;
    }
    dvs_put_done(r->source->host->put_checkpoint(r->source->host, out, &checkpoint), &status, err);
    return status == DVS_OK ? DVS_END : status;
}

/* Goes on to the page at `url`, which it takes over. */
static int32_t advance(dvs_reader *r, char *url, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    if (dataverse_links_add(&r->links, url) != 0)
        status = no_memory(err);
    if (status == DVS_OK)
        status = put_position(r, url, out, err);
    dataverse_pull_close(&r->current);
    free(r->url);
    r->url = url;
    r->page_number++;
    r->pages_done++;
    dataverse_keys_clear(&r->passed);
    dataverse_body_begin(r);
    if (r->ahead_url != NULL && strcmp(r->ahead_url, url) == 0) {
        r->current = r->ahead;
        memset(&r->ahead, 0, sizeof r->ahead);
        free(r->ahead_url);
        r->ahead_url = NULL;
        return status;
    }
    dataverse_body_drop_ahead(r);
    return status == DVS_OK ? dataverse_body_open(r, &r->current, url, r->page_number, 0, err) : status;
}

/* The page's object is closed and its body complete. */
static int32_t finish_page(dvs_reader *r, dvs_out *out, dvs_error *err)
{
    const char *link = dataverse_page_next_link(r->page);
    if (dataverse_page_error_message(r->page) != NULL) {
        const char *code = dataverse_page_error_code(r->page);
        char problem[300];
        snprintf(problem, sizeof problem, "the service broke off with the error %.40s: %.200s",
                 code == NULL ? "" : code, dataverse_page_error_message(r->page));
        return dataverse_body_unreadable(r, problem, err);
    }
    if (!dataverse_page_has_value(r->page))
        return dataverse_body_unreadable(r, "the answer has no list of records (\"value\")", err);
    if (r->wide != NULL) {
        int32_t status = DVS_OK;
        if (dataverse_wide_flush(r->wide, out, &status, err) && wide_stopped(r, &status, err))
            return status;
    }
    if (link == NULL) {
        r->ended = 1;
        return put_end(r, out, err);
    }
    char *url = dataverse_body_next_url(r, link, err);
    if (url == NULL)
        return err->status;
    if (dataverse_links_has(&r->links, url)) {
        free(url);
        return dataverse_body_unreadable(
            r, "the link to the next page leads back to a page that was read already", err);
    }
    return advance(r, url, out, err);
}

static int only_white_space(const struct dataverse_buffer *body)
{
    const char *bytes = body->data + body->start;
    for (size_t i = 0; i < body->length; i++) {
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\n' && bytes[i] != '\r')
            return 0;
    }
    return 1;
}

int32_t dataverse_reader_pull(dvs_reader *r, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    struct dataverse_record record;
    if (r->ended)
        return DVS_END;
    if (r->wide != NULL && dataverse_wide_rest(r->wide, out, &status, err))
        return status;
    dataverse_body_fill(r);
    for (;;) {
        int answer = r->page_ended ? DATAVERSE_PAGE_END
                                   : dataverse_page_next(r->page, &r->body, r->body_ended, &record);
        switch (answer) {
        case DATAVERSE_PAGE_RECORD:
            if (pass(r, &record, out, &status, err))
                return status;
            break;
        case DATAVERSE_PAGE_MORE:
            status = dataverse_body_receive(r, err);
            break;
        case DATAVERSE_PAGE_END:
            r->page_ended = 1;
            if (!only_white_space(&r->body)) {
                status = dataverse_body_unreadable(r, "something follows the end of the page", err);
            } else if (!r->body_ended) {
                dataverse_buffer_clear(&r->body);
                status = dataverse_body_receive(r, err);
            } else {
                return finish_page(r, out, err);
            }
            break;
        case DATAVERSE_PAGE_BAD:
            status = dataverse_body_unreadable(r, dataverse_page_problem(r->page), err);
            break;
        default:
            status = no_memory(err);
        }
        if (status != DVS_OK)
            return status;
    }
}

/* ---- start and stop ---- */

void dataverse_reader_interrupt(dvs_reader *r)
{
    atomic_store(&r->interrupted, 1);
}

void dataverse_reader_stop(dvs_reader *r)
{
    dataverse_body_drop_ahead(r);
    dataverse_pull_close(&r->current);
    dataverse_wide_free(r->wide);
    dataverse_page_free(r->page);
    dataverse_row_free(&r->row);
    dataverse_select_free(&r->select);
    dataverse_buffer_free(&r->body);
    dataverse_buffer_free(&r->token);
    dataverse_keys_free(&r->passed);
    dataverse_links_free(&r->links);
    free(r->url);
    atomic_fetch_sub(&r->source->readers, 1);
    free(r);
}

/* Takes position or cursor; the address of the first page. */
static int32_t begin(dvs_reader *r, const dvs_read *read, dvs_error *err)
{
    struct dataverse_position position;
    int64_t from = INT64_MIN;
    r->page_number = 1;
    r->page_size = r->source->settings.page_size;
    if (read->row_limit != 0 && read->row_limit < r->page_size)
        r->page_size = (uint32_t)read->row_limit;
    if (r->wide != NULL && r->page_size > DATAVERSE_WIDE_PAGE)
        r->page_size = DATAVERSE_WIDE_PAGE;
    if (read->resume) {
        struct dataverse_origin origin;
        if (dataverse_position_read(read->token, read->token_length, &position, &r->url) != 0 ||
            dataverse_url_origin(r->url, &origin) != 0 ||
            !dataverse_url_same_origin(&origin, &r->source->api.origin))
            return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM,
                            "the stored position is none of this organisation");
        if (position.columns != dataverse_select_hash(&r->select))
            return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM,
                            "the columns of %s are others than when the read began",
                            r->select.table->set_name);
        r->resumed = 1;
        r->watermark = position.watermark;
        r->rows = position.rows;
        r->page_number = position.page;
        r->page_size = position.page_size;
        return DVS_OK;
    }
    if (read->mode == DVS_READ_CURSOR && dataverse_cursor_read(read->token, read->token_length, &from) != 0)
        return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM, "the stored cursor is none of this plugin's");
    if (read->mode == DVS_READ_CURSOR && !r->select.table->has_modifiedon)
        return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM, "%s has no column modifiedon any more",
                        r->select.table->set_name);
    r->url = dataverse_select_url(r->source->api.base, &r->select, from);
    return r->url != NULL ? DVS_OK : no_memory(err);
}

int32_t dataverse_reader_start(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err)
{
    const struct dataverse_table *table;
    int32_t status = dataverse_metadata_table(source->metadata, read->stream, 0, &table, err);
    if (status != DVS_OK)
        return status;
    dvs_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return no_memory(err);
    r->source = source;
    r->mode = read->mode;
    r->row_limit = read->row_limit;
    r->watermark = INT64_MIN;
    atomic_fetch_add(&source->readers, 1);
    if (dataverse_select_make(table, read->columns, read->n_columns, DATAVERSE_SELECT_MAX, &r->select) != 0)
        status = no_memory(err);
    if (status == DVS_OK && read->mode == DVS_READ_FULL && DVS_HAS(read, dvs_read, condition_stride) &&
        dataverse_condition_filter(table, read, &r->select.filter) != 0)
        status = no_memory(err);
    if (status == DVS_OK)
        r->page =
            dataverse_page_new(r->select.parts[0].names, r->select.parts[0].n_names, DATAVERSE_RECORD_MAX);
    if (status == DVS_OK && r->page == NULL)
        status = no_memory(err);
    if (status == DVS_OK && r->select.n_parts > 1)
        status = dataverse_wide_new(source, &r->select, &r->interrupted, &r->wide, err);
    if (status == DVS_OK)
        status = begin(r, read, err);
    if (status == DVS_OK && dataverse_links_add(&r->links, r->url) != 0)
        status = no_memory(err);
    if (status == DVS_OK)
        status = dataverse_body_open(r, &r->current, r->url, r->page_number, 0, err);
    if (status != DVS_OK)
        dataverse_reader_stop(r);
    else
        *reader = r;
    return status;
}
