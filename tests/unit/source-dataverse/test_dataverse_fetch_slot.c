/* The slot fetch of source-dataverse behind the host's checks, against the simulator: what comes by key is
 * what a read brings, over more keys than one address holds, in one part and in several. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/cell.h"
#include "plugin/host.h"

#define ROWS 600
#define MISSING 100

typedef struct simulator {
    pid_t pid;
    char url[64];
} simulator;

/* Prints its address when it listens. */
static void start_simulator(simulator *s)
{
    static char program[] = BUILD_PLUGINS "/../bin/dvsync-sim";
    static char rows[] = "--rows", accounts[] = "accounts=600", contacts[] = "contacts=600";
    char *const args[] = {program, rows, accounts, rows, contacts, NULL};
    int ends[2];
    size_t n = 0;
    ssize_t got = 1;
    if (access(program, X_OK) != 0) {
        print_message("%s is not there\n", program);
        skip();
    }
    assert_int_equal(pipe(ends), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execv(program, args);
        _exit(127);
    }
    close(ends[1]);
    while (n + 1 < sizeof s->url && (got = read(ends[0], s->url + n, 1)) == 1 && s->url[n] != '\n')
        n++;
    close(ends[0]);
    s->url[n] = '\0';
    assert_int_equal(got, 1);
}

static void stop_simulator(const simulator *s)
{
    int status = 0;
    kill(s->pid, SIGTERM);
    while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR) {
    }
}

typedef struct fixture {
    dvsi_registry *registry;
    simulator simulator;
    dvs_setting items[3];
    dvs_settings settings;
    dvsi_source *source;
    dvsi_schema schema;
    dvs_cell keys[ROWS + MISSING];
    uint8_t guids[ROWS + MISSING][16];
    dvsi_batch *rows; /* of a complete read */
} fixture;

static void put_setting(fixture *f, const char *name, const char *value)
{
    f->items[f->settings.n_settings++] =
        (dvs_setting){.struct_size = sizeof(dvs_setting), .name = name, .value = dvsi_cell_text(value)};
}

static void open_stream(fixture *f, const char *path, const char *stream)
{
    const dvsi_plugin *plugin = NULL;
    dvs_error err = DVS_ERROR_INIT;
    memset(f, 0, sizeof *f);
    start_simulator(&f->simulator);
    f->registry = dvsi_registry_new(NULL, 0);
    assert_non_null(f->registry);
    f->settings = (dvs_settings){sizeof f->settings, 0, sizeof(dvs_setting), 0, f->items};
    put_setting(f, "url", f->simulator.url);
    put_setting(f, "client_id", "sim-client");
    put_setting(f, "client_secret", "sim-secret");
    if (dvsi_registry_load_file(f->registry, path, &plugin, &err) != DVS_OK ||
        dvsi_source_open(plugin, "crm", &f->settings, NULL, &f->source, &err) != DVS_OK ||
        dvsi_source_describe(f->source, stream, &f->schema, &err) != DVS_OK)
        fail_msg("%s", err.message);
}

static void close_stream(fixture *f)
{
    dvsi_batch_free(f->rows);
    dvsi_schema_free(&f->schema);
    dvsi_source_close(f->source);
    dvsi_registry_free(f->registry);
    stop_simulator(&f->simulator);
}

/* All rows into one batch. */
static void read_all(fixture *f, const char *stream)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_reader *reader = NULL;
    dvsi_progress progress = {0};
    const dvs_read read = {.struct_size = sizeof read, .mode = DVS_READ_FULL, .stream = stream};
    int32_t status = dvsi_source_start(f->source, &read, &f->schema, &progress, &reader, &err);
    f->rows = dvsi_batch_new(f->schema.n_columns);
    f->rows->max_rows = ROWS + 1;
    f->rows->max_bytes = (size_t)1 << 30;
    while (status == DVS_OK)
        status = dvsi_reader_pull(reader, f->rows, &err);
    if (status != DVS_END)
        fail_msg("%s", err.message);
    dvsi_reader_stop(reader);
    assert_int_equal(f->rows->n_rows, ROWS);
}

