/* Faults: which request one happens to, and what it makes of the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api.h"
#include "faults.h"

static struct sim_faults *with(const char *json)
{
    char message[256] = "";
    struct sim_faults *faults = sim_faults_new();
    assert_non_null(faults);
    char *ids = sim_faults_add(faults, json, strlen(json), message, sizeof message);
    if (ids == NULL)
        fail_msg("%s", message);
    free(ids);
    return faults;
}

/* The fault that happens to a page of accounts; "" when none does. */
static const char *at_page(struct sim_faults *faults, uint64_t page, int last)
{
    struct sim_fault fault;
    int64_t latency = 0;
    const struct sim_occasion occasion = {SIM_PHASE_ROWS, "accounts", page, last, 0};
    return sim_faults_next(faults, &occasion, &fault, &latency) ? fault.name : "";
}

static const char *in_phase(struct sim_faults *faults, unsigned phase, struct sim_fault *fault)
{
    int64_t latency = 0;
    const struct sim_occasion occasion = {.phase = phase, .now = INT64_C(1700000000900000)};
    return sim_faults_next(faults, &occasion, fault, &latency) ? fault->name : "";
}

static void happens_as_often_as_said(void **state)
{
    (void)state;
    struct sim_faults *faults = with("[{\"fault\":\"500\"},{\"fault\":\"503\",\"times\":2}]");
    assert_string_equal(at_page(faults, 1, 0), "500");
    assert_string_equal(at_page(faults, 1, 0), "503");
    assert_string_equal(at_page(faults, 1, 0), "503");
    assert_string_equal(at_page(faults, 1, 0), "");
    sim_faults_free(faults);
    faults = with("{\"fault\":\"reset\",\"times\":-1,\"after\":2}");
    assert_string_equal(at_page(faults, 1, 0), "");
    assert_string_equal(at_page(faults, 2, 0), "");
    for (uint64_t page = 3; page < 50; page++)
        assert_string_equal(at_page(faults, page, 0), "reset");
    sim_faults_free(faults);
}

static void waits_for_its_page(void **state)
{
    (void)state;
    struct sim_faults *faults =
        with("[{\"fault\":\"500\",\"page\":\"last\"},{\"fault\":\"501\",\"page\":\"middle\"},"
             "{\"fault\":\"502\",\"page\":\"first\"},{\"fault\":\"503\",\"page\":4}]");
    assert_string_equal(at_page(faults, 0, 0), "");
    assert_string_equal(at_page(faults, 1, 0), "502");
    assert_string_equal(at_page(faults, 2, 0), "501");
    assert_string_equal(at_page(faults, 3, 0), "");
    assert_string_equal(at_page(faults, 4, 0), "503");
    assert_string_equal(at_page(faults, 5, 1), "500");
    assert_string_equal(at_page(faults, 5, 1), "");
    sim_faults_free(faults);
}

static void keeps_to_phase_and_table(void **state)
{
    (void)state;
    struct sim_fault fault;
    struct sim_faults *faults =
        with("[{\"fault\":\"500\",\"phase\":\"token\"},{\"fault\":\"html\",\"table\":\"contacts\"},"
             "{\"fault\":\"429\",\"phase\":\"metadata\"}]");
    assert_string_equal(at_page(faults, 1, 0), "");
    assert_string_equal(in_phase(faults, SIM_PHASE_CHALLENGE, &fault), "");
    assert_string_equal(in_phase(faults, SIM_PHASE_METADATA, &fault), "429");
    assert_string_equal(fault.code, "0x80072322");
    assert_string_equal(fault.retry_after, "1");
    assert_int_equal(fault.retry_after_ms, 1000);
    assert_string_equal(in_phase(faults, SIM_PHASE_TOKEN, &fault), "500");
    assert_int_equal(fault.retry_after_ms, -1);
    sim_faults_free(faults);
}

static void spoils_only_links_that_are_there(void **state)
{
    (void)state;
    struct sim_faults *faults =
        with("[{\"fault\":\"loop\"},{\"fault\":\"duplicates\"},{\"fault\":\"empty_last\"}]");
    assert_string_equal(at_page(faults, 1, 1), "empty_last");
    assert_string_equal(at_page(faults, 1, 0), "loop");
    assert_string_equal(at_page(faults, 1, 0), "");
    assert_string_equal(at_page(faults, 2, 0), "duplicates");
    sim_faults_free(faults);
}

static void latency_does_not_hide_others(void **state)
{
    (void)state;
    struct sim_fault fault;
    int64_t latency = 10;
    const struct sim_occasion occasion = {.phase = SIM_PHASE_TOKEN};
    struct sim_faults *faults = with("[{\"fault\":\"latency\",\"ms\":30,\"times\":-1},{\"fault\":\"500\"}]");
    assert_int_equal(sim_faults_next(faults, &occasion, &fault, &latency), 1);
    assert_int_equal(latency, 40);
    assert_string_equal(fault.name, "500");
    assert_int_equal(sim_faults_next(faults, &occasion, &fault, &latency), 0);
    assert_int_equal(latency, 70);
    sim_faults_free(faults);
}

