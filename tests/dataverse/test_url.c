/* test_url.c - addresses, origins, and where a secret may go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "url.h"

static struct dataverse_origin origin_of(const char *url)
{
    struct dataverse_origin origin;
    if (dataverse_url_origin(url, &origin) != 0)
        fail_msg("%s is an address", url);
    return origin;
}

static void test_origins_are_read(void **state)
{
    struct dataverse_origin o = origin_of("https://Org.CRM4.dynamics.com/api/data?x=http://evil/");
    (void)state;
    assert_int_equal(o.https, 1);
    assert_int_equal(o.port, 443);
    assert_string_equal(o.host, "org.crm4.dynamics.com");
    o = origin_of("HTTP://127.0.0.1:8080");
    assert_int_equal(o.https, 0);
    assert_int_equal(o.port, 8080);
    o = origin_of("http://[::1]:80/x");
    assert_string_equal(o.host, "::1");
    assert_int_equal(o.port, 80);
    assert_int_equal(origin_of("https://a.example:").port, 443);
    assert_int_equal(origin_of("http://a.example#x").port, 80);
}

static void test_what_is_no_plain_address_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "org.crm.dynamics.com",
                                      "//org/",
                                      "ftp://a/",
                                      "httpsx://a/",
                                      "https:a",
                                      "https:/a",
                                      "https://",
                                      "https:///x",
                                      "https://user@a/",
                                      "https://user:password@a/",
                                      "https://a@b/",
                                      "https://a:443@b/",
                                      "https://a:0/",
                                      "https://a:65536/",
                                      "https://a:99999999999999999999/",
                                      "https://a:44x/",
                                      "https://a:-1/",
                                      "https://a\\@b/",
                                      "https://a b/",
                                      "https://a%2eb/",
                                      "https://\xc3\xa4.example/",
                                      "https://a\r\nb/",
                                      "https://[::1",
                                      "https://[::1]x/",
                                      "https://[::1%25eth0]/",
                                      "https://[g::1]/",
                                      "https://[127.0.0.1]/",
                                      "https://a;b/",
                                      " https://a/",
                                      "java:https://a/"};
    struct dataverse_origin origin;
    char many[600];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (dataverse_url_origin(bad[i], &origin) == 0)
            fail_msg("%s was taken, as %s", bad[i], origin.host);
    }
    memset(many, 'a', sizeof many);
    memcpy(many, "https://", 8);
    many[sizeof many - 1] = '\0';
    assert_int_equal(dataverse_url_origin(many, &origin), -1);
}

static int same(const char *a, const char *b)
{
    struct dataverse_origin first = origin_of(a);
    struct dataverse_origin second = origin_of(b);
    return dataverse_url_same_origin(&first, &second);
}

static void test_origins_are_compared(void **state)
{
    (void)state;
    assert_true(same("https://org.example/a", "https://ORG.example:443/b?c"));
    assert_true(same("http://org.example:80", "http://org.example/"));
    assert_false(same("https://org.example", "http://org.example"));
    assert_false(same("https://org.example", "https://org.example:8443"));
    assert_false(same("https://org.example", "https://org.example.evil.example"));
    assert_false(same("https://org.example", "https://org.example./"));
    assert_false(same("http://org.example:443", "https://org.example"));
}

static int allowed(const char *url)
{
    struct dataverse_origin origin = origin_of(url);
    return dataverse_url_is_allowed(&origin);
}

static void test_plain_http_only_to_loopback(void **state)
{
    (void)state;
    assert_true(allowed("https://anything.example"));
    assert_true(allowed("http://127.0.0.1:1"));
    assert_true(allowed("http://127.200.3.4"));
    assert_true(allowed("http://localhost:80"));
    assert_true(allowed("http://LOCALHOST"));
    assert_true(allowed("http://[::1]"));
    assert_true(allowed("http://[0:0:0:0:0:0:0:1]"));
    assert_false(allowed("http://org.example"));
    assert_false(allowed("http://128.0.0.1"));
    assert_false(allowed("http://127.0.0.1.evil.example"));
    assert_false(allowed("http://localhost.evil.example"));
    assert_false(allowed("http://127.1"));
    assert_false(allowed("http://0.0.0.0"));
    assert_false(allowed("http://[::]"));
    assert_false(allowed("http://[::ffff:10.0.0.1]"));
}

static int secret(const char *url, const char *authority)
{
    struct dataverse_origin origin = origin_of(url);
    struct dataverse_origin named;
    if (authority == NULL)
        return dataverse_url_may_get_secret(&origin, NULL);
    named = origin_of(authority);
    return dataverse_url_may_get_secret(&origin, &named);
}

static void test_a_secret_goes_to_login_hosts_only(void **state)
{
    (void)state;
    assert_true(secret("https://login.microsoftonline.com/t/oauth2/v2.0/token", NULL));
    assert_true(secret("https://LOGIN.microsoftonline.us", NULL));
    assert_true(secret("https://login.partner.microsoftonline.cn", NULL));
    assert_true(secret("https://login.windows.net", NULL));
    assert_true(secret("http://127.0.0.1:9999", NULL));
    assert_false(secret("http://login.microsoftonline.com", NULL));
    assert_false(secret("https://login.microsoftonline.com:8443", NULL));
    assert_false(secret("https://login.microsoftonline.com.evil.example", NULL));
    assert_false(secret("https://evil-login.microsoftonline.com", NULL));
    assert_false(secret("https://xlogin.windows.net", NULL));
    assert_false(secret("https://login.example", NULL));
    assert_false(secret("https://org.crm.dynamics.com", NULL));
}

static void test_a_secret_goes_to_the_authority_that_is_set(void **state)
{
    (void)state;
    assert_true(secret("https://login.example/x", "https://login.example"));
    assert_false(secret("https://login.example:444", "https://login.example"));
    assert_false(secret("https://other.example", "https://login.example"));
    assert_false(secret("http://login.example", "http://login.example"));
    assert_true(secret("https://login.microsoftonline.com", "https://login.example"));
}

static void check_resolve(const char *base, const char *link, const char *expected)
{
    char *got = dataverse_url_resolve(base, link);
    if (expected == NULL) {
        assert_null(got);
        return;
    }
    if (got == NULL || strcmp(got, expected) != 0)
        fail_msg("%s with %s gives %s, not %s", base, link, got != NULL ? got : "nothing", expected);
    free(got);
}

static void test_links_are_resolved(void **state)
{
    const char *base = "http://a/b/c/d;p?q";
    (void)state;
    /* The examples of RFC 3986, section 5.4. */
    check_resolve(base, "g", "http://a/b/c/g");
    check_resolve(base, "./g", "http://a/b/c/g");
    check_resolve(base, "g/", "http://a/b/c/g/");
    check_resolve(base, "/g", "http://a/g");
    check_resolve(base, "//g", "http://g");
    check_resolve(base, "?y", "http://a/b/c/d;p?y");
    check_resolve(base, "g?y", "http://a/b/c/g?y");
    check_resolve(base, ";x", "http://a/b/c/;x");
    check_resolve(base, "", "http://a/b/c/d;p?q");
    check_resolve(base, ".", "http://a/b/c/");
    check_resolve(base, "./", "http://a/b/c/");
    check_resolve(base, "..", "http://a/b/");
    check_resolve(base, "../", "http://a/b/");
    check_resolve(base, "../g", "http://a/b/g");
    check_resolve(base, "../..", "http://a/");
    check_resolve(base, "../../g", "http://a/g");
    check_resolve(base, "../../../g", "http://a/g");
    check_resolve(base, "/./g", "http://a/g");
    check_resolve(base, "/../g", "http://a/g");
    check_resolve(base, "g.", "http://a/b/c/g.");
    check_resolve(base, "..g", "http://a/b/c/..g");
    check_resolve(base, "./../g", "http://a/b/g");
    check_resolve(base, "g/./h", "http://a/b/c/g/h");
    check_resolve(base, "g/../h", "http://a/b/c/h");
    check_resolve(base, "g?y/../x", "http://a/b/c/g?y/../x");
    check_resolve("https://a", "g?x", "https://a/g?x");
    check_resolve("https://a?q", "?x", "https://a/?x");
    check_resolve("https://a/v9.2/", "EntityDefinitions(LogicalName='a:b')/Attributes",
                  "https://a/v9.2/EntityDefinitions(LogicalName='a:b')/Attributes");
}

