/*
 * sqlite_fixture.h - what the tests of the sqlite sink share: the plugin as built, called through the host's
 * fence, in a folder of its own, and the sqlite3 program to look into the file with other eyes.
 */
#ifndef SQLITE_FIXTURE_H
#define SQLITE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/batch.h"
#include "data/cell.h"
#include "data/schema.h"
#include "plugin/host.h"
#include "plugin/registry.h"

#define UNUSED __attribute__((unused))

typedef struct fixture {
    dvsi_registry *registry;
    const dvsi_plugin *plugin;
    char folder[64];
    char path[128];
    dvs_setting setting[8];
    dvs_settings settings;
    atomic_int cancelled;
    dvsi_services services;
    uint64_t tables; /* ids given out */
} fixture;

UNUSED static void set(fixture *f, const char *name, dvs_cell value)
{
    dvs_setting *s = &f->setting[f->settings.n_settings++];
    s->struct_size = (uint32_t)sizeof *s;
    s->name = name;
    s->value = value;
}

UNUSED static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    dvs_error err = DVS_ERROR_INIT;
    char so[512];
    snprintf(so, sizeof so, "%s/dvsync-sink-sqlite.so", BUILD_PLUGINS);
    f->registry = dvsi_registry_new(NULL, 0);
    if (dvsi_registry_load_file(f->registry, so, &f->plugin, &err) != DVS_OK) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    snprintf(f->folder, sizeof f->folder, "/tmp/dvsync-sqlite-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    snprintf(f->path, sizeof f->path, "%s/data.db", f->folder);
    f->settings.struct_size = (uint32_t)sizeof f->settings;
    f->settings.stride = (uint32_t)sizeof(dvs_setting);
    f->settings.settings = f->setting;
    f->services.cancelled = &f->cancelled;
    set(f, "path", dvsi_cell_text(f->path));
    *state = f;
    return 0;
}

UNUSED static int tear_down(void **state)
{
    fixture *f = *state;
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", f->folder, f->folder);
    if (system(command) != 0)
        return -1;
    dvsi_registry_free(f->registry);
    free(f);
    return 0;
}

