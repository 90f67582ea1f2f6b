/* test_reader.c - one read: values, pages, attempts that fail, positions, ends. */
#include <time.h>

#include "reader_world.h"

static const char *const two[] = {"accountid", "name"};
#define REPLIES(...)                                                                                         \
    const struct fake_reply replies[] = {__VA_ARGS__};                                                       \
    struct world w;                                                                                          \
    (void)state;                                                                                             \
    open_world(&w, replies, sizeof replies / sizeof *replies)
#define END "end kind 1 complete 1: dataverse cursor 1\n2026-11-21T14:58:5"

static void begin(struct world *w)
{
    assert_int_equal(start_read(w, two, 2, (dvs_read){0}), DVS_OK);
}

/* ---- values ---- */

static void every_type(void **state)
{
    REPLIES(PAGE(
        "{\"value\":[{" KEY "01\",\"name\":\"a\\u00e4\\n\",\"n\":-9223372036854775808,\"revenue\":20000.0000,"
        "\"score\":1.5e3,\"flag\":true,\"born\":\"2024-03-15\","
        "\"modifiedon\":\"1970-01-01T00:00:01Z\",\"_cur_value\":\"" GUID "FF\",\"hidden\":\"h\"}]}"));
    assert_int_equal(start_read(&w, all_names, N_ALL - 1, (dvs_read){0}), DVS_OK);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(
        count_said(&w, "row ..01 a\xc3\xa4\n -9223372036854775808 20000.0000 1500 1 19797 1000000 ..ff "
                       "h\n"),
        1);
    close_world(&w);
}

/* What the service may also send: numbers as text, a time in a DateOnly column, upper case and braces around
 * GUIDs. */
static void other_spellings(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "AB\",\"n\":\"12\",\"revenue\":\"1.50\",\"score\":\"2\",\"flag\":false,"
                 "\"born\":\"1969-12-31T00:00:00Z\",\"_cur_value\":\"{" GUID "01}\"}]}"));
    static const char *const names[] = {"accountid", "n", "revenue", "score", "flag", "born", "_cur_value"};
    assert_int_equal(start_read(&w, names, 7, (dvs_read){0}), DVS_OK);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row ..ab 12 1.50 2 0 -1 ..01\n"), 1);
    close_world(&w);
}

static void null_missing_and_hidden(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\",\"name\":null,\"hidden\":null},{" KEY "02\"},"
                 "{" KEY "03\",\"name\":\"a\",\"name\":\"b\",\"hidden\":\"\"}]}"));
    static const char *const names[] = {"accountid", "name", "hidden", "gone"};
    assert_int_equal(start_read(&w, names, 4, (dvs_read){0}), DVS_OK);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row ..01 null - -\nrow ..02 - - -\nrow ..03 b  -\n"), 1);
    close_world(&w);
}

