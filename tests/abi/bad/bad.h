/*
 * bad.h - a whole good source, of which each bad plugin replaces the part that it does badly:
 *
 *     #include "bad.h"
 *     static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err) { ... }
 *     BAD_SOURCE(.pull = pull)
 *
 * The good source has one stream, things (id int64, the key; name text), of two rows. BAD_NAME comes from
 * CMakeLists.txt.
 */
#ifndef BAD_H
#define BAD_H

#include <stdlib.h>

#include "dvsync/plugin_util.h"

#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

struct dvs_source {
    const dvs_host *host;
};

struct dvs_reader {
    const dvs_host *host;
    uint32_t n_pulls;
};

#define UNUSED DVS_UTIL_UNUSED

UNUSED static int32_t good_open(const dvs_host *host, const dvs_settings *settings, dvs_source **source,
                                dvs_error *err)
{
    dvs_source *s = calloc(1, sizeof *s);

    (void)settings;
    if (s == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    s->host = host;
    *source = s;
    return DVS_OK;
}

UNUSED static void good_close(dvs_source *source)
{
    free(source);
}

UNUSED static int32_t good_identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    (void)err;
    return source->host->put_text(source->host, out, "bad:") == DVS_PUT_OK ? DVS_OK : DVS_E_ABI;
}

UNUSED static int32_t good_streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    static const dvs_stream things = {sizeof things, DVS_STREAM_COMPLETE, 2, "things", NULL, "two things"};

    (void)err;
    return source->host->put_stream(source->host, out, &things) == DVS_PUT_OK ? DVS_OK : DVS_E_ABI;
}

UNUSED static void put_column(dvs_source *source, dvs_out *out, const char *name, uint32_t kind, uint32_t key)
{
    dvs_column column;

    memset(&column, 0, sizeof column);
    column.struct_size = (uint32_t)sizeof column;
    column.name = name;
    column.kind = kind;
    column.key_position = key;
    column.flags = key > 0 ? DVS_COLUMN_KEY : DVS_COLUMN_NULLABLE;
    source->host->put_column(source->host, out, &column);
}

UNUSED static int32_t good_describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    (void)err;
    (void)stream;
    put_column(source, out, "id", DVS_INT64, 1);
    put_column(source, out, "name", DVS_TEXT, 0);
    return DVS_OK;
}

UNUSED static int32_t good_start(dvs_source *source, const dvs_read *read, dvs_reader **reader,
                                 dvs_error *err)
{
    dvs_reader *r = calloc(1, sizeof *r);

    (void)read;
    if (r == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    r->host = source->host;
    *reader = r;
    return DVS_OK;
}

UNUSED static int32_t put_cells(dvs_reader *reader, dvs_out *out, dvs_cell id, dvs_cell name)
{
    dvs_cell cells[2];
    dvs_row row;

    cells[0] = id;
    cells[1] = name;
    memset(&row, 0, sizeof row);
    row.struct_size = (uint32_t)sizeof row;
    row.n_cells = 2;
    row.number = 1;
    row.cells = cells;
    return reader->host->put_row(reader->host, out, &row);
}

UNUSED static int32_t put_thing(dvs_reader *reader, dvs_out *out, int64_t id, const char *name)
{
    return put_cells(reader, out, dvs_cell_make(DVS_INT64, id),
                     dvs_cell_make_bytes(DVS_TEXT, name, (uint32_t)strlen(name)));
}

UNUSED static int32_t put_point(dvs_reader *reader, dvs_out *out, uint32_t type, const void *token,
                                uint64_t length)
{
    dvs_checkpoint point;

    memset(&point, 0, sizeof point);
    point.struct_size = (uint32_t)sizeof point;
    point.type = type;
    point.token = (const uint8_t *)token;
    point.token_length = length;
    point.complete = type == DVS_CHECKPOINT_END;
    point.watermark = INT64_MIN;
    return reader->host->put_checkpoint(reader->host, out, &point);
}

UNUSED static int32_t good_pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_thing(reader, out, 1, "one");
    put_thing(reader, out, 2, "two");
    put_point(reader, out, DVS_CHECKPOINT_END, NULL, 0);
    return DVS_END;
}

UNUSED static void good_stop(dvs_reader *reader)
{
    free(reader);
}

#define GOOD_SLOTS                                                                                           \
    .open = good_open, .close = good_close, .identity = good_identity, .streams = good_streams,              \
    .describe = good_describe, .start = good_start, .pull = good_pull, .stop = good_stop

#define GOOD_PLUGIN                                                                                          \
    .struct_size = sizeof(dvs_plugin), .abi_major = DVS_ABI_MAJOR, .abi_minor = DVS_ABI_MINOR,               \
    .name = BAD_NAME, .version = "1", .doc = "does something badly"

/* The source table, good but for what is named. */
#define BAD_TABLE(...)                                                                                       \
    static const dvs_source_api table = {                                                                    \
        .struct_size = sizeof table, .option_stride = sizeof(dvs_option), GOOD_SLOTS, __VA_ARGS__};
/* The handshake, good but for what is named. */
#define BAD_PLUGIN(...)                                                                                      \
    const dvs_plugin *dvs_plugin_v1(void)                                                                    \
    {                                                                                                        \
        static const dvs_plugin plugin = {GOOD_PLUGIN, .source = &table, __VA_ARGS__};                       \
        return &plugin;                                                                                      \
    }
/* Both: a bad table, a good handshake. */
#define BAD_SOURCE(...)                                                                                      \
    BAD_TABLE(__VA_ARGS__)                                                                                   \
    BAD_PLUGIN(.reserved = 0)

#endif
