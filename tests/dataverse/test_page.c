/* test_page.c - records, links and errors of a page; what is refused, what is forgotten, what it may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "page.h"

#define MAX_VALUE 1000u

static const char *const names[] = {"id", "name", "name@odata.x", "\xC3\xA9t\"at", ""};

struct fixture {
    struct dataverse_page *page;
    struct dataverse_buffer buffer;
    struct dataverse_record record;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->page = dataverse_page_new(names, sizeof names / sizeof names[0], MAX_VALUE);
    assert_non_null(f->page);
    dataverse_page_start(f->page);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dataverse_page_free(f->page);
    dataverse_buffer_free(&f->buffer);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *text)
{
    assert_int_equal(dataverse_buffer_add(&f->buffer, text, strlen(text)), 0);
}

static int next(struct fixture *f)
{
    return dataverse_page_next(f->page, &f->buffer, 0, &f->record);
}

static void begin(struct fixture *f, const char *text)
{
    dataverse_page_start(f->page);
    dataverse_buffer_clear(&f->buffer);
    add(f, text);
}

/* The whole page at once, its records skipped; returns how it ended. */
static int read_page(struct fixture *f, const char *text)
{
    int answer;
    begin(f, text);
    while ((answer = dataverse_page_next(f->page, &f->buffer, 1, &f->record)) == DATAVERSE_PAGE_RECORD)
        continue;
    return answer;
}

static void check_value(const struct fixture *f, size_t index, int type, const char *text, const char *json)
{
    const struct dataverse_value *value = &f->record.values[index];
    assert_int_equal(value->type, type);
    if (type == DATAVERSE_JSON_MISSING)
        return;
    assert_int_equal(value->length, strlen(text));
    assert_memory_equal(value->text, text, strlen(text));
    assert_int_equal(value->json_length, strlen(json));
    assert_memory_equal(value->json, json, strlen(json));
}

static void check_record(const struct fixture *f, const char *json)
{
    assert_int_equal(f->record.json_length, strlen(json));
    assert_memory_equal(f->record.json, json, strlen(json));
}

static void records_come_with_their_members(void **state)
{
    struct fixture *f = *state;
    add(f, "{\"@odata.context\":\"c\",\"value\":[{\"id\":\"1\",\"name@odata.x\":\"f\",\"name\":1.50},"
           " {\"name\":{\"a\":[1]} , \"other\":2,\"\\u00e9t\\\"at\":true,\"\":null} ]}");
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    check_record(f, "{\"id\":\"1\",\"name@odata.x\":\"f\",\"name\":1.50}");
    check_value(f, 0, DATAVERSE_JSON_STRING, "1", "\"1\"");
    check_value(f, 1, DATAVERSE_JSON_NUMBER, "1.50", "1.50");
    check_value(f, 2, DATAVERSE_JSON_STRING, "f", "\"f\"");
    check_value(f, 3, DATAVERSE_JSON_MISSING, NULL, NULL);
    check_value(f, 4, DATAVERSE_JSON_MISSING, NULL, NULL);
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    check_record(f, "{\"name\":{\"a\":[1]} , \"other\":2,\"\\u00e9t\\\"at\":true,\"\":null}");
    check_value(f, 0, DATAVERSE_JSON_MISSING, NULL, NULL);
    check_value(f, 1, DATAVERSE_JSON_OBJECT, "{\"a\":[1]}", "{\"a\":[1]}");
    check_value(f, 2, DATAVERSE_JSON_MISSING, NULL, NULL);
    check_value(f, 3, DATAVERSE_JSON_TRUE, "true", "true");
    check_value(f, 4, DATAVERSE_JSON_NULL, "null", "null");
    assert_int_equal(next(f), DATAVERSE_PAGE_END);
    assert_int_equal(next(f), DATAVERSE_PAGE_END);
    assert_true(dataverse_page_has_value(f->page));
}

