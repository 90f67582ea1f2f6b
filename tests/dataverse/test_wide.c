/* test_wide.c - records in several parts: joining, hosts that take little at a time, what goes wrong between
 * the parts. */
#include "reader_world.h"

#define PART "$select=accountid,n,revenue"

static const char *const wanted[] = {"accountid", "nickname", "n", "revenue", "@record"};
static struct dataverse_column few[] = {
    COLUMN("accountid", GUID),
    COLUMN("nickname", TEXT),
    COLUMN("n", INT),
    COLUMN("revenue", DECIMAL),
};

/* As in the world, but of four columns in two parts. */
struct cut {
    struct world w;
    struct dataverse_select select;
    struct dataverse_wide *wide;
    struct dataverse_page *page;
    int32_t status;
};

static void open_cut(struct cut *c, const struct fake_reply *replies, size_t n)
{
    memset(c, 0, sizeof *c);
    the_table.columns = few;
    the_table.n_columns = 4;
    open_world(&c->w, replies, n);
    assert_int_equal(dataverse_select_make(&the_table, wanted, 5, 19, &c->select), 0);
    assert_int_equal(c->select.n_parts, 2);
    assert_int_equal(dataverse_wide_new(&c->w.source, &c->select, NULL, &c->wide, &c->w.err), DVS_OK);
    c->page = dataverse_page_new(c->select.parts[0].names, c->select.parts[0].n_names, 1000);
    assert_non_null(c->page);
}

static void close_cut(struct cut *c)
{
    dataverse_page_free(c->page);
    dataverse_wide_free(c->wide);
    dataverse_select_free(&c->select);
    close_world(&c->w);
}

/* Adds a record as the reader does: as often as the host was full, the rest goes first. */
static int add(struct cut *c, const char *json)
{
    struct dataverse_buffer body = {0};
    struct dataverse_record record;
    uint8_t key[16];
    char text[300];
    snprintf(text, sizeof text, "{\"value\":[%s]}", json);
    assert_int_equal(dataverse_buffer_add(&body, text, strlen(text)), 0);
    dataverse_page_start(c->page);
    assert_int_equal(dataverse_page_next(c->page, &body, 1, &record), DATAVERSE_PAGE_RECORD);
    int has_key = dataverse_row_key(&record.values[0], key) == 0;
    int done = dataverse_wide_add(c->wide, has_key ? key : NULL, &record, 1, NULL, &c->status, &c->w.err);
    dataverse_buffer_free(&body);
    return done;
}

static int rest(struct cut *c, int (*go)(struct dataverse_wide *, dvs_out *, int32_t *, dvs_error *))
{
    c->w.rows = c->w.n_put = c->w.is_full = 0;
    int done = go(c->wide, NULL, &c->status, &c->w.err);
    assert_false(c->w.broken);
    return done;
}

static int flush(struct cut *c)
{
    int n = 0;
    while (rest(c, dataverse_wide_flush)) {
        if (c->status != DVS_OK)
            return -1;
        n++;
    }
    return n;
}

#define CUT(...)                                                                                             \
    const struct fake_reply replies[] = {__VA_ARGS__};                                                       \
    struct cut c;                                                                                            \
    (void)state;                                                                                             \
    open_cut(&c, replies, sizeof replies / sizeof *replies)

static void two_parts_are_one_record(void **state)
{
    CUT(PAGE("{\"value\":[{\"@odata.etag\":\"W/2\"," KEY "02\",\"n\":2,\"revenue\":2.00},{" KEY
             "01\",\"n\":1,"
             "\"revenue\":null}]}"));
    assert_int_equal(add(&c, "{\"@odata.etag\":\"W/1\"," KEY "01\",\"nickname\":\"a\"}"), 0);
    assert_int_equal(add(&c, "{" KEY "02\",\"nickname\":null}"), 0);
    assert_int_equal(flush(&c), 0);
    assert_said(&c.w, "row ..01 a 1 null {\"@odata.etag\":\"W/1\"," KEY
                      "01\",\"nickname\":\"a\",\"n\":1,\"revenue\":null}\n"
                      "row ..02 null 2 2.00 {" KEY "02\",\"nickname\":null,\"n\":2,\"revenue\":2.00}\n");
    assert_asked(&c.w, 0, PART "&$filter=accountid%20eq%20" GUID "01%20or%20accountid%20eq%20" GUID "02 ");
    close_cut(&c);
}

/* The service adds the currency of money without being asked: it is not twice in the record. */
static void a_member_that_came_with_the_first_part(void **state)
{
    CUT(PAGE("{\"value\":[{" KEY "01\",\"n\":1,\"revenue\":2.00,\"nickname\":\"unasked\"}]}"));
    assert_int_equal(add(&c, "{" KEY "01\",\"nickname\":\"a\",\"revenue\":2.00,\"other\":[{}]}"), 0);
    assert_int_equal(flush(&c), 0);
    assert_said(&c.w, "row ..01 a 1 2.00 {" KEY
                      "01\",\"nickname\":\"a\",\"revenue\":2.00,\"other\":[{}],\"n\":1}\n");
    close_cut(&c);
}

