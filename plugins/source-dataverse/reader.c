/*
 * reader.c - one read of a table: page after page, each record a row, a position behind each page, the next
 * cursor at the end.
 *
 * Complete reads go in the order of the key, the only order that stays as it is while records change
 * (Microsoft's documentation, "Page results using OData"). A page that failed in its middle is asked for once
 * more; its records that were passed on already are passed over then. The next page is requested as soon as
 * the end of this one has been received, while the rest is parsed.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dvsync/plugin_util.h>

#include "condition.h"
#include "reader.h"

#define READ_AHEAD ((size_t)4 << 20) /* of all readers together */
#define READ_AHEAD_MIN ((size_t)256 << 10)
#define TAIL_SEARCHED ((size_t)64 << 10) /* the nextLink stands at the end of a page */

static int32_t no_memory(dvs_error *err)
{
    return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
}

static int64_t monotonic_micros(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now); /* goes on while the machine sleeps */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int32_t open_page(dvs_reader *r, struct dataverse_pull *pull, const char *url, uint64_t number,
                         int ahead, dvs_error *err)
{
    char what[320];
    char prefer[64];
    snprintf(what, sizeof what, "page %llu of %.200s", (unsigned long long)number, r->select.table->set_name);
    snprintf(prefer, sizeof prefer, "odata.maxpagesize=%u", r->page_size);
    return dataverse_pull_open(pull, &r->source->api, url, prefer, what, &r->interrupted, ahead, err);
}

static void begin_body(dvs_reader *r)
{
    dataverse_buffer_clear(&r->body);
    dataverse_page_start(r->page);
    r->body_ended = 0;
    r->page_ended = 0;
    r->tail_seen = 0;
}

static void drop_ahead(dvs_reader *r)
{
    if (r->ahead_url == NULL)
        return;
    dataverse_pull_close(&r->ahead);
    free(r->ahead_url);
    r->ahead_url = NULL;
}

/* The page begins once more from its first byte. */
static void page_again(dvs_reader *r)
{
    drop_ahead(r);
    begin_body(r);
    dataverse_keys_sort(&r->passed);
}

/* ---- the address of the next page ---- */

/* Resolves a link of the page; NULL with *err when it leads elsewhere. */
static char *next_url(dvs_reader *r, const char *link, dvs_error *err)
{
    struct dataverse_origin origin;
    char *url = dataverse_url_resolve(r->url, link);
    if (url == NULL) {
        no_memory(err);
        return NULL;
    }
    if (dataverse_url_origin(url, &origin) == 0 && dataverse_url_same_origin(&origin, &r->source->api.origin))
        return url;
    char shown[300];
    dataverse_url_for_message(url, shown, sizeof shown);
    dvs_fail(err, DVS_E_PROTOCOL, DVS_SCOPE_STREAM,
             "page %llu of %s says that the next page is at another host, %s: refused, for the access token "
             "would go there",
             (unsigned long long)r->page_number, r->select.table->set_name, shown);
    free(url);
    return NULL;
}

/* Once the whole body has come: looks for the nextLink in its last bytes, and asks for that page at once. It
 * is only believed for this: what counts is what the parser finds. */
static void request_ahead(dvs_reader *r)
{
    static const char pattern[] = "\"@odata.nextLink\":\"";
    dvs_error ignored = DVS_ERROR_INIT;
    if (r->tail_seen || !r->body_ended || r->row_limit != 0)
        return;
    r->tail_seen = 1;
    if (r->body.length == 0)
        return;
    const char *from = r->body.data + r->body.start;
    size_t length = r->body.length;
    if (length > TAIL_SEARCHED) {
        from += length - TAIL_SEARCHED;
        length = TAIL_SEARCHED;
    }
    const char *at = memmem(from, length, pattern, sizeof pattern - 1);
    if (at == NULL)
        return;
    at += sizeof pattern - 1;
    const char *end = memchr(at, '"', (size_t)(from + length - at));
    char *link =
        end == NULL || memchr(at, '\\', (size_t)(end - at)) != NULL ? NULL : strndup(at, (size_t)(end - at));
    if (link == NULL)
        return;
    char *url = next_url(r, link, &ignored);
    free(link);
    if (url != NULL && !dataverse_links_has(&r->links, url) && strcmp(url, r->url) != 0 &&
        open_page(r, &r->ahead, url, r->page_number + 1, 1, &ignored) == DVS_OK)
        r->ahead_url = url;
    else
        free(url);
}

/* ---- bytes ---- */

static size_t body_limit(const dvs_reader *r)
{
    unsigned readers = atomic_load(&r->source->readers);
    size_t share = READ_AHEAD / (readers == 0 ? 1 : readers);
    return share < READ_AHEAD_MIN ? READ_AHEAD_MIN : share;
}

/* What the error means for the read as a whole. */
static int32_t page_failed(dvs_reader *r, int32_t status, int outcome, dvs_error *err)
{
    int first_of_resumed = r->resumed && r->pages_done == 0;
    if (outcome == DATAVERSE_NO_PROPERTY && !first_of_resumed) {
        const struct dataverse_table *table;
        dvs_error ignored = DVS_ERROR_INIT;
        /* start() will plan with what is there now */
        if (dataverse_metadata_table(r->source->metadata, r->select.table->set_name, 1, &table, &ignored) ==
            DVS_OK) {
            err->status = DVS_E_CHANGED;
            return DVS_E_CHANGED;
        }
        return status;
    }
    if (first_of_resumed &&
        (outcome == DATAVERSE_NO_RESUME || outcome == DATAVERSE_NO_PROPERTY ||
         (outcome == DATAVERSE_FAIL && (err->status == DVS_E_NOT_FOUND || err->status == DVS_E_PROTOCOL)))) {
        dataverse_metadata_forget(r->source->metadata, r->select.table->set_name);
        err->status = DVS_E_RESUME;
        return DVS_E_RESUME;
    }
    return status;
}

