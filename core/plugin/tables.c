/* tables.c - a plugin's tables made full-sized ones of ours. */
#include "plugin/load.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "plugin/options.h"

/* ---- Stubs for optional slots ---- */

static int32_t unsupported(dvs_error *err, const char *slot)
{
    err->scope = DVS_SCOPE_STREAM;
    snprintf(err->message, sizeof err->message, "the plugin does not offer %s", slot);
    return DVS_E_UNSUPPORTED;
}

static void no_interrupt(dvs_reader *reader)
{
    (void)reader;
}

static int32_t no_fetch(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err)
{
    (void)source;
    (void)fetch;
    (void)out;
    return unsupported(err, "fetch");
}

static int32_t no_check(dvs_source *source, dvs_error *err)
{
    (void)source;
    (void)err;
    return DVS_OK;
}

static void no_sink_interrupt(dvs_sink *sink)
{
    (void)sink;
}

static int32_t no_missing(dvs_writer *writer, const dvs_table *table, uint32_t column, const dvs_table *other,
                          uint32_t other_column, uint64_t limit, dvs_out *out, dvs_error *err)
{
    (void)writer;
    (void)table;
    (void)column;
    (void)other;
    (void)other_column;
    (void)limit;
    (void)out;
    return unsupported(err, "missing");
}

static int32_t no_load(dvs_writer *writer, const dvs_write *write, dvs_error *err)
{
    (void)writer;
    (void)write;
    return unsupported(err, "load");
}

static int32_t no_clock(dvs_sink *sink, int64_t *now, dvs_error *err)
{
    (void)sink;
    (void)now;
    return unsupported(err, "clock");
}

/* ---- Required slots, in the order of the tables ---- */

typedef struct slot {
    const char *name;
    size_t offset;
} slot;

static const slot source_slots[] = {
    {"open", offsetof(dvs_source_api, open)},         {"close", offsetof(dvs_source_api, close)},
    {"identity", offsetof(dvs_source_api, identity)}, {"streams", offsetof(dvs_source_api, streams)},
    {"describe", offsetof(dvs_source_api, describe)}, {"start", offsetof(dvs_source_api, start)},
    {"pull", offsetof(dvs_source_api, pull)},         {"stop", offsetof(dvs_source_api, stop)},
};

static const slot sink_slots[] = {
    {"open", offsetof(dvs_sink_api, open)},
    {"close", offsetof(dvs_sink_api, close)},
    {"identity", offsetof(dvs_sink_api, identity)},
    {"lock", offsetof(dvs_sink_api, lock)},
    {"unlock", offsetof(dvs_sink_api, unlock)},
    {"lock_probe", offsetof(dvs_sink_api, lock_probe)},
    {"inspect", offsetof(dvs_sink_api, inspect)},
    {"writer", offsetof(dvs_sink_api, writer)},
    {"close_writer", offsetof(dvs_sink_api, close_writer)},
    {"begin", offsetof(dvs_sink_api, begin)},
    {"commit", offsetof(dvs_sink_api, commit)},
    {"rollback", offsetof(dvs_sink_api, rollback)},
    {"savepoint", offsetof(dvs_sink_api, savepoint)},
    {"rollback_to", offsetof(dvs_sink_api, rollback_to)},
    {"release", offsetof(dvs_sink_api, release)},
    {"apply_schema", offsetof(dvs_sink_api, apply_schema)},
    {"ensure_index", offsetof(dvs_sink_api, ensure_index)},
    {"drop_index", offsetof(dvs_sink_api, drop_index)},
    {"ensure_view", offsetof(dvs_sink_api, ensure_view)},
    {"read", offsetof(dvs_sink_api, read)},
    {"scan", offsetof(dvs_sink_api, scan)},
    {"count", offsetof(dvs_sink_api, count)},
    {"write", offsetof(dvs_sink_api, write)},
    {"delete_where", offsetof(dvs_sink_api, delete_where)},
};

