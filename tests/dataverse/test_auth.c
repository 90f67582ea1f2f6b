/* Behaviour of auth: where it asks for tokens, and to whom the secret goes. */
#include "auth_script.h"

/* No secret went anywhere but to the login host. */
static void assert_no_secret_sent(void)
{
    for (size_t i = 0; i < net.next; i++)
        assert_string_equal(net.seen[i].form, "");
}

/* ---- discovery ---- */

static void test_discovers(void **state)
{
    (void)state;
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[0].url, ORG "/api/data/v9.2/");
    assert_string_equal(net.seen[0].form, "");
    assert_string_equal(net.seen[0].bearer, "");
    assert_string_equal(net.seen[1].url, TOKEN_URL);
    assert_string_equal(net.seen[1].form,
                        "client_id=app&scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"
                        "client_secret=s%2Bcr%26t%3D%25%2F%C3%A4&grant_type=client_credentials");
    assert_token(NULL, "T1"); /* kept */
    token[0] = '\0';
    assert_int_equal(dataverse_auth_try_token(auth, token), 1);
    assert_string_equal(token, "T1");
    now_ms += 3300000;
    assert_int_equal(dataverse_auth_try_token(auth, token), 0);
    assert_int_equal(net.next, 2);
}

static void test_settings_go_first(void **state)
{
    (void)state;
    settings.url = ORG "/";
    settings.tenant_id = "contoso.example";
    settings.scope = "https://other.example/.default";
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[0].url, ORG "/api/data/v9.2/");
    assert_string_equal(net.seen[1].url,
                        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
    assert_non_null(strstr(net.seen[1].form, "scope=https%3A%2F%2Fother.example%2F.default&"));
}

static void test_authority_needs_no_discovery(void **state)
{
    (void)state;
    settings.authority = "https://login.example:8443/my-tenant/";
    SCRIPT(GIVE("T1"), GIVE("T2"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[0].url, "https://login.example:8443/my-tenant/oauth2/v2.0/token");
    assert_non_null(strstr(net.seen[0].form, "scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"));
    settings.tenant_id = "other-tenant";
    open_auth();
    assert_token(NULL, "T2");
    assert_string_equal(net.seen[1].url, "https://login.example:8443/other-tenant/oauth2/v2.0/token");
}

static void test_authority_without_tenant(void **state)
{
    (void)state;
    settings.authority = "https://login.example";
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "https://login.example/" TENANT "/oauth2/v2.0/token");
}

static void test_common_is_organizations(void **state)
{
    (void)state;
    SCRIPT({.status = 401,
            .challenge = "bearer authorization_uri=\"https://login.windows.net/Common/oauth2/authorize\""},
           GIVE("T1"));
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "https://login.windows.net/organizations/oauth2/v2.0/token");
}

/* A token for another resource would let the organisation act there in our name. */
static void test_resource_of_another_host(void **state)
{
    (void)state;
    SCRIPT({.status = 401,
            .challenge = "Bearer authorization_uri=" LOGIN ", resource_id=https://graph.microsoft.com/"},
           GIVE("T1"));
    assert_token(NULL, "T1");
    assert_non_null(strstr(net.seen[1].form, "scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"));
    assert_non_null(strstr(net.log, "graph.microsoft.com"));
}

static void test_resource_without_api(void **state)
{
    (void)state;
    settings.url = "https://org.api.crm4.dynamics.com";
    SCRIPT(ASK, GIVE("T1"));
    assert_token(NULL, "T1");
    assert_non_null(strstr(net.seen[1].form, "scope=https%3A%2F%2Forg.crm4.dynamics.com%2F.default&"));
}

static void test_no_organisation(void **state)
{
    (void)state;
    static const long statuses[] = {404, 400, 200, 302};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct step steps[] = {{.status = statuses[i], .body = "<html>hello</html>"}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_CONFIG, "https://org.crm4.dynamics.com is no Dataverse organisation");
        assert_int_equal(net.next, 1);
    }
}