static void of_a_name_that_comes_twice_the_last_counts(void **state)
{
    struct fixture *f = *state;
    add(f, "{\"value\":[{\"id\":\"a\\nb\",\"name\":\"x\\ty\",\"\\u0069d\":7,\"\":\"1\",\"\":\"\\u0000\",\"\":"
           "\"2\\\\\"}");
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    check_value(f, 0, DATAVERSE_JSON_NUMBER, "7", "7");
    check_value(f, 1, DATAVERSE_JSON_STRING, "x\ty", "\"x\\ty\"");
    check_value(f, 4, DATAVERSE_JSON_STRING, "2\\", "\"2\\\\\"");
    assert_int_equal(f->record.values[0].flags | f->record.values[4].flags, 0);
}

static void half_a_pair_in_a_name_is_no_replacement_character(void **state)
{
    static const char *const replacement[] = {"\xEF\xBF\xBD"};
    struct fixture *f = *state;
    dataverse_page_free(f->page);
    f->page = dataverse_page_new(replacement, 1, MAX_VALUE);
    assert_non_null(f->page);
    begin(f, "{\"value\":[{\"\\ud800\":1},{\"\\ufffd\":2}");
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    check_value(f, 0, DATAVERSE_JSON_MISSING, NULL, NULL);
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    check_value(f, 0, DATAVERSE_JSON_NUMBER, "2", "2");
}

static void nothing_need_be_wanted(void **state)
{
    struct fixture *f = *state;
    dataverse_page_free(f->page);
    f->page = dataverse_page_new(NULL, 0, MAX_VALUE);
    assert_non_null(f->page);
    begin(f, "{\"value\":[{\"a\":\"\\n\"}]}");
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    check_record(f, "{\"a\":\"\\n\"}");
    assert_int_equal(next(f), DATAVERSE_PAGE_END);
    dataverse_page_free(NULL);
}

/* More names than are remembered, too long ones, and in changing order. */
static void any_number_and_order_of_names_is_read(void **state)
{
    struct fixture *f = *state;
    char text[8000];
    dataverse_page_free(f->page);
    f->page = dataverse_page_new(names, sizeof names / sizeof names[0], 100000);
    assert_non_null(f->page);
    begin(f, "{\"value\":[");
    for (unsigned record = 0; record < 300; record++) {
        char *p = text;
        p += sprintf(p, "%s{", record > 0 ? "," : "");
        if (record % 3 == 0)
            p += sprintf(p, "\"id\":%u,", record);
        for (unsigned i = 0; i < 20; i++)
            p += sprintf(p, "\"other%u_%u\":[%u],", i, record * (i % 4), i);
        p += sprintf(p, "\"%0*u\":1,", (int)(record * 7 % 2000), record);
        if (record % 3 != 0)
            p += sprintf(p, "\"id\":%u,", record);
        sprintf(p, "\"name\":\"n%u\"}", record);
        add(f, text);
        assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
        sprintf(text, "%u", record);
        check_value(f, 0, DATAVERSE_JSON_NUMBER, text, text);
        assert_int_equal(f->record.values[1].length, strlen(text) + 1);
        check_value(f, 2, DATAVERSE_JSON_MISSING, NULL, NULL);
    }
}

