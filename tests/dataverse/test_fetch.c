/* test_fetch.c - records by key. */
#include "reader_world.h"

static const char *const two[] = {"accountid", "name"};

static dvs_cell key_cell(uint8_t *guid, unsigned number)
{
    memset(guid, 0, 16);
    guid[14] = (uint8_t)(number >> 8);
    guid[15] = (uint8_t)number;
    return (dvs_cell){.kind = DVS_UUID, .length = 16, .v.bytes = guid};
}

static int32_t fetch(struct world *w, const dvs_cell *keys, uint32_t n)
{
    const dvs_fetch request = {.struct_size = sizeof request,
                               .n_columns = 2,
                               .stream = "accounts",
                               .columns = two,
                               .keys = keys,
                               .n_keys = n,
                               .n_key = 1};
    return dataverse_fetch(&w->source, &request, NULL, &w->err);
}

static void existing_and_missing(void **state)
{
    const struct fake_reply reply =
        PAGE("{\"value\":[{" KEY "02\",\"name\":\"b\"},{" KEY "01\",\"name\":7}]}");
    uint8_t guids[3][16];
    struct world w;
    (void)state;
    open_world(&w, &reply, 1);
    dvs_cell keys[] = {
        key_cell(guids[0], 1), key_cell(guids[1], 2), key_cell(guids[2], 3), {.kind = DVS_TEXT}};
    keys[3].v.text = "no key of this system";
    keys[3].length = 21;
    assert_int_equal(fetch(&w, keys, 4), DVS_OK);
    assert_int_equal(count_said(&w, "row ..02 b\nerror 01 name: 7 is not"), 1);
    assert_asked(&w, 0,
                 "accounts?$select=accountid,name&$filter=accountid%20eq%20" GUID
                 "01%20or%20accountid%20eq%20" GUID "02%20or%20accountid%20eq%20" GUID "03 ");
    assert_int_equal(fake_server_requests(w.server), 1);
    close_world(&w);
}

static void nothing_to_ask_for(void **state)
{
    const struct fake_reply reply = PAGE("{}");
    const dvs_cell key = {.kind = DVS_INT64};
    struct world w;
    (void)state;
    open_world(&w, &reply, 1);
    assert_int_equal(fetch(&w, &key, 1), DVS_OK);
    assert_int_equal(fetch(&w, &key, 0), DVS_OK);
    assert_int_equal(fake_server_requests(w.server), 0);
    close_world(&w);
}

/* No address is longer than the service takes; each key is asked for once. */
static void many_keys(void **state)
{
    enum { N = 1000 };
    static uint8_t guids[N][16];
    static dvs_cell keys[N];
    const struct fake_reply reply = PAGE("{\"value\":[]}");
    struct world w;
    size_t asked = 0;
    (void)state;
    open_world(&w, &reply, 1);
    for (unsigned i = 0; i < N; i++)
        keys[i] = key_cell(guids[i], i);
    assert_int_equal(fetch(&w, keys, N), DVS_OK);
    assert_true(fake_server_requests(w.server) > 1);
    for (size_t i = 0; i < fake_server_requests(w.server); i++) {
        const char *request = fake_server_request(w.server, i);
        assert_true(strcspn(request, "\r") < 32768);
        for (const char *at = request; (at = strstr(at, "%20eq%20")) != NULL; at++)
            asked++;
    }
    assert_int_equal(asked, N);
    close_world(&w);
}

static void several_pages(void **state)
{
    const struct fake_reply replies[] = {PAGE("{\"value\":[{" KEY "01\"}]," NEXT "2\"}"),
                                         STATUS("503 Busy", ""), PAGE("{\"value\":[{" KEY "02\"}") /* cut */,
                                         PAGE("{\"value\":[{" KEY "02\"}]}")};
    uint8_t guids[2][16];
    struct world w;
    (void)state;
    open_world(&w, replies, 4);
    const dvs_cell keys[] = {key_cell(guids[0], 1), key_cell(guids[1], 2)};
    assert_int_equal(fetch(&w, keys, 2), DVS_OK);
    assert_said(&w, "row ..01 -\nrow ..02 -\n");
    close_world(&w);
}

/* Records with huge texts: asked for one by one, where a hundred of them would fill the memory. */
static void answers_that_are_too_large(void **state)
{
    enum { HUGE_TEXT = 9 << 20 };
    struct fake_reply replies[3] = {{0}};
    uint8_t guids[2][16];
    struct world w;
    (void)state;
    for (int i = 0; i < 3; i++) {
        char *body = malloc(HUGE_TEXT + 200);
        assert_non_null(body);
        int n = snprintf(body, 200, "{\"value\":[{" KEY "%02d\",\"name\":\"", i == 0 ? 1 : i);
        memset(body + n, 'x', HUGE_TEXT);
        strcpy(body + n + HUGE_TEXT, "\"}]}");
        replies[i] = (struct fake_reply){.head = OK_HEAD, .body = body};
    }
    open_world(&w, replies, 3);
    const dvs_cell keys[] = {key_cell(guids[0], 1), key_cell(guids[1], 2)};
    assert_int_equal(fetch(&w, keys, 2), DVS_OK);
    assert_said(&w, "row ..01 9437184 bytes\nrow ..02 9437184 bytes\n");
    assert_int_equal(fake_server_requests(w.server), 3);
    close_world(&w);
    for (int i = 0; i < 3; i++)
        free((char *)(uintptr_t)replies[i].body);
}

/* The next call asks what columns there are now. */
static void a_column_that_is_no_more(void **state)
{
    const struct fake_reply reply = STATUS(
        "400 Bad Request",
        "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Could not find a property named 'name'.\"}}");
    uint8_t guid[16];
    struct world w;
    (void)state;
    open_world(&w, &reply, 1);
    const dvs_cell key = key_cell(guid, 1);
    assert_int_equal(fetch(&w, &key, 1), DVS_E_SCHEMA);
    assert_int_equal(forgotten, 1);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(existing_and_missing),
        cmocka_unit_test(nothing_to_ask_for),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(several_pages),
        cmocka_unit_test(answers_that_are_too_large),
        cmocka_unit_test(a_column_that_is_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
