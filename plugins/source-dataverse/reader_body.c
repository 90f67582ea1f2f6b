/*
 * reader_body.c - see reader_body.h. The next page is requested as soon as the end of this one has been
 * received, while the rest is parsed.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dvsync/plugin_util.h>

#include "reader_body.h"

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

int32_t dataverse_body_open(dvs_reader *r, struct dataverse_pull *pull, const char *url, uint64_t number,
                            int ahead, dvs_error *err)
{
    char what[320];
    char prefer[64];
    if (r->asked_at == 0)
        r->asked_at = monotonic_micros();
    snprintf(what, sizeof what, "page %llu of %.200s", (unsigned long long)number, r->select.table->set_name);
    snprintf(prefer, sizeof prefer, "odata.maxpagesize=%u", r->page_size);
    return dataverse_pull_open(pull, &r->source->api, url, prefer, what, &r->interrupted, ahead, err);
}

void dataverse_body_begin(dvs_reader *r)
{
    dataverse_buffer_clear(&r->body);
    dataverse_page_start(r->page);
    r->body_ended = 0;
    r->page_ended = 0;
    r->tail_seen = 0;
}

void dataverse_body_drop_ahead(dvs_reader *r)
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
    dataverse_body_drop_ahead(r);
    dataverse_body_begin(r);
    dataverse_keys_sort(&r->passed);
}

/* ---- the address of the next page ---- */

/* Resolves a link of the page; NULL with *err when it leads elsewhere. */
char *dataverse_body_next_url(dvs_reader *r, const char *link, dvs_error *err)
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
    char *url = dataverse_body_next_url(r, link, &ignored);
    free(link);
    if (url != NULL && !dataverse_links_has(&r->links, url) && strcmp(url, r->url) != 0 &&
        dataverse_body_open(r, &r->ahead, url, r->page_number + 1, 1, &ignored) == DVS_OK)
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
int32_t dataverse_body_failed(dvs_reader *r, int32_t status, int outcome, dvs_error *err)
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

/* The service does not take the filter (not every column can stand in one): everything is read, and the host
 * decides. */
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
    return dataverse_body_open(r, &r->current, r->url, r->page_number, 0, err);
}

static int is_filter_refused(const dvs_reader *r, int32_t status, int outcome)
{
    return r->select.filter != NULL && !r->resumed && r->pages_done == 0 && r->rows == 0 &&
           outcome == DATAVERSE_FAIL && (status == DVS_E_PROTOCOL || status == DVS_E_UNSUPPORTED);
}

/* More bytes of the page. DVS_OK also when the page begins anew. */
int32_t dataverse_body_receive(dvs_reader *r, dvs_error *err)
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
    return is_filter_refused(r, status, outcome) ? without_filter(r, err)
                                                 : dataverse_body_failed(r, status, outcome, err);
}

void dataverse_body_fill(dvs_reader *r)
{
    if (r->body_ended)
        return;
    dataverse_pull_fill(&r->current, &r->body, body_limit(r));
    if (dataverse_pull_complete(&r->current)) {
        r->body_ended = 1;
        request_ahead(r);
    }
}

int32_t dataverse_body_unreadable(dvs_reader *r, const char *problem, dvs_error *err)
{
    dataverse_body_drop_ahead(r); /* it would hold its place among the requests under way while we wait */
    int32_t status = dataverse_pull_unreadable(&r->current, problem, err);
    if (status != DATAVERSE_PAGE_AGAIN)
        return status;
    page_again(r);
    return DVS_OK;
}