static void wrong_types_are_row_errors(void **state)
{
    static const char *const names[] = {"accountid", "name", "n", "born", "flag"};
    static const char *const values[][2] = {
        {"\"name\":7", "name 7"},
        {"\"name\":{\"a\":1}", "name {\"a\":1}"},
        {"\"name\":\"\\u0000\"", "name the value holds the character U+0000"},
        {"\"name\":\"\\ud800\"", "name the value holds half a surrogate pair"},
        {"\"n\":1.5", "n 1.5"},
        {"\"n\":9223372036854775808", "n 9223372036854775808"},
        {"\"n\":\"x\"", "n \"x\""},
        {"\"born\":\"2024-03-15T01:00:00Z\"", "born \"2024-03-15T01:00:00Z\""},
        {"\"born\":\"2024-02-30\"", "born \"2024-02-30\""},
        {"\"flag\":1", "flag 1"},
        {"\"flag\":\"true\"", "flag \"true\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char page[300];
        char record[200];
        struct world w;
        snprintf(record, sizeof record, "{" KEY "01\",%s}", values[i][0]);
        snprintf(page, sizeof page, "{\"value\":[%s,{" KEY "02\"}]}", record);
        const struct fake_reply reply = {.head = OK_HEAD, .body = page};
        open_world(&w, &reply, 1);
        assert_int_equal(start_read(&w, names, 5, (dvs_read){0}), DVS_OK);
        assert_int_equal(pull_all(&w), DVS_END);
        char field[40];
        snprintf(field, sizeof field, "error 01 %.*s:", (int)strcspn(values[i][1], " "), values[i][1]);
        assert_int_equal(count_said(&w, field), 1);
        assert_int_equal(count_said(&w, values[i][1] + strcspn(values[i][1], " ") + 1) > 0, 1);
        assert_int_equal(count_said(&w, record), 1);
        assert_int_equal(count_said(&w, ": ..01 -"), 1);
        assert_int_equal(count_said(&w, "row ..02"), 1);
        close_world(&w);
    }
}

/* Without a key the host gets what there is, and says so itself; a key that is none is an error without a
 * key. */
static void no_key(void **state)
{
    REPLIES(
        PAGE("{\"value\":[{\"name\":\"a\"},{\"accountid\":\"x\",\"name\":\"b\"},{\"accountid\":null},{" KEY
             "04\"}]}"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row - a\nerror ? accountid: \"x\" is not what the column is"), 1);
    assert_int_equal(
        count_said(&w, ": - b of {\"accountid\":\"x\",\"name\":\"b\"}\nrow null -\nrow ..04 -\n"), 1);
    close_world(&w);
}

static void ten_megabytes(void **state)
{
    size_t n = (size_t)10 << 20;
    char *page = malloc(n + 200);
    assert_non_null(page);
    int head = snprintf(page, 200, "{\"value\":[{" KEY "01\",\"name\":\"");
    memset(page + head, 'x', n);
    strcpy(page + (size_t)head + n, "\"}]}");
    REPLIES({.head = OK_HEAD, .body = page, .piece = 300000});
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row ..01 10485760 bytes\n"), 1);
    close_world(&w);
    free(page);
}

/* ---- pages ---- */

static void three_pages(void **state)
{
    REPLIES(PAGE("{\"@odata.context\":\"x\",\"value\":[{" KEY "01\"},{" KEY "02\"}]," NEXT "2\"}"),
            PAGE("{" NEXT "3\",\"value\":[{" KEY "03\"}]}  \r\n\t"),
            PAGE("{\"value\":[],\"more\":{\"a\":[1]}}\n"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(strncmp(w.said, "row ..01 -\nrow ..02 -\nposition\nrow ..03 -\nposition\n" END,
                             strlen("row ..01 -\nrow ..02 -\nposition\nrow ..03 -\nposition\n" END)),
                     0);
    assert_int_equal(fake_server_requests(w.server), 3);
    assert_asked(&w, 0, "GET /api/data/v9.2/accounts?$select=accountid,name&$orderby=accountid ");
    assert_asked(&w, 2, "GET /api/data/v9.2/accounts?next=3 ");
    for (size_t i = 0; i < 3; i++)
        assert_asked(&w, i, "odata.maxpagesize=500");
    assert_int_equal(pull(&w), DVS_END);
    close_world(&w);
}

static void a_host_that_takes_one_row_at_a_time(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\"},{" KEY "02\"}]," NEXT "2\"}"), PAGE("{\"value\":[]," NEXT "3\"}"),
            PAGE("{\"value\":[{" KEY "03\"}]}"));
    w.full_after = 1;
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row"), 3);
    assert_int_equal(count_said(&w, "position"), 2);
    assert_int_equal(count_said(&w, END), 1);
    close_world(&w);
}

/* The next page is asked for while the host still takes rows of this one. */
static void the_next_page_is_requested_ahead(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\"},{" KEY "02\"},{" KEY "03\"}]," NEXT "2\"}"),
            PAGE("{\"value\":[{" KEY "04\"}]}"));
    struct timespec nap = {0, 20000000};
    w.full_after = 1;
    begin(&w);
    assert_int_equal(pull(&w), DVS_OK);
    for (int i = 0; i < 100 && fake_server_requests(w.server) < 2; i++)
        nanosleep(&nap, NULL);
    assert_int_equal(fake_server_requests(w.server), 2);
    assert_said(&w, "row ..01 -\n");
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row"), 4);
    assert_int_equal(fake_server_requests(w.server), 2);
    close_world(&w);
}