/* The keys of the rows, and between them some that nobody has. */
static uint32_t make_keys(fixture *f, int key)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        f->keys[n++] = dvsi_batch_cells(f->rows, i)[key];
        if (i % (ROWS / MISSING) == 0) {
            memset(f->guids[n], 0xEE, 16);
            f->guids[n][0] = (uint8_t)i;
            f->guids[n][1] = (uint8_t)(i >> 8);
            f->keys[n] = (dvs_cell){.kind = DVS_UUID, .length = 16, .v.bytes = f->guids[n]};
            n++;
        }
    }
    return n;
}

static int is_same(const dvs_cell *a, const dvs_cell *b)
{
    if (a->kind != b->kind || a->length != b->length)
        return 0;
    return a->length > 0 ? memcmp(a->v.bytes, b->v.bytes, a->length) == 0 : a->v.i64 == b->v.i64;
}

static void assert_row(const fixture *f, const dvs_cell *row, int key)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        const dvs_cell *other = dvsi_batch_cells(f->rows, i);
        if (!is_same(&other[key], &row[key]))
            continue;
        for (uint32_t c = 0; c < f->schema.n_columns; c++) {
            /* etag and spelling are the record's own; both reads ask for the same columns */
            if (!is_same(&other[c], &row[c]))
                fail_msg("row %u: column %s differs", i, f->schema.columns[c].name);
        }
        return;
    }
    fail_msg("a row that was not read before");
}

static void check_fetch(const char *path, const char *stream, const char *key_name)
{
    dvs_error err = DVS_ERROR_INIT;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    open_stream(f, path, stream);
    read_all(f, stream);
    int key = dvsi_schema_find(&f->schema, key_name);
    assert_true(key >= 0);
    uint32_t n = make_keys(f, key);
    assert_true(n >= ROWS + MISSING);
    dvsi_batch *batch = dvsi_batch_new(f->schema.n_columns);
    dvs_fetch fetch = {
        .struct_size = sizeof fetch, .stream = stream, .keys = f->keys, .n_keys = n, .n_key = 1};
    if (dvsi_source_fetch(f->source, &fetch, &f->schema, batch, &err) != DVS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(batch->n_rows, ROWS);
    assert_int_equal(batch->n_errors, 0);
    for (uint32_t i = 0; i < ROWS; i++)
        assert_row(f, dvsi_batch_cells(batch, i), key);

    /* Nothing but keys that nobody has. */
    dvsi_batch_reset(batch, f->schema.n_columns);
    fetch.keys = &f->keys[1];
    fetch.n_keys = 1;
    assert_int_equal(dvsi_source_fetch(f->source, &fetch, &f->schema, batch, &err), DVS_OK);
    assert_int_equal(batch->n_rows, 0);
    dvsi_batch_free(batch);
    close_stream(f);
    free(f);
}

static void one_part(void **state)
{
    (void)state;
    check_fetch(BUILD_PLUGINS "/dvsync-source-dataverse.so", "accounts", "accountid");
}

static void several_parts(void **state)
{
    (void)state;
    check_fetch(TEST_PLUGINS "/dvsync-source-dataversetiny.so", "contacts", "contactid");
}

static void no_such_table(void **state)
{
    dvs_error err = DVS_ERROR_INIT;
    fixture *f = calloc(1, sizeof *f);
    (void)state;
    assert_non_null(f);
    open_stream(f, BUILD_PLUGINS "/dvsync-source-dataverse.so", "accounts");
    dvsi_batch *batch = dvsi_batch_new(f->schema.n_columns);
    const dvs_cell key = {.kind = DVS_UUID, .length = 16, .v.bytes = f->guids[0]};
    const dvs_fetch fetch = {
        .struct_size = sizeof fetch, .stream = "acounts", .keys = &key, .n_keys = 1, .n_key = 1};
    assert_int_equal(dvsi_source_fetch(f->source, &fetch, &f->schema, batch, &err), DVS_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "accounts"));
    dvsi_batch_free(batch);
    close_stream(f);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_part),
        cmocka_unit_test(several_parts),
        cmocka_unit_test(no_such_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
