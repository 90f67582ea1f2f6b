/*
 * source-passwd.c - a whole dvsync source in one file: the users of a passwd(5) file. docs/plugin-guide.md
 * walks through it.
 *
 *     cc -shared -fPIC -o dvsync-source-passwd.so source-passwd.c $(pkg-config --cflags libdvsync)
 *
 * 1. options: what a project may set      4. start: begin a read
 * 2. open: a source from the settings     5. pull: put rows, then the end
 * 3. streams and describe: what there is  6. the handshake
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dvsync/plugin.h>
#include <dvsync/plugin_util.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_COLUMNS 7

static const struct {
    const char *name;
    uint32_t kind;
    uint32_t flags;
} columns[N_COLUMNS] = {{"name", DVS_TEXT, DVS_COLUMN_KEY},
                        {"password", DVS_TEXT, DVS_COLUMN_NULLABLE},
                        {"uid", DVS_INT64, 0},
                        {"gid", DVS_INT64, 0},
                        {"comment", DVS_TEXT, DVS_COLUMN_NULLABLE},
                        {"home", DVS_TEXT, DVS_COLUMN_NULLABLE},
                        {"shell", DVS_TEXT, DVS_COLUMN_NULLABLE}};

struct dvs_source {
    const dvs_host *host;
    const char *path; /* the settings live as long as the source */
};

struct dvs_reader {
    dvs_source *source;
    FILE *file;
    char *line;
    size_t size;
    uint64_t number;
    uint32_t n_wanted;
    uint32_t wanted[N_COLUMNS]; /* positions in `columns` */
};

/* 1. */
static const dvs_option options[] = {{.struct_size = sizeof(dvs_option),
                                      .type = DVS_OPTION_PATH,
                                      .flags = DVS_OPTION_IDENTITY,
                                      .name = "path",
                                      .default_value = "/etc/passwd",
                                      .doc = "the file with the users"}};

/* 2. */
static int32_t open_source(const dvs_host *host, const dvs_settings *settings, dvs_source **out,
                           dvs_error *err)
{
    dvs_source *source = calloc(1, sizeof *source);

    if (source == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    source->host = host;
    source->path = dvs_setting_text(settings, "path", "");
    *out = source;
    return DVS_OK;
}

static void close_source(dvs_source *source)
{
    free(source);
}

static int32_t identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;

    dvs_put_done(source->host->put_text(source->host, out, source->path), &status, err);
    return status;
}

/* 3. */
static int32_t streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    const dvs_stream stream = {.struct_size = sizeof stream,
                               .flags = DVS_STREAM_COMPLETE,
                               .rows = -1,
                               .name = "users",
                               .doc = "one record a line"};
    int32_t status = DVS_OK;

    dvs_put_done(source->host->put_stream(source->host, out, &stream), &status, err);
    return status;
}

static int32_t describe(dvs_source *source, const char *stream, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;

    if (strcmp(stream, "users") != 0)
        return dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_STREAM, "there is no stream %s, only users", stream);
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        const dvs_column column = {.struct_size = sizeof column,
                                   .kind = columns[i].kind,
                                   .flags = columns[i].flags,
                                   .key_position = (columns[i].flags & DVS_COLUMN_KEY) != 0,
                                   .name = columns[i].name};
        if (dvs_put_done(source->host->put_column(source->host, out, &column), &status, err))
            break;
    }
    return status;
}

/* 4. */
static void stop(dvs_reader *reader)
{
    if (reader->file != NULL)
        fclose(reader->file);
    free(reader->line);
    free(reader);
}