/* The moment at which this read began, by the service's clock. Taken from the first answer that brings
 * records: what an attempt that failed says of the time may be a gateway's. One second, for the Date is in
 * whole ones. */
static void note_time(dvs_reader *r)
{
    int64_t date = dataverse_transfer_answer(r->current.transfer)->date;
    if (r->watermark == INT64_MIN && r->pages_done == 0 && !r->resumed && date != INT64_MIN)
        r->watermark = date - (monotonic_micros() - r->asked_at) - 1000000;
}

/* The service does not take the filter (not every column can stand in one): everything is read, and the host decides. */
static int32_t without_filter(dvs_reader *r, dvs_error *err)
{
    char line[700];
    snprintf(line, sizeof line, "%s is read without a filter, as the service refused it: %.400s",
             r->select.table->set_name, err->message);
    r->source->host->log(r->source->host, DVS_LOG_WARN, line);
    free(r->select.filter);
    r->select.filter = NULL;
    dataverse_pull_close(&r->current);
    free(r->url);
    r->url = dataverse_select_url(r->source->api.base, &r->select, INT64_MIN);
    if (r->url == NULL || dataverse_links_add(&r->links, r->url) != 0)
        return no_memory(err);
    page_again(r);
    return open_page(r, &r->current, r->url, r->page_number, 0, err);
}

static int is_filter_refused(const dvs_reader *r, int32_t status, int outcome)
{
    return r->select.filter != NULL && !r->resumed && r->pages_done == 0 && r->rows == 0 && outcome == DATAVERSE_FAIL &&
           (status == DVS_E_PROTOCOL || status == DVS_E_UNSUPPORTED);
}

/* More bytes of the page. DVS_OK also when the page begins anew. */
static int32_t receive(dvs_reader *r, dvs_error *err)
{
    int outcome = DATAVERSE_FAIL;
    int32_t status = dataverse_pull_read(&r->current, &r->body, body_limit(r), &outcome, err);
    if (status == DATAVERSE_PAGE_AGAIN) {
        page_again(r);
        return DVS_OK;
    }
    if (status == DVS_OK || status == DVS_END) {
        note_time(r);
        r->body_ended = status == DVS_END;
        request_ahead(r);
        return DVS_OK;
    }
    return is_filter_refused(r, status, outcome) ? without_filter(r, err) : page_failed(r, status, outcome, err);
}

static int32_t unreadable(dvs_reader *r, const char *problem, dvs_error *err)
{
    drop_ahead(r); /* it would hold its place among the requests under way while we wait */
    int32_t status = dataverse_pull_unreadable(&r->current, problem, err);
    if (status != DATAVERSE_PAGE_AGAIN)
        return status;
    page_again(r);
    return DVS_OK;
}

/* ---- records ---- */

/* After a bundle could not be passed on, or not as a whole. */
static int wide_stopped(dvs_reader *r, int32_t *status, dvs_error *err)
{
    if (*status != DVS_OK)
        *status = page_failed(r, *status, dataverse_wide_outcome(r->wide), err);
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
    begin_body(r);
    if (r->ahead_url != NULL && strcmp(r->ahead_url, url) == 0) {
        r->current = r->ahead;
        memset(&r->ahead, 0, sizeof r->ahead);
        free(r->ahead_url);
        r->ahead_url = NULL;
        return status;
    }
    drop_ahead(r);
    return status == DVS_OK ? open_page(r, &r->current, url, r->page_number, 0, err) : status;
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
        return unreadable(r, problem, err);
    }
    if (!dataverse_page_has_value(r->page))
        return unreadable(r, "the answer has no list of records (\"value\")", err);
    if (r->wide != NULL) {
        int32_t status = DVS_OK;
        if (dataverse_wide_flush(r->wide, out, &status, err) && wide_stopped(r, &status, err))
            return status;
    }
    if (link == NULL) {
        r->ended = 1;
        return put_end(r, out, err);
    }
    char *url = next_url(r, link, err);
    if (url == NULL)
        return err->status;
    if (dataverse_links_has(&r->links, url)) {
        free(url);
        return unreadable(r, "the link to the next page leads back to a page that was read already", err);
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
    if (!r->body_ended) {
        dataverse_pull_fill(&r->current, &r->body, body_limit(r));
        if (dataverse_pull_complete(&r->current)) {
            r->body_ended = 1;
            request_ahead(r);
        }
    }
    for (;;) {
        int answer = r->page_ended ? DATAVERSE_PAGE_END
                                   : dataverse_page_next(r->page, &r->body, r->body_ended, &record);
        switch (answer) {
        case DATAVERSE_PAGE_RECORD:
            if (pass(r, &record, out, &status, err))
                return status;
            break;
        case DATAVERSE_PAGE_MORE:
            status = receive(r, err);
            break;
        case DATAVERSE_PAGE_END:
            r->page_ended = 1;
            if (!only_white_space(&r->body)) {
                status = unreadable(r, "something follows the end of the page", err);
            } else if (!r->body_ended) {
                dataverse_buffer_clear(&r->body);
                status = receive(r, err);
            } else {
                return finish_page(r, out, err);
            }
            break;
        case DATAVERSE_PAGE_BAD:
            status = unreadable(r, dataverse_page_problem(r->page), err);
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
    drop_ahead(r);
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
    r->asked_at = monotonic_micros();
    if (status == DVS_OK)
        status = open_page(r, &r->current, r->url, r->page_number, 0, err);
    if (status != DVS_OK)
        dataverse_reader_stop(r);
    else
        *reader = r;
    return status;
}