static void test_links_are_taken_byte_for_byte(void **state)
{
    (void)state;
    check_resolve("https://a/", "https://a/x?$skiptoken=%3ccookie%20%3Cx%22%2522/../.%2f",
                  "https://a/x?$skiptoken=%3ccookie%20%3Cx%22%2522/../.%2f");
    check_resolve("https://a/", "https://a/x?$filter=a eq \"b\"", "https://a/x?$filter=a%20eq%20%22b%22");
    check_resolve("https://a/", "x?n=\xc3\xa4", "https://a/x?n=%C3%A4");
    check_resolve("https://a/", "x?y#fragment", "https://a/x?y");
    check_resolve("https://a/", "x\r\nHost: evil", NULL);
    check_resolve("https://a/", "https://user@b/", NULL);
    check_resolve("https://a/", "mailto:x", NULL);
    check_resolve("not an address", "x", NULL);
}

static void test_messages_show_no_query_and_no_user(void **state)
{
    char text[200];
    char small[8];
    (void)state;
    dataverse_url_for_message("https://a/b?secret=1#x", text, sizeof text);
    assert_string_equal(text, "https://a/b");
    dataverse_url_for_message("https://user:password@a/b@c", text, sizeof text);
    assert_string_equal(text, "a/b@c");
    dataverse_url_for_message("https://a/\x1b[31m\n", text, sizeof text);
    assert_string_equal(text, "https://a/?[31m?");
    dataverse_url_for_message("https://a/b", small, sizeof small);
    assert_string_equal(small, "https:/");
}

static void test_values_are_encoded(void **state)
{
    char *text = dataverse_url_encode("a'b+c&d e\xc3\xa4~-._9", 16);
    (void)state;
    assert_string_equal(text, "a%27b%2Bc%26d%20e%C3%A4~-._9");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins_are_read),
        cmocka_unit_test(test_what_is_no_plain_address_is_refused),
        cmocka_unit_test(test_origins_are_compared),
        cmocka_unit_test(test_plain_http_only_to_loopback),
        cmocka_unit_test(test_a_secret_goes_to_login_hosts_only),
        cmocka_unit_test(test_a_secret_goes_to_the_authority_that_is_set),
        cmocka_unit_test(test_links_are_resolved),
        cmocka_unit_test(test_links_are_taken_byte_for_byte),
        cmocka_unit_test(test_messages_show_no_query_and_no_user),
        cmocka_unit_test(test_values_are_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