static void links_may_stand_before_and_behind_the_records(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        read_page(f, "{\"@odata.nextLink\":\"http:\\/\\/x\\u002fy?a=%20\",\"value\":[{\"id\":1}]}"),
        DATAVERSE_PAGE_END);
    assert_string_equal(dataverse_page_next_link(f->page), "http://x/y?a=%20");
    assert_null(dataverse_page_delta_link(f->page));
    assert_null(dataverse_page_error_code(f->page));
    assert_int_equal(read_page(f, "{\"value\":[],\"\\u0040odata.deltaLink\":\"d\",\"@odata.nextLink\":null}"),
                     DATAVERSE_PAGE_END);
    assert_null(dataverse_page_next_link(f->page));
    assert_string_equal(dataverse_page_delta_link(f->page), "d");
    assert_int_equal(read_page(f, "{\"@odata.nextLink\":\"a\",\"@odata.nextLink\":\"b\"}"),
                     DATAVERSE_PAGE_END);
    assert_string_equal(dataverse_page_next_link(f->page), "b");
    assert_false(dataverse_page_has_value(f->page));
    /* What stands in a record is no link of the page. */
    assert_int_equal(
        read_page(f, "{\"value\":[{\"@odata.nextLink\":\"x\"}],\"a\":{\"@odata.deltaLink\":\"y\"}}"),
        DATAVERSE_PAGE_END);
    assert_null(dataverse_page_next_link(f->page));
    assert_null(dataverse_page_delta_link(f->page));
}

static void an_error_is_told_even_behind_records(void **state)
{
    struct fixture *f = *state;
    add(f, "{\"value\":[{\"id\":1}],\"error\":{\"message\":\"too "
           "\\\"late\\\"\",\"code\":\"0x80040265\",\"x\":{}}}");
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    assert_int_equal(next(f), DATAVERSE_PAGE_END);
    assert_string_equal(dataverse_page_error_code(f->page), "0x80040265");
    assert_string_equal(dataverse_page_error_message(f->page), "too \"late\"");
    assert_int_equal(read_page(f, "{\"error\":{\"code\":-5}}"), DATAVERSE_PAGE_END);
    assert_string_equal(dataverse_page_error_code(f->page), "-5");
    assert_string_equal(dataverse_page_error_message(f->page), "");
    assert_int_equal(read_page(f, "{\"error\":\"down\\u0021\"}"), DATAVERSE_PAGE_END);
    assert_string_equal(dataverse_page_error_code(f->page), "");
    assert_string_equal(dataverse_page_error_message(f->page), "down!");
    assert_int_equal(read_page(f, "{\"error\":null}"), DATAVERSE_PAGE_END);
    assert_null(dataverse_page_error_code(f->page));
    assert_null(dataverse_page_error_message(f->page));
    assert_int_equal(read_page(f, "{\"value\":[{\"error\":{\"code\":\"1\"}}]}"), DATAVERSE_PAGE_END);
    assert_null(dataverse_page_error_code(f->page));
}

static void a_page_without_the_array_has_no_value(void **state)
{
    static const char *const pages[] = {"{}", "{\"value\":null}", "{\"value\":{\"id\":1}}",
                                        "{\"a\":[{\"id\":1}]}", "{\"Value\":[]}"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        begin(f, pages[i]);
        assert_int_equal(next(f), DATAVERSE_PAGE_END);
        assert_false(dataverse_page_has_value(f->page));
    }
}

static void start_forgets_the_page_before(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        read_page(f, "{\"error\":{},\"@odata.nextLink\":\"n\",\"@odata.deltaLink\":\"d\",\"value\":[]}"),
        DATAVERSE_PAGE_END);
    assert_int_equal(read_page(f, "x"), DATAVERSE_PAGE_BAD);
    assert_int_equal(read_page(f, "{}"), DATAVERSE_PAGE_END);
    assert_null(dataverse_page_next_link(f->page));
    assert_null(dataverse_page_delta_link(f->page));
    assert_null(dataverse_page_error_code(f->page));
    assert_null(dataverse_page_error_message(f->page));
    assert_false(dataverse_page_has_value(f->page));
    assert_string_equal(dataverse_page_problem(f->page), "");
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    static const struct {
        const char *page;
        const char *problem;
    } cases[] = {
        {"", "no JSON: the page ends early (byte 0 of the page)"},
        {"<html>", "no page: it does not begin with { (byte 0 of the page)"},
        {" \n{\"value\":[{\"id\":1}", "no JSON: the page ends early (byte 20 of the page)"},
        {"{\"value\":[{\"id\":1},{\"id\":01}]}", "no JSON: a comma or } was expected (byte 26 of the page)"},
        {"{\"value\":[{\"id\":1}]}x", "no JSON: something follows the page (byte 20 of the page)"},
        {"{\"value\":[{\"id\":1},2]}", "no page: a record was expected (byte 19 of the page)"},
        {"{\"value\":[],\"value\":[]}", "no page: it has two arrays \"value\" (byte 20 of the page)"},
        {"{\"@odata.nextLink\":5}", "no page: a link is not text (byte 19 of the page)"},
        {"{\"value\":[{\"a\":\"\xFF\"}]}", "no JSON: text is not valid UTF-8 (byte 16 of the page)"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_page(f, cases[i].page), DATAVERSE_PAGE_BAD);
        assert_string_equal(dataverse_page_problem(f->page), cases[i].problem);
        /* It stays so. */
        add(f, "{}");
        assert_int_equal(next(f), DATAVERSE_PAGE_BAD);
        assert_string_equal(dataverse_page_problem(f->page), cases[i].problem);
    }
}