/* Fails the test with the error's message unless `status` is DVS_OK. */
#define OK(call)                                                                                             \
    do {                                                                                                     \
        dvs_error err_ = DVS_ERROR_INIT;                                                                     \
        int32_t status_ = (call);                                                                            \
        if (status_ != DVS_OK)                                                                               \
            fail_msg("%s: status %d: %s", #call, (int)status_, err_.message);                                \
    } while (0)
/* The call is to fail with `wanted`, and its message to hold `words`. */
#define FAILS(call, wanted, words)                                                                           \
    do {                                                                                                     \
        dvs_error err_ = DVS_ERROR_INIT;                                                                     \
        int32_t status_ = (call);                                                                            \
        if (status_ != (wanted) || strstr(err_.message, (words)) == NULL)                                    \
            fail_msg("%s: status %d, not %d: %s", #call, (int)status_, (int)(wanted), err_.message);         \
    } while (0)
#define ERR (&err_)

UNUSED static int32_t try_open(fixture *f, uint32_t flags, dvsi_sink **sink, dvs_error *err)
{
    return dvsi_sink_open(f->plugin, "crm", &f->settings, flags, &f->services, sink, err);
}

UNUSED static dvsi_sink *open_sink(fixture *f, uint32_t flags)
{
    dvsi_sink *sink = NULL;
    OK(try_open(f, flags, &sink, ERR));
    return sink;
}

/* What the sqlite3 program says to `sql`, without the last newline; in a buffer that the next call reuses. */
UNUSED static const char *look(const char *path, const char *sql)
{
    static char out[65536];
    int ends[2];
    size_t length = 0;
    ssize_t n;
    int status;
    pid_t child;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        execlp("sqlite3", "sqlite3", "-batch", "-nullvalue", "NULL", path, sql, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while ((n = read(ends[0], out + length, sizeof out - 1 - length)) > 0)
        length += (size_t)n;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    while (length > 0 && out[length - 1] == '\n')
        length--;
    out[length] = '\0';
    return out;
}

#define LOOK(sql, wanted) assert_string_equal(look(f->path, sql), wanted)

/* ---- Tables ---- */

UNUSED static dvs_table table_of(fixture *f, const char *name, const dvsi_schema *schema)
{
    dvs_table table = {.struct_size = (uint32_t)sizeof table,
                       .n_columns = schema->n_columns,
                       .column_stride = (uint32_t)sizeof(dvs_column),
                       .id = ++f->tables,
                       .name = name,
                       .columns = schema->columns};
    return table;
}

UNUSED static void make_table(dvsi_sink *sink, const dvs_table *table)
{
    dvs_change change = {
        .struct_size = (uint32_t)sizeof change, .type = DVS_CHANGE_CREATE_TABLE, .table = table};
    OK(dvsi_sink_apply_schema(sink, &change, 1, ERR));
}

/* row_id, then as many columns as there are kinds, named c1, c2, ... */
UNUSED static void columns_of(dvsi_schema *schema, const uint32_t *kinds, uint32_t n)
{
    char name[16];
    assert_non_null(dvsi_schema_put(schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID));
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "c%u", i + 1);
        assert_non_null(dvsi_schema_put(schema, name, kinds[i], DVS_COLUMN_NULLABLE));
    }
}

UNUSED static int32_t try_insert(dvsi_sink *sink, const dvs_table *table, const dvs_cell *cells, uint32_t n,
                                 dvs_error *err)
{
    dvs_write write = {
        .struct_size = (uint32_t)sizeof write, .n_inserts = n, .table = table, .inserts = cells};
    return dvsi_sink_write(sink, &write, 0, err);
}

UNUSED static void insert(dvsi_sink *sink, const dvs_table *table, const dvs_cell *cells, uint32_t n)
{
    OK(try_insert(sink, table, cells, n, ERR));
}

/* All columns and rows in the order of the row id. Free with dvsi_batch_free. */
UNUSED static dvsi_batch *read_all(dvsi_sink *sink, const dvs_table *table)
{
    uint32_t columns[64];
    const uint32_t order[] = {0};
    dvs_scan scan = {.struct_size = (uint32_t)sizeof scan,
                     .table = table,
                     .columns = columns,
                     .n_columns = table->n_columns,
                     .order = order,
                     .n_order = 1};
    dvsi_batch *batch = dvsi_batch_new(table->n_columns);
    assert_true(table->n_columns <= 64);
    for (uint32_t i = 0; i < table->n_columns; i++)
        columns[i] = i;
    OK(dvsi_sink_scan(sink, &scan, batch, ERR));
    return batch;
}

UNUSED static void begin(dvsi_sink *sink)
{
    OK(dvsi_sink_begin(sink, ERR));
}

UNUSED static void commit(dvsi_sink *sink)
{
    OK(dvsi_sink_commit(sink, ERR));
}

/* A committed table "t" (row_id INT64, c1 TEXT) of n rows "row 1", ... */
UNUSED static void fill(fixture *f, dvsi_sink *sink, const char *name, int n)
{
    static const uint32_t kinds[] = {DVS_TEXT};
    dvsi_schema schema = {0};
    dvs_table table;
    columns_of(&schema, kinds, 1);
    table = table_of(f, name, &schema);
    begin(sink);
    make_table(sink, &table);
    for (int i = 1; i <= n; i++) {
        char text[32];
        dvs_cell cells[2] = {dvsi_cell_int64(i)};
        snprintf(text, sizeof text, "row %d", i);
        cells[1] = dvsi_cell_text(text);
        insert(sink, &table, cells, 1);
    }
    commit(sink);
    dvsi_schema_free(&schema);
}

/* Runs `body` in a child process, as an unprivileged user when `unprivileged`. Its exit code. */
UNUSED static int in_child(fixture *f, bool unprivileged, int (*body)(fixture *f))
{
    int status;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed check ends the child, not only the test */
        if (unprivileged && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
            _exit(99);
        _exit(body(f));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

#endif
