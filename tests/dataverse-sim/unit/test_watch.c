/* What the simulator sees of a client's behaviour, and the parts of requests. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "auth.h"
#include "clock.h"
#include "gzip.h"
#include "watch.h"

struct world {
    struct sim_log *log;
    struct sim_watch *watch;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->log = sim_log_new();
    world->watch = sim_watch_new(world->log);
    assert_non_null(world->watch);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    sim_watch_free(world->watch);
    sim_log_free(world->log);
    free(world);
    return 0;
}

/* Whether the log has a violation with this text; NULL: any. Forgets all. */
static int complained(struct world *world, const char *text)
{
    char *list = sim_log_violations(world->log, NULL);
    assert_non_null(list);
    int found = text == NULL ? strcmp(list, "[]\n") != 0 : strstr(list, text) != NULL;
    free(list);
    sim_log_clear(world->log);
    return found;
}

static struct sim_request good_request(void)
{
    return (struct sim_request){.number = 7,
                                .method = "GET",
                                .uri = "/api/data/v9.2/accounts?$select=name",
                                .path = "/api/data/v9.2/accounts",
                                .query = "$select=name",
                                .accept = "application/json",
                                .authorization = "Bearer x",
                                .odata_version = "4.0",
                                .odata_max_version = "4.0",
                                .prefer = "odata.maxpagesize=50",
                                .body = ""};
}

static void reads_prefer(void **state)
{
    (void)state;
    struct sim_prefer prefer;
    sim_prefer_read(NULL, &prefer);
    assert_int_equal(prefer.max_page_size, 0);
    sim_prefer_read("odata.include-annotations=\"a,b\" , OData.MaxPageSize=17, odata.track-changes", &prefer);
    assert_int_equal(prefer.max_page_size, 17);
    assert_true(prefer.annotations);
    assert_string_equal(prefer.applied, "odata.include-annotations=\"a,b\",OData.MaxPageSize=17");
    sim_prefer_read("odata.maxpagesize=5001", &prefer);
    assert_int_equal(prefer.max_page_size, 0);
    assert_true(prefer.has_page_size);
    assert_string_equal(prefer.applied, "");
    sim_prefer_read("odata.include-annotations=\"odata.maxpagesize=3\"", &prefer);
    assert_int_equal(prefer.max_page_size, 0);
    sim_prefer_read("\"", &prefer);
    assert_int_equal(prefer.max_page_size, 0);
}

static void reads_queries_and_paths(void **state)
{
    (void)state;
    int known;
    assert_true(sim_query_has("$select=a", "$select"));
    assert_true(sim_query_has("a=b&%24select=a", "$select"));
    assert_false(sim_query_has("x$select=a&$selected=b", "$select"));
    assert_false(sim_query_has(NULL, "$select"));
    char *below = sim_path_below("/api/data/v9.1/Entity%44efinitions(LogicalName=%27a%27)", &known);
    assert_string_equal(below, "EntityDefinitions(LogicalName='a')");
    free(below);
    below = sim_path_below("/api/data/v9.2/", &known);
    assert_string_equal(below, "");
    free(below);
    assert_null(sim_path_below("/api/data/v8.2/accounts", &known));
    assert_false(known);
    assert_null(sim_path_below("/api/data", &known));
    assert_null(sim_path_below("/api/data/v9.", &known));
    char *field = sim_form_field("a=1&b=x%2By+z%", 14, "b");
    assert_string_equal(field, "x+y z%");
    free(field);
    assert_null(sim_form_field("bb=1&c", 6, "b"));
}

static void praises_good_requests(void **state)
{
    struct sim_request request = good_request();
    struct world *world = *state;
    sim_watch_any(world->watch, &request, "geheim", 1, 0);
    sim_watch_get(world->watch, &request, "accounts", 1);
    request.query = NULL;
    request.accept = "application/xml";
    sim_watch_get(world->watch, &request, "$metadata", 0);
    assert_false(complained(world, NULL));
}

