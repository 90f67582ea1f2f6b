/* test_failure.c - what answers of 300 and more become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "retry.h"

static dvs_error err;

static int judge_with(long status, const char *body, const char *bearer)
{
    struct dataverse_request request = {0};
    struct dataverse_answer answer = {0};
    request.url = "https://org.crm.dynamics.com/api/data/v9.2/accounts?$filter=name%20eq%20'hidden'";
    request.what = "page 3 of accounts";
    request.bearer = bearer;
    answer.status = status;
    answer.date = INT64_MIN;
    answer.retry_after_ms = -1;
    strcpy(answer.request_id, "11111111-2222");
    memset(&err, 0, sizeof err);
    err.struct_size = (uint32_t)sizeof err;
    return dataverse_failure(&request, &answer, body, strlen(body), &err);
}

static int judge(long status, const char *body)
{
    return judge_with(status, body, NULL);
}

static int judge_login(long status, const char *body)
{
    struct dataverse_request request = {0};
    struct dataverse_answer answer = {0};
    request.url = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
    request.form = "client_secret=hidden";
    request.what = "the token";
    answer.status = status;
    answer.date = INT64_MIN;
    answer.retry_after_ms = -1;
    memset(&err, 0, sizeof err);
    err.struct_size = (uint32_t)sizeof err;
    return dataverse_failure(&request, &answer, body, strlen(body), &err);
}

static void assert_message(const char *part)
{
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, err.message);
}

static void test_statuses(void **state)
{
    static const struct {
        long status;
        int outcome;
        int32_t error;
    } cases[] = {
        {302, DATAVERSE_FAIL, DVS_E_PROTOCOL},     {400, DATAVERSE_FAIL, DVS_E_PROTOCOL},
        {401, DATAVERSE_UNAUTHORIZED, DVS_E_AUTH}, {403, DATAVERSE_FAIL, DVS_E_PERMISSION},
        {404, DATAVERSE_FAIL, DVS_E_NOT_FOUND},    {405, DATAVERSE_FAIL, DVS_E_PROTOCOL},
        {408, DATAVERSE_AGAIN, DVS_E_TIMEOUT},     {410, DATAVERSE_NO_RESUME, DVS_E_RESUME},
        {429, DATAVERSE_AGAIN, DVS_E_THROTTLED},   {500, DATAVERSE_AGAIN, DVS_E_NETWORK},
        {501, DATAVERSE_FAIL, DVS_E_UNSUPPORTED},  {502, DATAVERSE_AGAIN, DVS_E_NETWORK},
        {503, DATAVERSE_AGAIN, DVS_E_NETWORK},     {504, DATAVERSE_AGAIN, DVS_E_TIMEOUT},
        {505, DATAVERSE_FAIL, DVS_E_UNSUPPORTED},  {599, DATAVERSE_AGAIN, DVS_E_NETWORK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(judge(cases[i].status, ""), cases[i].outcome);
        assert_int_equal(err.status, cases[i].error);
        assert_int_equal(err.native_code, cases[i].status);
        assert_message("page 3 of accounts");
        assert_message("https://org.crm.dynamics.com/api/data/v9.2/accounts");
        assert_null(strstr(err.message, "hidden"));
    }
}

static void test_codes_in_both_spellings(void **state)
{
    (void)state;
    judge(429, "{\"error\":{\"code\":\"0x80072322\",\"message\":\"Number of requests\"}}");
    assert_true(err.native_code == 0x80072322);
    judge(429, "{\"error\":{\"code\":\"-2147015902\",\"message\":\"Number of requests\"}}");
    assert_true(err.native_code == 0x80072322);
    assert_message("0x80072322: Number of requests");
    judge(429, "{\"error\":{\"code\":-2147015902,\"message\":\"\"}}");
    assert_true(err.native_code == 0x80072322);
    judge(500, "{\"error\":{\"code\":\"\",\"message\":\"no code\"}}");
    assert_int_equal(err.native_code, 500);
    assert_message("HTTP 500: no code");
    judge(500, "{\"error\":{\"code\":\"0x800723221\",\"message\":\"too long\"}}");
    assert_int_equal(err.native_code, 500);
    judge(500, "{\"error\":{\"code\":\"0x\",\"message\":null}}");
    assert_int_equal(err.native_code, 500);
}

static void test_what_can_be_done_is_said(void **state)
{
    (void)state;
    assert_int_equal(judge(403, "{\"error\":{\"code\":\"0x80072560\",\"message\":\"not a member\"}}"),
                     DATAVERSE_FAIL);
    assert_message("add the application user to the environment");
    assert_message("request id 11111111-2222");
    judge(403, "{\"error\":{\"code\":\"0x80095ffc\",\"message\":\"blocked\"}}");
    assert_message("administrator");
    judge(401, "");
    assert_message("check url, scope");
    assert_int_equal(
        judge(400, "{\"error\":{\"code\":\"0x80072491\",\"message\":\"Entity x isn't enabled\"}}"),
        DATAVERSE_FAIL);
    assert_int_equal(err.status, DVS_E_UNSUPPORTED);
    assert_message("change tracking");
}

static void test_a_column_that_is_no_more(void **state)
{
    (void)state;
    assert_int_equal(
        judge(400, "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Could not find a property named 'x' "
                   "on type 'Microsoft.Dynamics.CRM.account'.\"}}"),
        DATAVERSE_NO_PROPERTY);
    assert_int_equal(err.status, DVS_E_SCHEMA);
    /* The code is frequently empty (Microsoft's documentation: compose HTTP requests and handle errors). */
    assert_int_equal(
        judge(400, "{\"error\":{\"code\":\"\",\"message\":\"Could not find a property named 'x' on type "
                   "'Microsoft.Dynamics.CRM.account'.\"}}"),
        DATAVERSE_NO_PROPERTY);
    assert_int_equal(
        judge(400,
              "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Skip Clause is not supported in CRM\"}}"),
        DATAVERSE_FAIL);
    assert_int_equal(err.status, DVS_E_PROTOCOL);
    assert_int_equal(
        judge(404, "{\"error\":{\"code\":\"0x80060888\",\"message\":\"Resource not found for the segment "
                   "'accountz'.\"}}"),
        DATAVERSE_FAIL);
    assert_int_equal(err.status, DVS_E_NOT_FOUND);
}

