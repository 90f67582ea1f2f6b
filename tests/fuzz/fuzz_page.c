/*
 * fuzz_page.c - any bytes as a page of records: pieces make no difference, and Jansson sees the same.
 *
 * The first byte of an input says what stands around the rest: P nothing, R a page with one record, V a
 * record's value. The second byte is the size of the pieces.
 */
#include "../dataverse/page_jansson.h"
#include "fuzz.h"

static const char *const names[] = {"v", "name", "v@x.y", ""};
#define N_NAMES (sizeof names / sizeof names[0])

static void wrap(struct trace *out, uint8_t kind, const char *text, size_t n)
{
    const char *before = "", *behind = "";
    if (kind == 'R') {
        before = "{\"value\":[{";
        behind = "}]}";
    } else if (kind == 'V') {
        before = "{\"value\":[{\"name\":1,\"v\":";
        behind = ",\"v@x.y\":2},{\"name\":1,\"v\":null}]}";
    }
    trace_bytes(out, before, strlen(before));
    trace_bytes(out, text, n);
    trace_bytes(out, behind, strlen(behind));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace bytes = {0}, whole = {0}, pieces = {0};
    struct dataverse_page *page;
    size_t piece;
    int answer;
    if (size < 2)
        return 0;
    page = dataverse_page_new(names, N_NAMES, 1 << 20);
    CHECK(page != NULL);
    wrap(&bytes, data[0], (const char *)data + 2, size - 2);
    piece = data[1] % 64u + 1;
    answer = trace_page(&whole, page, N_NAMES, bytes.text, bytes.length, bytes.length, bytes.length);
    CHECK(answer == DATAVERSE_PAGE_END || answer == DATAVERSE_PAGE_BAD);
    CHECK(trace_page(&pieces, page, N_NAMES, bytes.text, bytes.length, piece, piece) == answer);
    CHECK(trace_same(&whole, &pieces));
    CHECK(trace_page(&pieces, page, N_NAMES, bytes.text, bytes.length, piece, bytes.length) == answer);
    CHECK(trace_same(&whole, &pieces));
    jansson_check(page, names, N_NAMES, bytes.text, bytes.length, answer, &whole);
    dataverse_page_free(page);
    trace_free(&bytes);
    trace_free(&whole);
    trace_free(&pieces);
    return 0;
}