/* Offsets count what was taken before. */
static void the_place_counts_all_pieces(void **state)
{
    struct fixture *f = *state;
    add(f, "{\"value\":[{\"id\":1},");
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    assert_int_equal(next(f), DATAVERSE_PAGE_MORE);
    add(f, "  {\"id\":2}  ,  {\"id\":?}]}");
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    assert_int_equal(next(f), DATAVERSE_PAGE_BAD);
    assert_string_equal(dataverse_page_problem(f->page),
                        "no JSON: a value was expected (byte 40 of the page)");
}

static void record_of(char *out, size_t bytes)
{
    memcpy(out, "{\"id\":\"", 7);
    memset(out + 7, 'x', bytes - 9);
    memcpy(out + bytes - 2, "\"}", 3);
}

static void a_record_may_have_so_many_bytes_and_no_more(void **state)
{
    struct fixture *f = *state;
    char record[MAX_VALUE + 10];
    record_of(record, MAX_VALUE);
    begin(f, "{\"value\":[");
    add(f, record);
    assert_int_equal(next(f), DATAVERSE_PAGE_RECORD);
    check_record(f, record);
    record_of(record, MAX_VALUE + 1);
    begin(f, "{\"value\":[");
    add(f, record);
    assert_int_equal(next(f), DATAVERSE_PAGE_BAD);
    assert_string_equal(dataverse_page_problem(f->page),
                        "no page: a record has more bytes than allowed (byte 10 of the page)");
    /* It need not be there as a whole to be refused, nor be in "value". */
    for (size_t i = 0; i < 2; i++) {
        size_t added = 10;
        int answer;
        begin(f, i == 0 ? "{\"value\":[" : "{         ");
        add(f, i == 0 ? "{\"id\":\"" : "\"other\":\"");
        while ((answer = next(f)) == DATAVERSE_PAGE_MORE) {
            add(f, "yyyyyyyyyy");
            added += 10;
            assert_true(added < MAX_VALUE + 50);
        }
        assert_int_equal(answer, DATAVERSE_PAGE_BAD);
    }
    /* White space counts for nothing. */
    begin(f, "{\"value\":[");
    for (size_t i = 0; i < 2 * MAX_VALUE; i++) {
        add(f, " ");
        assert_int_equal(next(f), DATAVERSE_PAGE_MORE);
    }
    add(f, "]}");
    assert_int_equal(next(f), DATAVERSE_PAGE_END);
}

