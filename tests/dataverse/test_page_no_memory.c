/* test_page_no_memory.c - a page of all kinds, with each allocation failing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/base/failing_malloc.h"
#include "page.h"

static const char page_text[] =
    "{\"@odata.nextLink\":\"n\\n\",\"value\":[{\"a\":\"1\\n\",\"\\u0062\":\"\\\"\\\"\\\"\\\"\\\"\"},{\"a\":"
    "\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\"}]"
    ","
    "\"@odata.deltaLink\":\"d\",\"error\":{\"code\":\"c\\u0021\",\"message\":\"m\"},\"error\":\"e\\n\"}";

/* 0 when all was read; -1 when memory was out. Anything else read is a wrong result. */
static int read_page(void)
{
    static const char *const names[] = {"a", "b"};
    struct dataverse_page *page = dataverse_page_new(names, 2, 10000);
    struct dataverse_buffer buffer = {0};
    struct dataverse_record record;
    size_t records = 0;
    int answer = DATAVERSE_PAGE_NO_MEMORY, result = -1;
    if (page == NULL)
        return -1;
    dataverse_page_start(page);
    if (dataverse_buffer_add(&buffer, page_text, sizeof page_text - 1) == 0) {
        while ((answer = dataverse_page_next(page, &buffer, 1, &record)) == DATAVERSE_PAGE_RECORD)
            records++;
    }
    if (answer == DATAVERSE_PAGE_END) {
        result = records == 2 && strcmp(dataverse_page_next_link(page), "n\n") == 0 ? 0 : 1;
        if (strcmp(dataverse_page_error_message(page), "e\n") != 0)
            result = 1;
    } else if (answer != DATAVERSE_PAGE_NO_MEMORY) {
        result = 0; /* noticed as a failure that was not reported */
    }
    dataverse_buffer_free(&buffer);
    dataverse_page_free(page);
    return result;
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    NEED_FAILING_MALLOC();
    assert_int_equal(read_page(), 0);
    assert_in_range(fail_each(read_page), 20, SIZE_MAX - 1);
}

/* A call that failed for want of memory may be repeated. */
static void reading_goes_on_when_memory_is_back(void **state)
{
    static const char *const names[] = {"a", "b"};
    struct dataverse_page *page;
    struct dataverse_buffer buffer = {0};
    struct dataverse_record record;
    size_t records = 0, failures = 0;
    int answer;
    (void)state;
    NEED_FAILING_MALLOC();
    page = dataverse_page_new(names, 2, 10000);
    assert_non_null(page);
    dataverse_page_start(page);
    assert_int_equal(dataverse_buffer_add(&buffer, page_text, sizeof page_text - 1), 0);
    do {
        fail_countdown = 1;
        answer = dataverse_page_next(page, &buffer, 1, &record);
        if (answer == DATAVERSE_PAGE_NO_MEMORY) {
            failures++;
            fail_countdown = 0;
            answer = dataverse_page_next(page, &buffer, 1, &record);
        }
        records += answer == DATAVERSE_PAGE_RECORD;
    } while (answer == DATAVERSE_PAGE_RECORD);
    fail_countdown = 0;
    assert_string_equal(dataverse_page_problem(page), "");
    assert_int_equal(answer, DATAVERSE_PAGE_END);
    assert_int_equal(records, 2);
    assert_true(failures >= 3);
    assert_string_equal(dataverse_page_error_message(page), "e\n");
    dataverse_buffer_free(&buffer);
    dataverse_page_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(reading_goes_on_when_memory_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
