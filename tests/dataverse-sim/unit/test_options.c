/* The command line of dvsync-sim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

#define ARGS_MAX 40

/* Reads "a b c" as a command line. */
static int read_line(struct sim_options *options, const char *line, char message[256])
{
    static char copy[512];
    char *argv[ARGS_MAX] = {copy};
    int argc = 1;
    char *save = NULL;
    strncpy(copy, line, sizeof copy - 1);
    for (char *word = strtok_r(copy, " ", &save); word != NULL && argc < ARGS_MAX;
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    message[0] = '\0';
    return sim_options_read(options, argc, argv, message, 256);
}

static void has_defaults(void **state)
{
    (void)state;
    struct sim_options options;
    char message[256];
    assert_int_equal(read_line(&options, "", message), 0);
    assert_int_equal(options.port, 0);
    assert_int_equal(options.token_seconds, 3599);
    assert_int_equal(options.max_concurrent, 52);
    assert_string_equal(options.client_id, "sim-client");
    assert_string_equal(options.client_secret, "sim-secret");
    assert_int_equal(options.challenge, SIM_CHALLENGE_PLAIN);
    assert_int_equal(options.n_rows, 2);
    assert_memory_equal(options.rows[0].name, "accounts", 8);
    assert_int_equal(options.rows[0].rows, 1000);
    sim_options_free(&options);
}

static void takes_what_it_is_given(void **state)
{
    (void)state;
    struct sim_options options;
    char message[256];
    assert_int_equal(
        read_line(&options,
                  "--port 8080 --rows accounts=5 --columns tasks=7 --rows tasks=0 --data a.csv --data b.json "
                  "--gzip --token-seconds 9 --latency 3 --challenge mixed --expires-in string",
                  message),
        0);
    assert_int_equal(options.port, 8080);
    assert_int_equal(options.n_rows, 2);
    assert_int_equal(options.rows[0].rows, 5);
    assert_int_equal(options.rows[0].columns, 0);
    assert_int_equal(options.rows[1].name_length, 5);
    assert_int_equal(options.rows[1].rows, 0);
    assert_int_equal(options.rows[1].columns, 7);
    assert_int_equal(options.n_data, 2);
    assert_string_equal(options.data[1], "b.json");
    assert_true(options.gzip);
    assert_int_equal(options.token_seconds, 9);
    assert_int_equal(options.latency_ms, 3);
    assert_int_equal(options.challenge, SIM_CHALLENGE_MIXED);
    assert_true(options.expires_in_string);
    sim_options_free(&options);
}

static void reads_times_and_seeds(void **state)
{
    (void)state;
    struct sim_options options;
    char message[256];
    assert_int_equal(read_line(&options, "--time 2024-02-29T12:00:01Z --seed 18446744073709551600", message),
                     0);
    assert_true(options.time == INT64_C(1709208001000000));
    assert_true(options.seed == UINT64_C(18446744073709551600));
    sim_options_free(&options);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"--port 65536", "--port"},
        {"--port -1", "--port"},
        {"--port", "without a value"},
        {"--port 1x", "\"1x\""},
        {"--rows accounts", "SET=NUMBER"},
        {"--rows =5", "SET=NUMBER"},
        {"--rows accounts=", "SET=NUMBER"},
        {"--rows accounts=1 --rows accounts=2", "twice"},
        {"--columns accounts=0", "SET=NUMBER"},
        {"--columns accounts=5", "no --rows"},
        {"--token-seconds 0", "--token-seconds"},
        {"--max-concurrent 0", "--max-concurrent"},
        {"--seed 99999999999999999999", "--seed"},
        {"--time yesterday", "--time"},
        {"--time 2023-02-29T00:00:00Z", "--time"},
        {"--challenge none-such", "--challenge"},
        {"--expires-in never", "--expires-in"},
        {"--nonsense 1", "\"--nonsense\""},
        {"accounts=5", "no option"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_options options;
        char message[256];
        if (read_line(&options, cases[i].line, message) == 0 || strstr(message, cases[i].says) == NULL)
            fail_msg("\"%s\" was answered with \"%s\"", cases[i].line, message);
        sim_options_free(&options);
    }
}

static void helps_with_every_option(void **state)
{
    (void)state;
    static const char *const names[] = {
        "--rows",           "--columns",       "--data",   "--seed",          "--time",
        "--client-id",      "--client-secret", "--tenant", "--token-seconds", "--challenge",
        "--expires-in",     "--port",          "--gzip",   "--ready-file",    "--latency",
        "--max-concurrent", "--fault",         "--help"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(sim_options_help, names[i]) == NULL)
            fail_msg("--help is silent about %s", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(takes_what_it_is_given),
        cmocka_unit_test(reads_times_and_seeds),
        cmocka_unit_test(refuses),
        cmocka_unit_test(helps_with_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