static void test_useless_challenges(void **state)
{
    (void)state;
    static const char *const challenges[] = {NULL, "Bearer", "Basic realm=\"x\"",
                                             "Bearer resource_id=" ORG "/"};
    for (size_t i = 0; i < sizeof challenges / sizeof challenges[0]; i++) {
        struct step steps[] = {{.status = 401, .challenge = challenges[i]}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_PROTOCOL, "set authority");
    }
    static const char *const odd[] = {"Bearer authorization_uri=https://login.microsoftonline.com/",
                                      "Bearer authorization_uri=https://login.microsoftonline.com",
                                      "Bearer authorization_uri=https://login.microsoftonline.com/../x",
                                      "Bearer authorization_uri=https://login.microsoftonline.com/a%2fb/x",
                                      "Bearer authorization_uri=/t/oauth2",
                                      "Bearer authorization_uri=ftp://login.microsoftonline.com/t"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct step steps[] = {{.status = 401, .challenge = odd[i]}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_PROTOCOL, "the organisation named a login");
        assert_int_equal(net.next, 1);
    }
}

static void test_discovery_is_tried_again(void **state)
{
    (void)state;
    SCRIPT({.status = 503}, {.failure = DVS_E_NETWORK}, ASK, {.status = 429}, {.failure = DVS_E_TIMEOUT},
           GIVE("T1"));
    assert_token(NULL, "T1");
    assert_int_equal(net.waits, 4);
    static const struct step down[] = {{.status = 503}, {.status = 502}, {.status = 504}};
    script(down, 3);
    open_auth();
    assert_fails(DVS_E_NETWORK, "HTTP 504");
}

/* ---- where the secret goes ---- */

static void test_secret_stays_home(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "https://evil.example/" TENANT "/oauth2/authorize",
        "https://login.microsoftonline.com.evil.example/" TENANT,
        "https://evillogin.microsoftonline.com/" TENANT,
        "http://login.microsoftonline.com/" TENANT,
        "https://login.microsoftonline.com:8443/" TENANT,
        "https://127.0.0.1.evil.example/" TENANT,
    };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char challenge[300];
        snprintf(challenge, sizeof challenge, "Bearer authorization_uri=%s, resource_id=" ORG "/", hosts[i]);
        struct step steps[] = {{.status = 401, .challenge = challenge}};
        script(steps, 1);
        open_auth();
        assert_fails(DVS_E_AUTH, "the client secret was not sent to");
        assert_mentions("set authority");
        assert_int_equal(net.next, 1);
        assert_no_secret_sent();
    }
    /* user info in an address hides the host behind it: no address at all */
    static const struct step user[] = {
        {.status = 401,
         .challenge = "Bearer authorization_uri=https://login.microsoftonline.com@evil.example/" TENANT}};
    script(user, 1);
    open_auth();
    assert_fails(DVS_E_PROTOCOL, "no address");
    assert_no_secret_sent();
}

static void test_secret_and_authority(void **state)
{
    (void)state;
    settings.authority = "http://login.example/t";
    SCRIPT({.status = 500});
    assert_fails(DVS_E_CONFIG, "login.example");
    assert_int_equal(net.next, 0);
    /* the host of authority may have it, whoever the organisation names */
    settings.authority = "https://login.example";
    static const struct step steps2[] = {
        {.status = 401, .challenge = "Bearer authorization_uri=https://evil.example/" TENANT "/x"},
        GIVE("T1")};
    script(steps2, 2);
    open_auth();
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "https://login.example/" TENANT "/oauth2/v2.0/token");
    /* loopback may have it, and plainly */
    settings.authority = NULL;
    settings.url = "http://127.0.0.1:8080";
    static const struct step steps3[] = {
        {.status = 401,
         .challenge = "Bearer authorization_uri=http://127.0.0.1:8080/t/oauth2/authorize, "
                      "resource_id=http://localhost:8080/"},
        GIVE("T1")};
    script(steps3, 2);
    open_auth();
    assert_token(NULL, "T1");
    assert_string_equal(net.seen[1].url, "http://127.0.0.1:8080/t/oauth2/v2.0/token");
    assert_non_null(strstr(net.seen[1].form, "scope=http%3A%2F%2Flocalhost%3A8080%2F.default&"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_discovers),
        TEST(test_settings_go_first),
        TEST(test_authority_needs_no_discovery),
        TEST(test_authority_without_tenant),
        TEST(test_common_is_organizations),
        TEST(test_resource_of_another_host),
        TEST(test_resource_without_api),
        TEST(test_no_organisation),
        TEST(test_useless_challenges),
        TEST(test_discovery_is_tried_again),
        TEST(test_secret_stays_home),
        TEST(test_secret_and_authority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
