/*
 * fake.h - a plugin that is part of the test program: its pull calls a function of the test, so that a test
 * sees what the host answers from inside a slot.
 */
#ifndef FAKE_H
#define FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/cell.h"
#include "dvsync/plugin_util.h"
#include "plugin/host.h"

typedef int32_t fake_pull(const dvs_host *host, dvs_out *out, dvs_error *err);

/* Globals, as a test has no other way into the slots. */
static fake_pull *fake_next;      /* what the next pull, fetch or check does */
static const dvs_host *fake_host; /* of the source opened last */
static dvs_read fake_read;        /* what start was asked for */

static int32_t fake_open(const dvs_host *host, const dvs_settings *settings, dvs_source **source,
                         dvs_error *err)
{
    (void)settings;
    (void)err;
    fake_host = host;
    *source = (dvs_source *)(uintptr_t)8;
    return DVS_OK;
}

static void fake_close(dvs_source *source)
{
    (void)source;
}

static int32_t fake_identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    (void)source;
    return fake_next != NULL ? fake_next(fake_host, out, err) : DVS_OK;
}

static int32_t fake_describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)source;
    (void)stream;
    return fake_next(fake_host, out, err);
}

static int32_t fake_start(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err)
{
    (void)source;
    (void)err;
    fake_read = *read;
    *reader = (dvs_reader *)(uintptr_t)16;
    return DVS_OK;
}

static int32_t fake_pull_slot(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)reader;
    return fake_next(fake_host, out, err);
}

static void fake_stop(dvs_reader *reader)
{
    (void)reader;
}

static void fake_interrupt(dvs_reader *reader)
{
    (void)reader;
}

static int32_t fake_fetch(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err)
{
    (void)source;
    (void)fetch;
    return fake_next(fake_host, out, err);
}

static int32_t fake_check(dvs_source *source, dvs_error *err)
{
    (void)source;
    return fake_next(fake_host, NULL, err);
}

static const dvs_option fake_options[] = {
    {.struct_size = sizeof(dvs_option),
     .type = DVS_OPTION_TEXT,
     .flags = DVS_OPTION_SECRET,
     .name = "password"},
    {.struct_size = sizeof(dvs_option), .type = DVS_OPTION_TEXT, .name = "user"}};

static const dvsi_plugin fake = {.path = "/fake.so",
                                 .name = "fake",
                                 .version = "1",
                                 .doc = "",
                                 .offers = DVSI_PLUGIN_SOURCE,
                                 .source = {.struct_size = sizeof(dvs_source_api),
                                            .n_options = 2,
                                            .option_stride = sizeof(dvs_option),
                                            .options = fake_options,
                                            .open = fake_open,
                                            .close = fake_close,
                                            .identity = fake_identity,
                                            .streams = fake_identity,
                                            .describe = fake_describe,
                                            .start = fake_start,
                                            .pull = fake_pull_slot,
                                            .stop = fake_stop,
                                            .interrupt = fake_interrupt,
                                            .fetch = fake_fetch,
                                            .check = fake_check}};

/* A source with one reader open. */
typedef struct stage {
    dvsi_source *source;
    dvsi_reader *reader;
    dvsi_batch *batch;
    dvsi_schema schema;
    dvsi_progress progress;
    dvs_error err;
} stage;

static inline stage *stage_open(const dvsi_services *services, const dvs_settings *settings)
{
    static const struct {
        const char *name;
        uint32_t kind, key;
    } columns[] = {{"name", DVS_TEXT, 0},
                   {"part2", DVS_TEXT, 2},
                   {"part1", DVS_INT64, 1},
                   {"amount", DVS_DECIMAL, 0},
                   {"raw", DVS_JSON, 0}};
    dvs_read read = {.struct_size = sizeof read, .mode = DVS_READ_FULL, .stream = "things", .n_columns = 99};
    stage *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->err.struct_size = sizeof s->err;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        dvs_column *c = dvsi_schema_put(&s->schema, columns[i].name, columns[i].kind,
                                        columns[i].key > 0 ? DVS_COLUMN_KEY : 0);
        c->key_position = columns[i].key;
        if (columns[i].kind == DVS_JSON)
            c->flags = DVS_COLUMN_RAW;
    }
    assert_int_equal(dvsi_source_open(&fake, "crm", settings, services, &s->source, &s->err), DVS_OK);
    assert_int_equal(dvsi_source_start(s->source, &read, &s->schema, &s->progress, &s->reader, &s->err),
                     DVS_OK);
    s->batch = dvsi_batch_new(s->schema.n_columns);
    return s;
}

static inline void stage_close(stage *s)
{
    dvsi_reader_stop(s->reader);
    dvsi_source_close(s->source);
    dvsi_batch_free(s->batch);
    dvsi_schema_free(&s->schema);
    free(s);
}

static inline int32_t stage_pull(stage *s, fake_pull *pull)
{
    fake_next = pull;
    dvsi_batch_reset(s->batch, s->schema.n_columns);
    return dvsi_reader_pull(s->reader, s->batch, &s->err);
}

static inline dvs_cell null_cell(void)
{
    return dvs_cell_make(DVS_NULL, 0);
}

static inline dvs_cell decimal_cell(const char *text)
{
    return dvs_cell_make_bytes(DVS_DECIMAL, text, (uint32_t)strlen(text));
}

static inline dvs_cell json_cell(const char *text)
{
    return dvs_cell_make_bytes(DVS_JSON, text, (uint32_t)strlen(text));
}

static inline dvs_cell text_cell(const char *text)
{
    return dvs_cell_make_bytes(DVS_TEXT, text, (uint32_t)strlen(text));
}

/* The row (name, part2, part1, amount, raw) with number 7. */
static inline int32_t put_five(const dvs_host *host, dvs_out *out, dvs_cell name, dvs_cell part2,
                               dvs_cell part1, dvs_cell amount, dvs_cell raw)
{
    dvs_cell cells[5] = {name, part2, part1, amount, raw};
    dvs_row row = {.struct_size = sizeof row, .n_cells = 5, .number = 7, .cells = cells};

    return host->put_row(host, out, &row);
}

#endif