/* If each piece led to another look at all the bytes before, this would take minutes. */
static void a_large_record_in_small_pieces_costs_little(void **state)
{
    struct fixture *f = *state;
    const size_t size = (size_t)4 << 20;
    size_t pieces = 0;
    dataverse_page_free(f->page);
    f->page = dataverse_page_new(names, sizeof names / sizeof names[0], 2 * size);
    assert_non_null(f->page);
    begin(f, "{\"value\":[{\"id\":\"");
    for (; pieces < size / 16; pieces++) {
        add(f, "abcdefghijklm\\u0");
        assert_int_equal(next(f), DATAVERSE_PAGE_MORE);
        add(f, "041");
    }
    add(f, "\"}]}");
    assert_int_equal(dataverse_page_next(f->page, &f->buffer, 1, &f->record), DATAVERSE_PAGE_RECORD);
    assert_int_equal(f->record.values[0].length, pieces * 14);
    assert_memory_equal(f->record.values[0].text, "abcdefghijklmAabc", 17);
    assert_int_equal(dataverse_page_next(f->page, &f->buffer, 1, &f->record), DATAVERSE_PAGE_END);
}

static void a_long_page_needs_little_memory(void **state)
{
    struct fixture *f = *state;
    size_t records = 0;
    begin(f, "{\"value\":[{}");
    for (size_t i = 0; i < 20000; i++) {
        add(f, ",{\"id\":\"0123456789\",\"name\":\"a name with \\\"marks\\\"\",\"other\":[1,2,3]}");
        while (i % 20 == 0 && next(f) == DATAVERSE_PAGE_RECORD)
            records++;
    }
    while (dataverse_page_next(f->page, &f->buffer, 0, &f->record) == DATAVERSE_PAGE_RECORD)
        records++;
    assert_int_equal(records, 20001);
    assert_true(f->buffer.capacity <= (size_t)128 << 10);
}

static void more_is_never_answered_at_the_end(void **state)
{
    static const char page[] =
        " { \"a\" : -1.5e1 , \"value\" : [ { \"id\" : \"\\u00e9\" , \"name\" : true } ] } ";
    struct fixture *f = *state;
    char part[sizeof page];
    for (size_t n = 0; n < sizeof page - 1; n++) {
        int answer;
        memcpy(part, page, n);
        part[n] = '\0';
        answer = read_page(f, part);
        assert_int_equal(answer, n + 1 == sizeof page - 1 ? DATAVERSE_PAGE_END : DATAVERSE_PAGE_BAD);
        if (answer == DATAVERSE_PAGE_BAD)
            assert_non_null(strstr(dataverse_page_problem(f->page), "the page ends early"));
    }
}

static void the_buffer_gives_back_what_was_added(void **state)
{
    struct dataverse_buffer buffer = {0};
    unsigned char in = 0, out = 0;
    (void)state;
    for (size_t turn = 0; turn < 3000; turn++) {
        char bytes[300];
        size_t n = turn * 7 % sizeof bytes, take;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)in++;
        assert_int_equal(dataverse_buffer_add(&buffer, bytes, n), 0);
        for (size_t i = 0; i < DATAVERSE_BUFFER_ZEROS && buffer.length > 0; i++)
            assert_int_equal(buffer.data[buffer.start + buffer.length + i], 0);
        take = turn % 5 == 0 ? buffer.length : buffer.length * (turn % 4) / 4;
        for (size_t i = 0; i < take; i++)
            assert_int_equal((unsigned char)buffer.data[buffer.start + i], out++);
        dataverse_buffer_take(&buffer, take);
    }
    assert_int_equal(dataverse_buffer_add(&buffer, "x", SIZE_MAX / 2), -1);
    dataverse_buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    dataverse_buffer_free(&buffer);
    dataverse_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_come_with_their_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_name_that_comes_twice_the_last_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_pair_in_a_name_is_no_replacement_character, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_need_be_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_number_and_order_of_names_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_may_stand_before_and_behind_the_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_is_told_even_behind_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_without_the_array_has_no_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(start_forgets_the_page_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_told_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_place_counts_all_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_may_have_so_many_bytes_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_record_in_small_pieces_costs_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_page_needs_little_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_is_never_answered_at_the_end, set_up, tear_down),
        cmocka_unit_test(the_buffer_gives_back_what_was_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