static void words_retry_after(void **state)
{
    (void)state;
    struct sim_fault fault;
    struct sim_faults *faults =
        with("[{\"fault\":\"503\",\"retry_after\":\"date:2\"},{\"fault\":\"429\",\"retry_after\":"
             "\"none\"},{\"fault\":\"429\",\"retry_after\":\"0.25\"},{\"fault\":\"429\",\"retry_after\":"
             "\"soon\"}]");
    in_phase(faults, SIM_PHASE_ROWS, &fault);
    /* 1700000000.9 + 2 s, in whole seconds. */
    assert_string_equal(fault.retry_after, "Tue, 14 Nov 2023 22:13:22 GMT");
    assert_int_equal(fault.retry_after_ms, 1100);
    in_phase(faults, SIM_PHASE_ROWS, &fault);
    assert_string_equal(fault.retry_after, "");
    assert_int_equal(fault.retry_after_ms, -1);
    in_phase(faults, SIM_PHASE_ROWS, &fault);
    assert_int_equal(fault.retry_after_ms, 250);
    in_phase(faults, SIM_PHASE_ROWS, &fault);
    assert_string_equal(fault.retry_after, "soon");
    assert_int_equal(fault.retry_after_ms, -1);
    sim_faults_free(faults);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "7",
                                        "{}",
                                        "{\"fault\":7}",
                                        "{\"fault\":\"none\"}",
                                        "{\"fault\":\"499\"}",
                                        "{\"fault\":\"500\",\"phase\":\"row\"}",
                                        "{\"fault\":\"loop\",\"phase\":\"token\"}",
                                        "{\"fault\":\"unauthorized\",\"phase\":\"challenge\"}",
                                        "{\"fault\":\"500\",\"page\":0}",
                                        "{\"fault\":\"500\",\"page\":\"second\"}",
                                        "{\"fault\":\"500\",\"phase\":\"token\",\"page\":1}",
                                        "{\"fault\":\"500\",\"phase\":\"token\",\"table\":\"accounts\"}",
                                        "{\"fault\":\"500\",\"times\":-2}",
                                        "{\"fault\":\"500\",\"times\":1.5}",
                                        "{\"fault\":\"500\",\"tmies\":1}",
                                        "{\"fault\":\"reset\",\"retry_after\":\"1\"}",
                                        "{\"fault\":\"429\",\"retry_after\":\"1\\r\\nX: y\"}",
                                        "[{\"fault\":\"500\"},{\"fault\":\"none\"}]"};
    struct sim_faults *faults = sim_faults_new();
    assert_non_null(faults);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char message[256] = "";
        if (sim_faults_add(faults, wrong[i], strlen(wrong[i]), message, sizeof message) != NULL ||
            message[0] == '\0')
            fail_msg("%s was taken", wrong[i]);
    }
    assert_string_equal(at_page(faults, 1, 0), "");
    sim_faults_free(faults);
}

static void lists_and_forgets(void **state)
{
    (void)state;
    struct sim_faults *faults = with("[{\"fault\":\"500\"},{\"fault\":\"slow\",\"times\":-1,\"after\":3}]");
    at_page(faults, 1, 0);
    char *list = sim_faults_list(faults, NULL);
    assert_non_null(strstr(list, "{\"id\":1,\"fault\":\"500\",\"happened\":1,\"left\":0,\"after\":0}"));
    assert_non_null(strstr(list, "{\"id\":2,\"fault\":\"slow\",\"happened\":0,\"left\":-1,\"after\":3}"));
    free(list);
    sim_faults_clear(faults);
    assert_string_equal(at_page(faults, 1, 0), "");
    list = sim_faults_list(faults, NULL);
    assert_string_equal(list, "[]\n");
    free(list);
    sim_faults_free(faults);
}

static const char *header(const struct sim_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->n_headers; i++)
        if (strcmp(answer->headers[i].name, name) == 0)
            return answer->headers[i].value;
    return NULL;
}

static void replaces_the_answer(void **state)
{
    (void)state;
    const struct sim_request request = {.origin = "http://127.0.0.1:81"};
    struct sim_answer answer = {0};
    sim_answer_text(&answer, 200, "application/json", "{\"value\":[]}");
    sim_answer_header(&answer, "OData-Version", "4.0");
    answer.delay_ms = 5;
    struct sim_fault fault = {.kind = SIM_FAULT_STATUS,
                              .status = 429,
                              .phase = SIM_PHASE_ROWS,
                              .code = "0x80072322",
                              .message = "say \"less\"",
                              .retry_after = "7"};
    sim_fault_apply(&fault, &request, &answer);
    assert_int_equal(answer.status, 429);
    assert_int_equal(answer.delay_ms, 5);
    assert_string_equal(answer.body,
                        "{\"error\":{\"code\":\"0x80072322\",\"message\":\"say \\\"less\\\"\"}}");
    assert_string_equal(header(&answer, "Retry-After"), "7");
    assert_null(header(&answer, "OData-Version"));
    fault = (struct sim_fault){.kind = SIM_FAULT_REDIRECT, .phase = SIM_PHASE_ROWS};
    sim_fault_apply(&fault, &request, &answer);
    assert_int_equal(answer.status, 302);
    assert_string_equal(header(&answer, "Location"), "http://localhost:81/login");
    assert_false(answer.failed);
    sim_answer_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(happens_as_often_as_said),
        cmocka_unit_test(waits_for_its_page),
        cmocka_unit_test(keeps_to_phase_and_table),
        cmocka_unit_test(spoils_only_links_that_are_there),
        cmocka_unit_test(latency_does_not_hide_others),
        cmocka_unit_test(words_retry_after),
        cmocka_unit_test(refuses),
        cmocka_unit_test(lists_and_forgets),
        cmocka_unit_test(replaces_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