static int32_t start(dvs_source *source, const dvs_read *read, dvs_reader **out, dvs_error *err)
{
    dvs_reader *reader;

    if (read->mode != DVS_READ_FULL || read->resume)
        return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM, "only whole reads are possible");
    reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_STREAM, "out of memory");
    reader->source = source;
    for (uint32_t w = 0; w < read->n_columns && reader->n_wanted < N_COLUMNS; w++)
        for (uint32_t i = 0; i < N_COLUMNS; i++)
            if (strcmp(read->columns[w], columns[i].name) == 0)
                reader->wanted[reader->n_wanted++] = i;
    reader->file = fopen(source->path, "re");
    if (reader->file == NULL) {
        int32_t status = dvs_fail(err, errno == ENOENT ? DVS_E_NOT_FOUND : DVS_E_IO, DVS_SCOPE_STREAM,
                                  "%s could not be opened: %s", source->path, strerror(errno));
        stop(reader);
        return status;
    }
    *out = reader;
    return DVS_OK;
}

/* 5. One line to cells; 0, or -1 when it is no record. The text stays in reader->line. */
static int parse(dvs_reader *reader, dvs_cell cells[N_COLUMNS])
{
    char *rest = reader->line;

    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        char *text = strsep(&rest, ":");
        char *end = NULL;
        if (text == NULL)
            return -1;
        if (columns[i].kind == DVS_INT64) {
            cells[i] = dvs_cell_make(DVS_INT64, strtoll(text, &end, 10));
            if (end == text || *end != '\0')
                return -1;
        } else if (text[0] == '\0') {
            cells[i] = dvs_cell_make(DVS_NULL, 0);
        } else {
            cells[i] = dvs_cell_make_bytes(DVS_TEXT, text, (uint32_t)strlen(text));
        }
    }
    return rest == NULL ? 0 : -1;
}

static int32_t put_line(dvs_reader *reader, dvs_out *out)
{
    const dvs_host *host = reader->source->host;
    dvs_cell all[N_COLUMNS], cells[N_COLUMNS];

    reader->number++;
    if (parse(reader, all) != 0) {
        const dvs_row_error error = {.struct_size = sizeof error,
                                     .number = reader->number,
                                     .message = "is no line of seven fields with numbers for uid and gid"};
        return host->put_error(host, out, &error);
    }
    for (uint32_t w = 0; w < reader->n_wanted; w++)
        cells[w] = all[reader->wanted[w]];
    const dvs_row row = {
        .struct_size = sizeof row, .n_cells = reader->n_wanted, .number = reader->number, .cells = cells};
    return host->put_row(host, out, &row);
}

static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    const dvs_host *host = reader->source->host;
    int32_t status = DVS_OK;
    ssize_t length;

    while ((length = getline(&reader->line, &reader->size, reader->file)) >= 0) {
        if (length > 0 && reader->line[length - 1] == '\n')
            reader->line[length - 1] = '\0';
        if (dvs_put_done(put_line(reader, out), &status, err))
            return status; /* the host has enough for now, or wants to stop */
    }
    if (ferror(reader->file))
        return dvs_fail(err, DVS_E_IO, DVS_SCOPE_STREAM, "%s could not be read: %s", reader->source->path,
                        strerror(errno));
    const dvs_checkpoint end = {.struct_size = sizeof end,
                                .type = DVS_CHECKPOINT_END,
                                .token_kind = DVS_TOKEN_NONE,
                                .complete = 1, /* what is missing from this read does not exist any more */
                                .watermark = INT64_MIN};
    dvs_put_done(host->put_checkpoint(host, out, &end), &status, err);
    return status == DVS_OK ? DVS_END : status;
}

/* 6. */
static const dvs_source_api api = {.struct_size = sizeof api,
                                   .n_options = sizeof options / sizeof *options,
                                   .option_stride = sizeof *options,
                                   .options = options,
                                   .open = open_source,
                                   .close = close_source,
                                   .identity = identity,
                                   .streams = streams,
                                   .describe = describe,
                                   .start = start,
                                   .pull = pull,
                                   .stop = stop};

static const dvs_plugin plugin = {.struct_size = sizeof plugin,
                                  .abi_major = DVS_ABI_MAJOR,
                                  .abi_minor = DVS_ABI_MINOR,
                                  .name = "passwd",
                                  .version = "1.0",
                                  .doc = "the users of a passwd file",
                                  .source = &api};

DVS_EXPORT const dvs_plugin *dvs_plugin_v1(void)
{
    return &plugin;
}