static void test_a_stamp_that_has_expired(void **state)
{
    (void)state;
    assert_int_equal(
        judge(400, "{\"error\":{\"code\":\"0x80044352\",\"message\":\"Version stamp has expired.\"}}"),
        DATAVERSE_NO_RESUME);
    assert_int_equal(err.status, DVS_E_RESUME);
    assert_int_equal(
        judge(400, "{\"error\":{\"code\":\"-2147204270\",\"message\":\"Version stamp has expired.\"}}"),
        DATAVERSE_NO_RESUME);
}

static void test_bodies_that_are_no_json(void **state)
{
    char big[3000];
    (void)state;
    judge(503, "  <!DOCTYPE html><p>Our services aren't available</p>");
    assert_null(strstr(err.message, "services"));
    assert_message("HTML");
    judge(502, "Bad\x01\r\n\tgateway \xff\x1b[31m");
    assert_message("Bad gateway ? [31m");
    judge(500, "{\"error\":{\"code\":\"0x80044150\",\"mess");
    assert_null(strstr(err.message, "mess"));
    assert_int_equal(judge(500, "[1,2]"), DATAVERSE_AGAIN);
    assert_int_equal(judge(500, "{\"error\":7}"), DATAVERSE_AGAIN);
    memset(big, 'x', sizeof big);
    memcpy(big, "{\"error\":{\"message\":\"", 21);
    memcpy(big + sizeof big - 4, "\"}}", 4);
    judge(403, big);
    assert_message("xxx...");
    assert_message("give the application user a security role");
    memset(big, '[', sizeof big - 1);
    assert_int_equal(judge(500, big), DATAVERSE_AGAIN);
}

static void test_messages_are_one_line_of_utf8(void **state)
{
    char body[2000] = "{\"error\":{\"message\":\"a\\u0000b\\r\\n   c\\u001bd ";
    (void)state;
    for (int i = 0; i < 300; i++)
        strcat(body, "\xe2\x82\xac");
    strcat(body, "\"}}");
    judge(403, body);
    assert_message("a b c d \xe2\x82\xac\xe2\x82\xac");
    assert_message("\xe2\x82\xac... (request id");
    for (const char *c = err.message; *c != '\0'; c++)
        assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
}

/* What the login host says in OAuth's words is read elsewhere; this is a gateway, or another kind of
 * server. */
static void test_the_login_host_says_no(void **state)
{
    (void)state;
    assert_int_equal(judge_login(400, "bad form: client_secret=hidden"), DATAVERSE_FAIL);
    assert_int_equal(err.status, DVS_E_AUTH);
    assert_message("the token (https://login.microsoftonline.com/t/oauth2/v2.0/token): HTTP 400");
    assert_null(strstr(err.message, "hidden"));
    judge_login(400, "{\"error\":{\"code\":\"1\",\"message\":\"not hidden\"}}");
    assert_null(strstr(err.message, "hidden"));
    judge_login(503, "not hidden");
    assert_null(strstr(err.message, "hidden"));
    assert_int_equal(judge_login(429, ""), DATAVERSE_AGAIN);
    assert_int_equal(judge_login(503, "<html>"), DATAVERSE_AGAIN);
    assert_int_equal(judge_login(404, ""), DATAVERSE_FAIL);
    assert_message("check authority and tenant_id");
}

/* Some gateways repeat the token that they do not like, whole or in part. */
static void test_a_token_is_not_repeated(void **state)
{
    static const char token[] = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
    static const char *const bodies[][2] = {
        {"IDX10503: Signature validation failed. token: '", "'."},
        {"{\"error\":{\"code\":\"\",\"message\":\"no good: ", "\"}}"},
        {"{\"Message\":\"no good: ", "\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        for (int part = 0; part < 2; part++) {
            char body[300];
            snprintf(body, sizeof body, "%s%.*s%s", bodies[i][0], part ? 30 : 300, token, bodies[i][1]);
            judge_with(401, body, token);
            assert_message("HTTP 401");
            assert_null(strstr(err.message, "eyJ0eXAi"));
        }
    }
    judge_with(401, "the token has expired", token);
    assert_message("the token has expired");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_codes_in_both_spellings),
        cmocka_unit_test(test_what_can_be_done_is_said),
        cmocka_unit_test(test_a_column_that_is_no_more),
        cmocka_unit_test(test_a_stamp_that_has_expired),
        cmocka_unit_test(test_bodies_that_are_no_json),
        cmocka_unit_test(test_messages_are_one_line_of_utf8),
        cmocka_unit_test(test_the_login_host_says_no),
        cmocka_unit_test(test_a_token_is_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
