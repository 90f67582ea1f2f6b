/*
 * bad_sink.h - as bad.h, for sinks. The good sink has one table that cannot be written; reading it puts one
 * row (7, "seven") in answer to the first key.
 */
#ifndef BAD_SINK_H
#define BAD_SINK_H

#include <stdlib.h>

#include "dvsync/plugin_util.h"

#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

#define UNUSED DVS_UTIL_UNUSED

struct dvs_sink {
    const dvs_host *host;
};

/* The writer is the sink. */
UNUSED static const dvs_host *host_of(dvs_writer *writer)
{
    return ((dvs_sink *)(void *)writer)->host;
}

UNUSED static int32_t good_open(const dvs_host *host, const dvs_sink_open *request, dvs_sink **sink,
                                dvs_error *err)
{
    dvs_sink *s = calloc(1, sizeof *s);

    (void)request;
    if (s == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    s->host = host;
    *sink = s;
    return DVS_OK;
}

UNUSED static void good_close(dvs_sink *sink)
{
    free(sink);
}

UNUSED static int32_t good_identity(dvs_sink *sink, dvs_out *out, dvs_error *err)
{
    (void)err;
    return sink->host->put_text(sink->host, out, "bad:") == DVS_PUT_OK ? DVS_OK : DVS_E_ABI;
}

UNUSED static int32_t good_sink_slot(dvs_sink *sink, dvs_error *err)
{
    (void)sink;
    (void)err;
    return DVS_OK;
}

UNUSED static void good_unlock(dvs_sink *sink)
{
    (void)sink;
}

UNUSED static int32_t good_inspect(dvs_sink *sink, const char *table, dvs_out *out, dvs_error *err)
{
    (void)sink;
    (void)out;
    return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "no table %s", table);
}

UNUSED static int32_t good_writer(dvs_sink *sink, dvs_writer **writer, dvs_error *err)
{
    (void)err;
    *writer = (dvs_writer *)(void *)sink;
    return DVS_OK;
}

UNUSED static void good_close_writer(dvs_writer *writer)
{
    (void)writer;
}

UNUSED static int32_t good_plain(dvs_writer *writer, dvs_error *err)
{
    (void)writer;
    (void)err;
    return DVS_OK;
}

UNUSED static int32_t good_apply(dvs_writer *writer, const dvs_change *changes, uint32_t n, uint32_t stride,
                                 dvs_error *err)
{
    (void)writer;
    (void)changes;
    (void)n;
    (void)stride;
    (void)err;
    return DVS_OK;
}

UNUSED static int32_t good_index(dvs_writer *writer, const dvs_index *index, dvs_error *err)
{
    (void)writer;
    (void)index;
    (void)err;
    return DVS_OK;
}

UNUSED static int32_t good_view(dvs_writer *writer, const dvs_view *view, dvs_error *err)
{
    (void)writer;
    (void)view;
    (void)err;
    return DVS_OK;
}

UNUSED static int32_t put_pair(dvs_writer *writer, dvs_out *out, uint64_t number, dvs_cell id, dvs_cell name)
{
    dvs_cell cells[2];
    dvs_row row;

    cells[0] = id;
    cells[1] = name;
    memset(&row, 0, sizeof row);
    row.struct_size = (uint32_t)sizeof row;
    row.n_cells = 2;
    row.number = number;
    row.cells = cells;
    return host_of(writer)->put_row(host_of(writer), out, &row);
}

UNUSED static int32_t good_read(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err)
{
    (void)lookup;
    (void)err;
    put_pair(writer, out, 0, dvs_cell_make(DVS_INT64, 7), dvs_cell_make_bytes(DVS_TEXT, "seven", 5));
    return DVS_OK;
}

UNUSED static int32_t good_scan(dvs_writer *writer, const dvs_scan *scan, dvs_out *out, dvs_error *err)
{
    (void)writer;
    (void)scan;
    (void)out;
    (void)err;
    return DVS_OK;
}

UNUSED static int32_t good_count(dvs_writer *writer, const dvs_table *table, const dvs_where *where,
                                 uint32_t n_where, uint32_t stride, uint64_t *count, dvs_error *err)
{
    (void)writer;
    (void)table;
    (void)where;
    (void)n_where;
    (void)stride;
    (void)err;
    *count = 1;
    return DVS_OK;
}

UNUSED static int32_t good_write(dvs_writer *writer, const dvs_write *write, dvs_error *err)
{
    (void)writer;
    (void)write;
    (void)err;
    return DVS_OK;
}

#define GOOD_SINK_SLOTS                                                                                      \
    .open = good_open, .close = good_close, .identity = good_identity, .lock = good_sink_slot,               \
    .unlock = good_unlock, .lock_probe = good_sink_slot, .inspect = good_inspect, .writer = good_writer,     \
    .close_writer = good_close_writer, .begin = good_plain, .commit = good_plain, .rollback = good_plain,    \
    .savepoint = good_plain, .rollback_to = good_plain, .release = good_plain, .apply_schema = good_apply,   \
    .ensure_index = good_index, .drop_index = good_index, .ensure_view = good_view, .read = good_read,       \
    .scan = good_scan, .count = good_count, .write = good_write, .delete_where = good_count

#define BAD_SINK(...)                                                                                        \
    static const dvs_sink_api table = {                                                                      \
        .struct_size = sizeof table, .option_stride = sizeof(dvs_option), GOOD_SINK_SLOTS, __VA_ARGS__};     \
    const dvs_plugin *dvs_plugin_v1(void)                                                                    \
    {                                                                                                        \
        static const dvs_plugin plugin = {.struct_size = sizeof plugin,                                      \
                                          .abi_major = DVS_ABI_MAJOR,                                        \
                                          .abi_minor = DVS_ABI_MINOR,                                        \
                                          .name = BAD_NAME,                                                  \
                                          .version = "1",                                                    \
                                          .doc = "does something badly",                                     \
                                          .sink = &table};                                                   \
        return &plugin;                                                                                      \
    }

#endif
