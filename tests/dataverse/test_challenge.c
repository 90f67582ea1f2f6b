/* Behaviour of the challenge parser: everything that organisations are known to send, and nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth.h"

#define LOGIN "https://login.microsoftonline.com/11112222-3333-4444-5555-666677778888/oauth2/authorize"
#define ORG "https://org.crm4.dynamics.com/"

static const struct {
    const char *header;
    const char *uri;
    const char *resource;
} cases[] = {
    /* as recorded from a live organisation: unquoted, with : and / */
    {"Bearer authorization_uri=" LOGIN ", resource_id=" ORG, LOGIN, ORG},
    {"Bearer authorization_uri=\"" LOGIN "\", resource_id=\"" ORG "\"", LOGIN, ORG},
    {"Bearer authorization_uri='" LOGIN "'", LOGIN, ""},
    {"bEaReR AUTHORIZATION_URI=" LOGIN ",Resource_Id=" ORG, LOGIN, ORG},
    {"Bearer resource_id=" ORG ",authorization_uri=" LOGIN, LOGIN, ORG},
    {"  Bearer\tauthorization_uri = " LOGIN " ,  resource_id =\t\"" ORG "\"  ", LOGIN, ORG},
    {"Bearer authorization_uri=" LOGIN " resource_id=" ORG, LOGIN, ORG},
    {"Bearer authorization_uri=" LOGIN, LOGIN, ""},
    {"Bearer authorization_uri=" LOGIN ", resource_id=", LOGIN, ""},
    /* several challenges, as on premises */
    {"Negotiate, NTLM, Bearer authorization_uri=" LOGIN ", resource_id=" ORG, LOGIN, ORG},
    {"Basic realm=\"a, Bearer authorization_uri=https://evil.example/t\", Bearer authorization_uri=" LOGIN,
     LOGIN, ""},
    {"Bearer authorization_uri=" LOGIN ", Basic realm=\"x\", resource_id=https://evil.example/", LOGIN, ""},
    {"Bearer resource_id=https://evil.example/, Bearer authorization_uri=" LOGIN, LOGIN, ""},
    {"Bearer authorization_uri=" LOGIN ", Bearer authorization_uri=https://evil.example/t", LOGIN, ""},
    {"Bearer authorization_uri=" LOGIN ", authorization_uri=https://evil.example/t", LOGIN, ""},
    {"Negotiate YII==, Bearer authorization_uri=" LOGIN, LOGIN, ""},
    {"Bearer error=\"invalid_token\", authorization_uri=" LOGIN, LOGIN, ""},
    {"Bearer authorization_uri=\"https://h/\\\"t\\\\\"", "https://h/\"t\\", ""},
    {"Bearer authorization_uri=\"" LOGIN, LOGIN, ""},
    {"Bearer authorization_uri=https://h/t?a=b&c=d", "https://h/t?a=b&c=d", ""},
    /* nothing in it */
    {"", NULL, ""},
    {"Bearer", NULL, ""},
    {"Bearer ", NULL, ""},
    {"Bearer realm=\"x\"", NULL, ""},
    {"Bearer resource_id=" ORG, NULL, ORG},
    {"Basic authorization_uri=" LOGIN, NULL, ""},
    {"authorization_uri=" LOGIN, NULL, ""},
    {"Bearer authorization_uri=", NULL, ""},
    {"Bearer authorization_uri=\"\"", NULL, ""},
    {"Bearer authorization_uri=\"https://h/\x01t\"", NULL, ""},
    {"Bearer authorization_uri=\"https://h/\xc3\xa4\"", NULL, ""},
    {"\"\"\"===,,,='", NULL, ""},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char uri[512];
        char resource[512];
        int status = dataverse_challenge_parse(cases[i].header, uri, resource, sizeof uri);
        if (status != (cases[i].uri == NULL ? -1 : 0) ||
            (cases[i].uri != NULL && strcmp(uri, cases[i].uri) != 0) ||
            strcmp(resource, cases[i].resource) != 0)
            fail_msg("%s\ngave %d, \"%s\", \"%s\"", cases[i].header, status, uri, resource);
    }
}

/* A value that does not fit is as good as none: half an address would be another one. */
static void test_too_long(void **state)
{
    (void)state;
    char uri[20];
    char resource[20];
    assert_int_equal(
        dataverse_challenge_parse("Bearer authorization_uri=https://h.example/0", uri, resource, 20), 0);
    assert_string_equal(uri, "https://h.example/0");
    assert_int_equal(
        dataverse_challenge_parse("Bearer authorization_uri=https://h.example/01", uri, resource, 20), -1);
    assert_int_equal(
        dataverse_challenge_parse("Bearer authorization_uri=\"https://h.example/01\"", uri, resource, 20),
        -1);
    assert_int_equal(
        dataverse_challenge_parse("Bearer authorization_uri=https://h/t, resource_id=https://h.example/01",
                                  uri, resource, 20),
        0);
    assert_string_equal(resource, "");
    assert_int_equal(dataverse_challenge_parse("Bearer authorization_uri=https://h/t", uri, resource, 0), -1);
}

/* Every header with its end cut off, and with each byte replaced: any answer will do, in bounds. */
static void test_nonsense(void **state)
{
    (void)state;
    static const char odd[] = {'"', '\'', '=', ',', ' ', '\\', '\x01', '\xff', 'B'};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = strlen(cases[i].header);
        for (size_t at = 0; at < length; at++) {
            /* of its very size, so that the sanitizer sees a step too far */
            char *header = malloc(length + 1);
            char *uri = malloc(64);
            char *resource = malloc(64);
            assert_non_null(header);
            assert_non_null(uri);
            assert_non_null(resource);
            for (size_t k = 0; k < sizeof odd; k++) {
                memcpy(header, cases[i].header, length + 1);
                header[at] = odd[k];
                dataverse_challenge_parse(header, uri, resource, 64);
                assert_true(strlen(uri) < 64 && strlen(resource) < 64);
            }
            header[at] = '\0';
            dataverse_challenge_parse(header, uri, resource, 64);
            free(header);
            free(uri);
            free(resource);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