/* `table` is ours: what theirs does not reach is zero in it, so too short and NULL look alike there. */
static int32_t check_slots(const dvsi_plugin *plugin, const char *role, const void *table, uint32_t size,
                           const slot *slots, size_t n, dvs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        void (*function)(void);
        memcpy(&function, (const char *)table + slots[i].offset, sizeof function);
        if (size < slots[i].offset + sizeof function)
            return dvsi_error_set(err, DVS_E_ABI,
                                  "%s: the %s table of plugin %s is too short for the required slot %s "
                                  "(struct_size %u, plugin ABI %u.%u)",
                                  plugin->path, role, plugin->name, slots[i].name, (unsigned)size,
                                  DVS_ABI_MAJOR, (unsigned)plugin->abi_minor);
        if (function == NULL)
            return dvsi_error_set(
                err, DVS_E_ABI,
                "%s: the %s table of plugin %s has no %s, a required slot of plugin ABI %u.%u", plugin->path,
                role, plugin->name, slots[i].name, DVS_ABI_MAJOR, DVS_ABI_MINOR);
    }
    return DVS_OK;
}

static int32_t too_short(const dvsi_plugin *plugin, const char *role, uint32_t size, dvs_error *err)
{
    return dvsi_error_set(
        err, DVS_E_ABI, "%s: the %s table of plugin %s is too short: struct_size %u (plugin ABI %u.%u)",
        plugin->path, role, plugin->name, (unsigned)size, DVS_ABI_MAJOR, (unsigned)plugin->abi_minor);
}

static int32_t take_options(const dvsi_plugin *plugin, dvsi_arena *arena, const char *role, uint32_t n,
                            uint32_t stride, const dvs_option **options, dvs_error *err)
{
    const dvs_option *theirs = *options;
    const char *where =
        dvsi_arena_printf(arena, "%s: the %s table of plugin %s", plugin->path, role, plugin->name);

    if (where == NULL)
        return dvsi_error_no_memory(err);
    return dvsi_options_take(arena, where, theirs, n, stride, options, err);
}

int32_t dvsi_take_source(dvsi_plugin *plugin, dvsi_arena *arena, const dvs_source_api *table, dvs_error *err)
{
    dvs_source_api *ours = &plugin->source;
    uint32_t size = table->struct_size;
    int32_t status;

    if (size < offsetof(dvs_source_api, open))
        return too_short(plugin, "source", size, err);
    size &= ~7u; /* no half pointers */
    memcpy(ours, table, size < sizeof *ours ? size : sizeof *ours);
    status = check_slots(plugin, "source", ours, size, source_slots,
                         sizeof source_slots / sizeof source_slots[0], err);
    if (status == DVS_OK)
        status =
            take_options(plugin, arena, "source", ours->n_options, ours->option_stride, &ours->options, err);
    if (status != DVS_OK)
        return status;
    ours->struct_size = (uint32_t)sizeof *ours;
    ours->option_stride = (uint32_t)sizeof *ours->options;
    plugin->has_fetch = ours->fetch != NULL;
    plugin->has_check = ours->check != NULL;
    if (ours->interrupt == NULL)
        ours->interrupt = no_interrupt;
    if (ours->fetch == NULL)
        ours->fetch = no_fetch;
    if (ours->check == NULL)
        ours->check = no_check;
    plugin->offers |= DVSI_PLUGIN_SOURCE;
    return DVS_OK;
}

int32_t dvsi_take_sink(dvsi_plugin *plugin, dvsi_arena *arena, const dvs_sink_api *table, dvs_error *err)
{
    dvs_sink_api *ours = &plugin->sink;
    uint32_t size = table->struct_size;
    int32_t status;

    if (size < offsetof(dvs_sink_api, open))
        return too_short(plugin, "sink", size, err);
    size &= ~7u; /* no half pointers */
    memcpy(ours, table, size < sizeof *ours ? size : sizeof *ours);
    status =
        check_slots(plugin, "sink", ours, size, sink_slots, sizeof sink_slots / sizeof sink_slots[0], err);
    if (status == DVS_OK)
        status =
            take_options(plugin, arena, "sink", ours->n_options, ours->option_stride, &ours->options, err);
    if (status != DVS_OK)
        return status;
    ours->struct_size = (uint32_t)sizeof *ours;
    ours->option_stride = (uint32_t)sizeof *ours->options;
    plugin->has_missing = ours->missing != NULL;
    plugin->has_load = ours->load != NULL;
    plugin->has_clock = ours->clock != NULL;
    if (ours->interrupt == NULL)
        ours->interrupt = no_sink_interrupt;
    if (ours->missing == NULL)
        ours->missing = no_missing;
    if (ours->load == NULL)
        ours->load = no_load;
    if (ours->clock == NULL)
        ours->clock = no_clock;
    plugin->offers |= DVSI_PLUGIN_SINK;
    return DVS_OK;
}
