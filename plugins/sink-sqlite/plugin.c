/* plugin.c - the plugin's tables: its settings and its slots. */
#include "sink_sqlite.h"

static int32_t identity(dvs_sink *sink, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    dvs_put_done(sink->host->put_text(sink->host, out, sink->path), &status, err);
    return status;
}

#define OPTION(option_type, option_flags, low, high, option_name, option_default, option_choices,            \
               option_doc)                                                                                   \
    {                                                                                                        \
        (uint32_t)sizeof(dvs_option), option_type, option_flags, 0, low, high, option_name, option_default,  \
            option_choices, option_doc                                                                       \
    }

static const dvs_option options[] = {
    OPTION(DVS_OPTION_PATH, DVS_OPTION_REQUIRED | DVS_OPTION_IDENTITY, 0, 0, "path", NULL, NULL,
           "the database file; made with mode 0600 when it is not there"),
    OPTION(DVS_OPTION_INT, 0, 512, 65536, "page_size", "32768", NULL,
           "bytes of a page, a power of two; only for a file that is made"),
    OPTION(DVS_OPTION_CHOICE, 0, 0, 0, "synchronous", "normal", "normal|full|off|extra",
           "how often SQLite waits for the disk; with off, a power failure can damage the file"),
    OPTION(DVS_OPTION_CHOICE, 0, 0, 0, "journal_mode", "wal", "wal|delete|truncate|persist",
           "SQLite's journal; with wal, others can read while a sync writes"),
    OPTION(DVS_OPTION_INT, 0, 0, 3600000, "busy_timeout_ms", "5000", NULL,
           "how long to wait for another program that holds the file"),
};

static const dvs_sink_api sink_api = {
    .struct_size = (uint32_t)sizeof(dvs_sink_api),
    .n_options = (uint32_t)(sizeof options / sizeof options[0]),
    .option_stride = (uint32_t)sizeof(dvs_option),
    .options = options,
    .open = sink_sqlite_open,
    .close = sink_sqlite_close,
    .identity = identity,
    .lock = sink_sqlite_lock,
    .unlock = sink_sqlite_unlock,
    .lock_probe = sink_sqlite_lock_probe,
    .inspect = sink_sqlite_inspect,
    .writer = sink_sqlite_writer,
    .close_writer = sink_sqlite_close_writer,
    .begin = sink_sqlite_begin,
    .commit = sink_sqlite_commit,
    .rollback = sink_sqlite_rollback,
    .savepoint = sink_sqlite_savepoint,
    .rollback_to = sink_sqlite_rollback_to,
    .release = sink_sqlite_release,
    .apply_schema = sink_sqlite_apply_schema,
    .ensure_index = sink_sqlite_ensure_index,
    .drop_index = sink_sqlite_drop_index,
    .ensure_view = sink_sqlite_ensure_view,
    .read = sink_sqlite_read,
    .scan = sink_sqlite_scan,
    .count = sink_sqlite_count,
    .write = sink_sqlite_write,
    .delete_where = sink_sqlite_delete_where,
    .interrupt = sink_sqlite_interrupt,
    .missing = sink_sqlite_missing,
    .load = sink_sqlite_load,
    .clock = NULL, /* a file has no clock of its own */
};

static const dvs_plugin plugin = {
    .struct_size = (uint32_t)sizeof(dvs_plugin),
    .abi_major = DVS_ABI_MAJOR,
    .abi_minor = DVS_ABI_MINOR,
    .name = "sqlite",
    .version = "0.1.0",
    .doc = "a SQLite database file",
    .sink = &sink_api,
};

DVS_EXPORT const dvs_plugin *dvs_plugin_v1(void)
{
    return &plugin;
}