/* Not when the host will stop: nobody would read it. */
static void a_limited_read(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\"},{" KEY "02\"}]," NEXT "2\"}"),
            PAGE("{\"value\":[{" KEY "03\"}]}"));
    w.full_after = 2;
    assert_int_equal(start_read(&w, two, 2, (dvs_read){.row_limit = 2}), DVS_OK);
    assert_int_equal(pull(&w), DVS_OK);
    assert_said(&w, "row ..01 -\nrow ..02 -\n");
    assert_int_equal(fake_server_requests(w.server), 1);
    assert_asked(&w, 0, "odata.maxpagesize=2\r");
    assert_int_equal(count_said(&w, "end"), 0);
    close_world(&w);
}

/* Each pull puts something, or the host would take us for a source that hangs. */
static void a_run_of_empty_pages(void **state)
{
    enum { N = 200 };
    static char bodies[N][120];
    struct fake_reply replies[N] = {{0}};
    struct world w;
    (void)state;
    for (int i = 0; i < N; i++) {
        snprintf(bodies[i], sizeof bodies[i], i + 1 < N ? "{\"value\":[]," NEXT "%d\"}" : "{\"value\":[]}",
                 i + 2);
        replies[i] = (struct fake_reply){.head = OK_HEAD, .body = bodies[i]};
    }
    open_world(&w, replies, N);
    begin(&w);
    for (int i = 0; i + 1 < N; i++) {
        assert_int_equal(pull(&w), DVS_OK);
        assert_int_equal(w.n_put, 1);
    }
    assert_int_equal(pull(&w), DVS_END);
    close_world(&w);
}

/* ---- attempts that fail ---- */

static void a_page_that_breaks_off(void **state)
{
    REPLIES({.head = OK_HEAD,
             .body = "{\"value\":[{" KEY "01\"},{" KEY "02\"},{\"acc",
             .claim = 500,
             .end = FAKE_CLOSE},
            PAGE("{\"value\":[{" KEY "01\"},{" KEY "02\"},{" KEY "03\"}]}garbage"),
            PAGE("{\"value\":[{" KEY "01\"},{" KEY "03\"},{" KEY "04\"}]}"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row ..01 -\nrow ..02 -\nrow ..03 -\nrow ..04 -\nend"), 1);
    close_world(&w);
}

/* A bad end is seen when the page behind was asked for already: it is dropped, and asked for again. */
static void a_bad_end_after_the_next_page_was_requested(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\"}]," NEXT "2\"} {}"), PAGE("{\"value\":[{" KEY "09\"}]}"),
            PAGE("{\"value\":[{" KEY "01\"}]," NEXT "2\"}"), PAGE("{\"value\":[{" KEY "02\"}]}"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, "row ..01 -\nposition\nrow ..0"), 1);
    close_world(&w);
}

static void a_link_in_a_circle(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\"}]," NEXT "2\"}"), PAGE("{\"value\":[{" KEY "02\"}]," NEXT "2\"}"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_E_PROTOCOL);
    assert_non_null(strstr(w.err.message, "leads back"));
    assert_int_equal(count_said(&w, "row"), 2);
    close_world(&w);
}

static void a_link_elsewhere(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\"}],\"@odata.nextLink\":\"http://127.0.0.1:9/x?sig=1\"}"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_E_PROTOCOL);
    assert_non_null(strstr(w.err.message, "another host, http://127.0.0.1:9/x"));
    assert_null(strstr(w.err.message, "sig"));
    close_world(&w);
}