static void a_host_that_takes_one_row_at_a_time(void **state)
{
    CUT(PAGE("{\"value\":[{" KEY "01\",\"n\":1},{" KEY "02\",\"n\":2},{" KEY "03\",\"n\":3}]}"));
    c.w.full_after = 1;
    for (int i = 1; i <= 3; i++) {
        char json[100];
        snprintf(json, sizeof json, "{" KEY "%02d\"}", i);
        assert_int_equal(add(&c, json), 0);
    }
    assert_int_equal(rest(&c, dataverse_wide_rest), 0); /* nothing has been joined */
    assert_int_equal(rest(&c, dataverse_wide_flush), 1);
    assert_int_equal(rest(&c, dataverse_wide_rest), 1);
    assert_int_equal(rest(&c, dataverse_wide_rest), 1);
    assert_int_equal(count_said(&c.w, "row"), 3);
    assert_int_equal(rest(&c, dataverse_wide_rest), 0);
    assert_int_equal(rest(&c, dataverse_wide_flush), 0);
    assert_int_equal(count_said(&c.w, "row"), 3);
    assert_int_equal(fake_server_requests(c.w.server), 1);
    assert_int_equal(add(&c, "{" KEY "01\"}"), 0);
    assert_int_equal(rest(&c, dataverse_wide_flush), 1);
    assert_int_equal(fake_server_requests(c.w.server), 2);
    close_cut(&c);
}

static void a_record_that_is_gone(void **state)
{
    CUT(PAGE("{\"value\":[{" KEY "02\",\"n\":2}]}"));
    assert_int_equal(add(&c, "{" KEY "01\"}"), 0);
    assert_int_equal(add(&c, "{" KEY "02\"}"), 0);
    assert_int_equal(flush(&c), 0);
    assert_int_equal(count_said(&c.w, "row"), 1);
    assert_int_equal(count_said(&c.w, "row ..02 - 2"), 1);
    close_cut(&c);
}

static void records_without_a_key_and_twice(void **state)
{
    CUT(PAGE("{\"value\":[{" KEY "02\",\"n\":2}]}"));
    assert_int_equal(add(&c, "{\"nickname\":\"a\"}"), 0);
    assert_int_equal(add(&c, "{\"accountid\":\"?\"}"), 0);
    assert_int_equal(add(&c, "{" KEY "02\"}"), 0);
    assert_int_equal(add(&c, "{" KEY "02\",\"nickname\":\"b\"}"), 0);
    assert_int_equal(flush(&c), 0);
    assert_int_equal(count_said(&c.w, "row - a - - {\"nickname\":\"a\"}\nerror ? accountid:"), 1);
    assert_int_equal(count_said(&c.w, "row ..02 - 2"), 1);
    assert_int_equal(count_said(&c.w, "row ..02 b 2"), 1);
    close_cut(&c);
}

/* More than a bundle holds: it is passed on by itself. */
static void more_than_a_bundle(void **state)
{
    CUT(PAGE("{\"value\":[]}"));
    int i;
    char json[100];
    for (i = 0; i < 300 && fake_server_requests(c.w.server) == 0; i++) {
        snprintf(json, sizeof json, "{" KEY "%02x\"}", (unsigned)i % 256);
        assert_int_equal(add(&c, json), 0);
    }
    assert_true(i > DATAVERSE_WIDE_PAGE && i < 300);
    close_cut(&c);
}

static void a_column_of_the_other_part_is_gone(void **state)
{
    CUT(STATUS("400 Bad Request",
               "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Could not find a property named 'n'.\"}}"));
    assert_int_equal(add(&c, "{" KEY "01\"}"), 0);
    assert_int_equal(flush(&c), -1);
    assert_int_equal(c.status, DVS_E_SCHEMA);
    assert_int_equal(dataverse_wide_outcome(c.wide), DATAVERSE_NO_PROPERTY);
    close_cut(&c);
}

static void pages_by_key_that_do_not_end(void **state)
{
    CUT(PAGE("{\"value\":[{" KEY "01\",\"n\":1}]," NEXT "1\"}"));
    assert_int_equal(add(&c, "{" KEY "01\"}"), 0);
    assert_int_equal(flush(&c), -1);
    assert_int_equal(c.status, DVS_E_PROTOCOL);
    assert_non_null(strstr(c.w.err.message, "do not end"));
    close_cut(&c);
}

static void a_page_by_key_that_leads_elsewhere(void **state)
{
    CUT(PAGE("{\"value\":[],\"@odata.nextLink\":\"http://127.0.0.1:9/x\"}"));
    assert_int_equal(add(&c, "{" KEY "01\"}"), 0);
    assert_int_equal(flush(&c), -1);
    assert_int_equal(c.status, DVS_E_PROTOCOL);
    assert_non_null(strstr(c.w.err.message, "http://127.0.0.1:9"));
    assert_int_equal(count_said(&c.w, "row"), 0);
    close_cut(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_parts_are_one_record),
        cmocka_unit_test(a_member_that_came_with_the_first_part),
        cmocka_unit_test(a_host_that_takes_one_row_at_a_time),
        cmocka_unit_test(a_record_that_is_gone),
        cmocka_unit_test(records_without_a_key_and_twice),
        cmocka_unit_test(more_than_a_bundle),
        cmocka_unit_test(a_column_of_the_other_part_is_gone),
        cmocka_unit_test(pages_by_key_that_do_not_end),
        cmocka_unit_test(a_page_by_key_that_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