static void misses_headers(void **state)
{
    struct world *world = *state;
    struct sim_request request = good_request();
    request.odata_version = NULL;
    sim_watch_get(world->watch, &request, "accounts", 1);
    assert_true(complained(world, "no header OData-Version"));
    request = good_request();
    request.odata_max_version = "3.0";
    sim_watch_get(world->watch, &request, "accounts", 1);
    assert_true(complained(world, "OData-MaxVersion is \\\"3.0\\\""));
    request = good_request();
    request.accept = "*/*";
    sim_watch_get(world->watch, &request, "accounts", 1);
    assert_true(complained(world, "header Accept"));
    request = good_request();
    request.query = "$filter=a";
    sim_watch_get(world->watch, &request, "accounts", 1);
    assert_true(complained(world, "without $select"));
    request.query = "$select=a&$top=5";
    sim_watch_get(world->watch, &request, "accounts", 1);
    assert_true(complained(world, "$top"));
}

static void guards_the_pause(void **state)
{
    struct world *world = *state;
    struct sim_request request = good_request();
    int64_t now = sim_clock_mono_ms();
    sim_watch_pause(world->watch, 5000);
    request.arrived_ms = now; /* was on its way */
    sim_watch_any(world->watch, &request, "geheim", 1, 0);
    assert_false(complained(world, NULL));
    request.arrived_ms = now + 2000;
    sim_watch_any(world->watch, &request, "geheim", 1, 0);
    assert_true(complained(world, "Retry-After"));
    request.arrived_ms = now + 6000;
    sim_watch_any(world->watch, &request, "geheim", 1, 0);
    assert_false(complained(world, NULL));
}

static void guards_secrets(void **state)
{
    struct world *world = *state;
    struct sim_request request = good_request();
    request.uri = "/api/data/v9.2/accounts?x=ge%68eim";
    sim_watch_any(world->watch, &request, "geheim", 1, 0);
    assert_true(complained(world, "client secret"));
    request = good_request();
    request.path = "/t/oauth2/v2.0/token";
    request.authorization = NULL;
    request.body = "client_secret=geheim";
    request.length = strlen(request.body);
    sim_watch_any(world->watch, &request, "geheim", 0, 1);
    assert_false(complained(world, NULL));
    sim_watch_any(world->watch, &request, "geheim", 0, 0);
    assert_true(complained(world, "client secret"));
    request.authorization = "Bearer x";
    sim_watch_any(world->watch, &request, "geheim", 0, 1);
    assert_true(complained(world, "Authorization header was sent to /t/oauth2"));
}

static void *leave_soon(void *closure)
{
    const struct timespec soon = {.tv_nsec = 20000000};
    nanosleep(&soon, NULL);
    sim_watch_leave(closure);
    return NULL;
}

static void counts_requests_at_once(void **state)
{
    struct world *world = *state;
    sim_watch_enter(world->watch);
    sim_watch_enter(world->watch);
    assert_false(sim_watch_crowded(world->watch, 2));
    assert_true(sim_watch_crowded(world->watch, 1));
    sim_watch_leave(world->watch);
    assert_false(sim_watch_crowded(world->watch, 1));
    /* One that is just ending does not count. */
    pthread_t thread;
    sim_watch_enter(world->watch);
    assert_int_equal(pthread_create(&thread, NULL, leave_soon, world->watch), 0);
    assert_false(sim_watch_crowded(world->watch, 1));
    pthread_join(thread, NULL);
    sim_watch_leave(world->watch);
}

static void understands_accept_encoding(void **state)
{
    (void)state;
    assert_true(sim_gzip_accepted("deflate, gzip"));
    assert_true(sim_gzip_accepted("GZIP;q=0.1"));
    assert_true(sim_gzip_accepted("*"));
    assert_false(sim_gzip_accepted("gzip;q=0"));
    assert_false(sim_gzip_accepted("gzip;q=0.00, br"));
    assert_false(sim_gzip_accepted("xgzip, br"));
    assert_false(sim_gzip_accepted(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_prefer),
        cmocka_unit_test(reads_queries_and_paths),
        cmocka_unit_test_setup_teardown(praises_good_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(misses_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(guards_the_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(guards_secrets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_requests_at_once, set_up, tear_down),
        cmocka_unit_test(understands_accept_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
