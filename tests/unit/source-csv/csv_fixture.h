/*
 * csv_fixture.h - the csv plugin behind the host's wrappers, for the tests of this folder. Two builds of it
 * are used: the one that ships, and "tiny", with a buffer of 24 bytes and records of at most 64 KB.
 */
#ifndef CSV_FIXTURE_H
#define CSV_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/cell.h"
#include "plugin/host.h"

#define MAX_SETTINGS 8
#define MAX_TYPES 16

typedef struct csv_fixture {
    dvsi_registry *registry;
    const dvsi_plugin *plugins[2]; /* the one that ships, tiny */
    char dir[64];
    char path[128]; /* of the file that write_file made last */
    dvs_setting items[MAX_SETTINGS];
    dvs_pair types[MAX_TYPES];
    dvs_settings settings;
} csv_fixture;

static inline const char *file_path(csv_fixture *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
    return f->path;
}

static inline void write_file(csv_fixture *f, const char *name, const void *data, size_t length)
{
    FILE *file = fopen(file_path(f, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(csv_fixture *f, const char *name, const char *text)
{
    write_file(f, name, text, strlen(text));
}

/* ---- Settings ---- */

static inline dvs_setting *add_setting(csv_fixture *f, const char *name)
{
    assert_true(f->settings.n_settings < MAX_SETTINGS);
    dvs_setting *s = &f->items[f->settings.n_settings++];
    memset(s, 0, sizeof *s);
    s->struct_size = (uint32_t)sizeof *s;
    s->name = name;
    return s;
}

static inline void set_text(csv_fixture *f, const char *name, const char *value)
{
    add_setting(f, name)->value = dvsi_cell_text(value);
}

static inline void set_bool(csv_fixture *f, const char *name, int value)
{
    add_setting(f, name)->value = dvsi_cell_bool(value);
}

static inline void set_type(csv_fixture *f, const char *column, const char *kind)
{
    dvs_setting *s = NULL;
    for (uint32_t i = 0; i < f->settings.n_settings; i++) {
        if (strcmp(f->items[i].name, "types") == 0)
            s = &f->items[i];
    }
    if (s == NULL) {
        s = add_setting(f, "types");
        s->pairs = f->types;
    }
    assert_true(s->n_pairs < MAX_TYPES);
    f->types[s->n_pairs++] = (dvs_pair){column, kind};
}

/* No settings but the path. */
static inline void set_path(csv_fixture *f, const char *path)
{
    f->settings = (dvs_settings){(uint32_t)sizeof f->settings, 0, (uint32_t)sizeof(dvs_setting), 0, f->items};
    set_text(f, "path", path);
}

/* ---- Set-up ---- */

static inline int csv_setup(void **state)
{
    dvs_error err = DVS_ERROR_INIT;
    csv_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->registry = dvsi_registry_new(NULL, 0);
    assert_non_null(f->registry);
    assert_int_equal(
        dvsi_registry_load_file(f->registry, BUILD_PLUGINS "/dvsync-source-csv.so", &f->plugins[0], &err),
        DVS_OK);
    assert_int_equal(
        dvsi_registry_load_file(f->registry, TEST_PLUGINS "/dvsync-source-csvtiny.so", &f->plugins[1], &err),
        DVS_OK);
    snprintf(f->dir, sizeof f->dir, "/tmp/dvsync-csv-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static inline int csv_teardown(void **state)
{
    csv_fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    int status = system(command);
    dvsi_registry_free(f->registry);
    free(f);
    return status;
}

/* ---- Reading ---- */

static inline dvsi_source *open_source(csv_fixture *f, int plugin)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_source *source = NULL;
    if (dvsi_source_open(f->plugins[plugin], "sheet", &f->settings, NULL, &source, &err) != DVS_OK)
        fail_msg("open: %s", err.message);
    return source;
}

/* The columns of a stream, with or without the raw one. */
static inline int32_t get_schema(dvsi_source *source, const char *stream, int with_raw, dvsi_schema *schema,
                                 dvs_error *err)
{
    dvsi_schema all = {0};
    int32_t status = dvsi_source_describe(source, stream, &all, err);
    for (uint32_t i = 0; status == DVS_OK && i < all.n_columns; i++) {
        if (with_raw || (all.columns[i].flags & DVS_COLUMN_RAW) == 0)
            assert_non_null(dvsi_schema_add(schema, &all.columns[i]));
    }
    dvsi_schema_free(&all);
    return status;
}

typedef struct token {
    uint8_t bytes[256];
    size_t length;
} token;

static inline int32_t start_read(dvsi_source *source, const char *stream, const dvsi_schema *schema,
                                 const token *position, dvsi_progress *progress, dvsi_reader **reader,
                                 dvs_error *err)
{
    dvs_read read = {.struct_size = (uint32_t)sizeof read, .mode = DVS_READ_FULL, .stream = stream};
    if (position != NULL) {
        read.resume = 1;
        read.token = position->bytes;
        read.token_length = position->length;
    }
    return dvsi_source_start(source, &read, schema, progress, reader, err);
}

static inline void take_position(const dvsi_batch *batch, token *position)
{
    assert_true(batch->checkpoint.token_length <= sizeof position->bytes);
    memcpy(position->bytes, batch->checkpoint.token, (size_t)batch->checkpoint.token_length);
    position->length = (size_t)batch->checkpoint.token_length;
}

static inline void print_cells(const dvs_cell *cells, uint32_t n, dvsi_buf *out)
{
    dvsi_buf_putc(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        dvsi_buf_puts(out, i == 0 ? "" : ",");
        if (cells[i].kind == DVS_ABSENT)
            dvsi_buf_puts(out, "absent");
        else
            dvsi_cell_json(out, &cells[i]);
    }
    dvsi_buf_putc(out, ']');
}

/* Rows and errors of a batch in the order of their lines: `2 ["a",null]`, `3 ! field: message <record>`,
 * behind an error the cells of the record that are usable, if there are any. */
static inline void print_batch(const dvsi_batch *batch, dvsi_buf *out)
{
    const dvsi_batch_error *e = batch->errors;
    for (uint32_t r = 0; r < batch->n_rows || e != NULL;) {
        if (e == NULL || (r < batch->n_rows && batch->rows[r].number < e->number)) {
            const dvs_cell *cells = dvsi_batch_cells(batch, r);
            dvsi_buf_printf(out, "%llu ", (unsigned long long)batch->rows[r++].number);
            print_cells(cells, batch->n_columns, out);
            dvsi_buf_putc(out, '\n');
        } else {
            dvsi_buf_printf(out, "%llu ! ", (unsigned long long)e->number);
            if (e->field != NULL)
                dvsi_buf_printf(out, "%s: ", e->field);
            dvsi_buf_printf(out, "%s <", e->message);
            for (size_t i = 0; i < e->record_length; i++) {
                unsigned char c = (unsigned char)e->record[i];
                if (c >= 0x20 && c < 0x7F)
                    dvsi_buf_putc(out, (char)c);
                else
                    dvsi_buf_printf(out, "\\x%02x", c);
            }
            dvsi_buf_putc(out, '>');
            if (e->cells != NULL) {
                dvsi_buf_putc(out, ' ');
                print_cells(e->cells, batch->n_columns, out);
            }
            dvsi_buf_putc(out, '\n');
            e = e->next;
        }
    }
}

/* Reads on until the end, a failure, or `max_pulls` pulls. `position`: of the last position checkpoint. */
static inline int32_t pull_all(dvsi_reader *reader, uint32_t n_columns, uint32_t max_rows, int max_pulls,
                               dvsi_buf *out, token *position, dvs_error *err)
{
    int32_t status = DVS_OK;
    dvsi_batch *batch = dvsi_batch_new(n_columns);
    assert_non_null(batch);
    batch->max_rows = max_rows;
    for (int i = 0; status == DVS_OK && i < max_pulls; i++) {
        dvsi_batch_reset(batch, n_columns);
        batch->max_rows = max_rows;
        status = dvsi_reader_pull(reader, batch, err);
        if (status >= DVS_E_BASE)
            break;
        print_batch(batch, out);
        assert_true(batch->has_checkpoint);
        if (status == DVS_OK) {
            assert_int_equal(batch->checkpoint.type, DVS_CHECKPOINT_POSITION);
            take_position(batch, position);
        } else {
            assert_int_equal(batch->checkpoint.type, DVS_CHECKPOINT_END);
            assert_int_equal(batch->checkpoint.token_kind, DVS_TOKEN_NONE);
            assert_int_equal(batch->checkpoint.complete, 1);
        }
    }
    dvsi_batch_free(batch);
    return status;
}

/* Reads a whole stream, from `from` on (NULL: the beginning). DVS_END, or a failure. */
static inline int32_t read_all(csv_fixture *f, int plugin, const char *stream, int with_raw,
                               uint32_t max_rows, const token *from, dvsi_buf *out, dvs_error *err)
{
    dvsi_source *source = open_source(f, plugin);
    dvsi_schema schema = {0};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    token position;
    int32_t status = get_schema(source, stream, with_raw, &schema, err);
    if (status == DVS_OK)
        status = start_read(source, stream, &schema, from, &progress, &reader, err);
    if (status == DVS_OK)
        status = pull_all(reader, schema.n_columns, max_rows, INT32_MAX, out, &position, err);
    dvsi_reader_stop(reader);
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
    return status;
}

#endif