static void a_column_that_is_no_more(void **state)
{
    REPLIES(PAGE("{\"value\":[{" KEY "01\"}]," NEXT "2\"}"),
            STATUS("400 Bad Request",
                   "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Could not find a property named "
                   "'name' on type 'x'.\"}}"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_E_CHANGED);
    assert_int_equal(w.err.status, DVS_E_CHANGED);
    assert_int_equal(refreshed, 1);
    close_world(&w);
}

static void interrupted(void **state)
{
    REPLIES({.head = NULL, .end = FAKE_HANG});
    begin(&w);
    dataverse_reader_interrupt(w.reader);
    assert_int_equal(pull_all(&w), DVS_E_CANCELLED);
    close_world(&w);
}

/* ---- positions ---- */

/* Reads the first of two pages, and leaves the position behind it in w->position. */
static void read_one_page(struct world *w)
{
    w->full_after = 1;
    begin(w);
    assert_int_equal(pull(w), DVS_OK);
    assert_int_equal(pull(w), DVS_OK);
    assert_true(w->position_length > 0);
}

static int32_t resume(struct world *w)
{
    return start_read(w, two, 2,
                      (dvs_read){.resume = 1, .token = w->position, .token_length = w->position_length});
}

#define FIRST PAGE("{\"value\":[{" KEY "01\"}]," NEXT "2\"}")

static void a_resumed_read(void **state)
{
    REPLIES(FIRST, {.head = "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 15:00:00 GMT\r\n",
                    .body = "{\"value\":[{" KEY "02\"}]}"});
    read_one_page(&w);
    w.source.settings.page_size = 17;
    assert_int_equal(resume(&w), DVS_OK);
    assert_int_equal(pull_all(&w), DVS_END);
    size_t last = fake_server_requests(w.server) - 1;
    assert_asked(&w, last, "/api/data/v9.2/accounts?next=2 ");
    assert_asked(&w, last, "odata.maxpagesize=500"); /* as the read began */
    /* The time at which the read began, not that at which it went on. */
    assert_int_equal(count_said(&w, "row ..02 -\n" END), 1);
    close_world(&w);
}

static void a_position_that_is_refused(void **state)
{
    static const char *const answers[][2] = {
        {"400 Bad Request", "{\"error\":{\"code\":\"0x80044352\",\"message\":\"expired\"}}"},
        {"400 Bad Request", "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Malformed paging cookie\"}}"},
        {"400 Bad Request",
         "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Could not find a property named 'a'\"}}"},
        {"404 Not Found", "<html>"},
        {"404 Not Found",
         "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Resource not found for the segment 'x'\"}}"},
        {"410 Gone", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char head[100];
        struct world w;
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\n", answers[i][0]);
        const struct fake_reply replies[] = {FIRST, {.head = head, .body = answers[i][1]}};
        open_world(&w, replies, 2);
        read_one_page(&w);
        w.full_after = 0;
        assert_int_equal(resume(&w), DVS_OK);
        assert_int_equal(pull_all(&w), DVS_E_RESUME);
        assert_int_equal(w.err.status, DVS_E_RESUME);
        assert_true(w.err.message[0] != '\0');
        close_world(&w);
    }
}

/* Somebody who may not read the table must be told so, and not be sent to the start. */
static void a_position_without_rights(void **state)
{
    REPLIES(FIRST, STATUS("403 Forbidden", ""));
    read_one_page(&w);
    assert_int_equal(resume(&w), DVS_OK);
    assert_int_equal(pull_all(&w), DVS_E_PERMISSION);
    close_world(&w);
}

static void a_position_of_other_columns(void **state)
{
    static const char *const other[] = {"accountid", "name", "n"};
    REPLIES(FIRST);
    read_one_page(&w);
    assert_int_equal(
        start_read(&w, other, 3,
                   (dvs_read){.resume = 1, .token = w.position, .token_length = w.position_length}),
        DVS_E_RESUME);
    assert_non_null(strstr(w.err.message, "columns"));
    close_world(&w);
}

static void a_position_of_another_host(void **state)
{
    char other[2000];
    REPLIES(FIRST);
    read_one_page(&w);
    const char *link = memmem(w.position, w.position_length, "http://", 7);
    assert_non_null(link);
    int n = snprintf(other, sizeof other, "%.*shttp://127.0.0.1:9/api/data/v9.2/accounts",
                     (int)(link - (char *)w.position), (char *)w.position);
    assert_int_equal(
        start_read(&w, two, 2,
                   (dvs_read){.resume = 1, .token = (uint8_t *)other, .token_length = (uint64_t)n}),
        DVS_E_RESUME);
    assert_int_equal(
        start_read(&w, two, 2, (dvs_read){.resume = 1, .token = (uint8_t *)other, .token_length = 5}),
        DVS_E_RESUME);
    close_world(&w);
}

/* ---- cursors ---- */

/* What counts is the time of the answer that brought the records, less all the time since the read began; the
 * time of a gateway that refused the first attempt is none of the service's. */
static void the_time_of_a_first_page_that_was_repeated(void **state)
{
    REPLIES(STATUS("503 Unavailable", ""), PAGE("{\"value\":[]}"));
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_int_equal(count_said(&w, END), 1);
    close_world(&w);
}

static void without_a_date_there_is_no_cursor(void **state)
{
    REPLIES({.head = "HTTP/1.1 200 OK\r\n", .body = "{\"value\":[]}"});
    begin(&w);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_said(&w, "end kind 0 complete 1: \n");
    close_world(&w);
}

static void a_cursor_read(void **state)
{
    static const char cursor[] = "dataverse cursor 1\n2024-02-29T12:00:00Z";
    REPLIES(PAGE("{\"value\":[{" KEY "01\"}]}"));
    dvs_read read = {
        .mode = DVS_READ_CURSOR, .token = (const uint8_t *)cursor, .token_length = sizeof cursor - 1};
    assert_int_equal(start_read(&w, two, 2, read), DVS_OK);
    assert_int_equal(pull_all(&w), DVS_END);
    assert_asked(&w, 0, "&$filter=modifiedon%20ge%202024-02-29T12:00:00Z&$orderby=accountid ");
    assert_int_equal(count_said(&w, "end kind 1 complete 0: dataverse cursor 1\n2026-11-21T14:58:5"), 1);
    read.token_length = 7;
    assert_int_equal(start_read(&w, two, 2, read), DVS_E_RESUME);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(other_spellings),
        cmocka_unit_test(null_missing_and_hidden),
        cmocka_unit_test(wrong_types_are_row_errors),
        cmocka_unit_test(no_key),
        cmocka_unit_test(ten_megabytes),
        cmocka_unit_test(three_pages),
        cmocka_unit_test(a_host_that_takes_one_row_at_a_time),
        cmocka_unit_test(the_next_page_is_requested_ahead),
        cmocka_unit_test(a_limited_read),
        cmocka_unit_test(a_run_of_empty_pages),
        cmocka_unit_test(a_page_that_breaks_off),
        cmocka_unit_test(a_bad_end_after_the_next_page_was_requested),
        cmocka_unit_test(a_link_in_a_circle),
        cmocka_unit_test(a_link_elsewhere),
        cmocka_unit_test(a_column_that_is_no_more),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(a_resumed_read),
        cmocka_unit_test(a_position_that_is_refused),
        cmocka_unit_test(a_position_without_rights),
        cmocka_unit_test(a_position_of_other_columns),
        cmocka_unit_test(a_position_of_another_host),
        cmocka_unit_test(the_time_of_a_first_page_that_was_repeated),
        cmocka_unit_test(without_a_date_there_is_no_cursor),
        cmocka_unit_test(a_cursor_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
