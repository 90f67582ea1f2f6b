/* plugin.c - the csv source: options, the source object, the handshake. */
#include <stdlib.h>

#include "csv.h"

static const dvs_option options[] = {
    {.struct_size = sizeof(dvs_option),
     .type = DVS_OPTION_PATH,
     .flags = DVS_OPTION_REQUIRED | DVS_OPTION_IDENTITY,
     .name = "path",
     .doc = "a CSV file, or a folder of which every *.csv, *.tsv and *.txt file is a stream; UTF-8"},
    {.struct_size = sizeof(dvs_option),
     .type = DVS_OPTION_TEXT,
     .name = "delimiter",
     .doc = "the character between two fields, tab or \\t for a tab; default: a comma, in *.tsv files a tab"},
    {.struct_size = sizeof(dvs_option),
     .type = DVS_OPTION_BOOL,
     .name = "header",
     .default_value = "true",
     .doc = "the first line has the columns' names; false: they are c1, c2, ..."},
    {.struct_size = sizeof(dvs_option),
     .type = DVS_OPTION_TEXT,
     .name = "null",
     .doc = "unquoted text that means NULL, beside the empty field, which always does"},
    {.struct_size = sizeof(dvs_option),
     .type = DVS_OPTION_MAP,
     .name = "types",
     .choices = PLUGIN_VALUE_KINDS,
     .doc = "types of columns, as in {amount: decimal}; the others are text; bytes are base64"},
};

static int32_t take_delimiter(dvs_source *source, const char *text, dvs_error *err)
{
    if (text == NULL)
        return DVS_OK;
    if (strcmp(text, "\\t") == 0 || strcmp(text, "tab") == 0)
        text = "\t";
    unsigned char c = (unsigned char)text[0];
    if (c == 0 || text[1] != '\0' || c >= 0x80 || c == '"' || c == '\n' || c == '\r')
        return dvs_fail(
            err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
            "the setting delimiter must be one ASCII character, no quote and no line end; tab is a tab");
    source->delimiter = text[0];
    return DVS_OK;
}

static int32_t take_null(dvs_source *source, const char *text, dvs_error *err)
{
    source->null_text = text;
    source->null_length = strlen(text);
    if (text[0] == '"' || strchr(text, '\n') != NULL ||
        (source->delimiter != 0 && strchr(text, source->delimiter) != NULL))
        return dvs_fail(
            err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
            "the setting null can never be met: an unquoted field begins with no quote and holds no "
            "delimiter and no line end");
    return DVS_OK;
}

static int32_t take_types(dvs_source *source, const dvs_setting *setting, dvs_error *err)
{
    if (setting == NULL || setting->n_pairs == 0)
        return DVS_OK;
    source->types = calloc(setting->n_pairs, sizeof *source->types);
    if (source->types == NULL)
        return csv_no_memory(err);
    for (uint32_t i = 0; i < setting->n_pairs; i++) {
        csv_type *type = &source->types[i];
        type->column = setting->pairs[i].key;
        type->kind = plugin_value_kind(setting->pairs[i].value);
        if (type->kind == 0)
            return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                            "the setting types gives the column %.200s the type %.100s: it must be one of %s",
                            type->column, setting->pairs[i].value, PLUGIN_VALUE_KINDS);
        for (uint32_t k = 0; k < i; k++) {
            if (csv_text_compare(type->column, source->types[k].column) == 0)
                return dvs_fail(
                    err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                    "the setting types names the column %.200s twice (upper and lower case are the "
                    "same)",
                    type->column);
        }
        source->n_types++;
    }
    return DVS_OK;
}

static uint64_t hash_settings(const dvs_source *source)
{
    const unsigned char head[2] = {(unsigned char)source->delimiter, source->has_header != 0};
    uint64_t hash = csv_text_hash(CSV_HASH_START, head, sizeof head);
    hash = csv_text_hash(hash, source->null_text, source->null_length + 1);
    for (uint32_t i = 0; i < source->n_types; i++) {
        hash = csv_text_hash(hash, source->types[i].column, strlen(source->types[i].column) + 1);
        hash = csv_text_hash(hash, &source->types[i].kind, sizeof source->types[i].kind);
    }
    return hash;
}

static void close_source(dvs_source *source)
{
    if (source->c_locale != (locale_t)0)
        freelocale(source->c_locale);
    free(source->types);
    free(source);
}

static int32_t open_source(const dvs_host *host, const dvs_settings *settings, dvs_source **out,
                           dvs_error *err)
{
    int32_t status;
    dvs_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return csv_no_memory(err);
    source->host = host;
    source->path = dvs_setting_text(settings, "path", "");
    source->has_header = dvs_setting_int(settings, "header", 1) != 0;
    source->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (source->c_locale == (locale_t)0)
        status = csv_no_memory(err);
    else if (source->path[0] == '\0')
        status = dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                          "the setting path is empty: name a file or a folder");
    else
        status = take_delimiter(source, dvs_setting_text(settings, "delimiter", NULL), err);
    if (status == DVS_OK)
        status = take_null(source, dvs_setting_text(settings, "null", ""), err);
    if (status == DVS_OK)
        status = take_types(source, dvs_setting_get(settings, "types"), err);
    if (status != DVS_OK) {
        close_source(source);
        return status;
    }
    source->settings_hash = hash_settings(source);
    *out = source;
    return DVS_OK;
}

static int32_t identity(dvs_source *source, dvs_out *out, dvs_error *err)
{
    return csv_source_identity(source, out, err);
}

static int32_t list_streams(dvs_source *source, dvs_out *out, dvs_error *err)
{
    csv_streams streams;
    int32_t status = csv_streams_list(source, &streams, err);
    if (status != DVS_OK)
        return status;
    for (size_t i = 0; i < streams.n; i++) {
        const dvs_stream stream = {.struct_size = (uint32_t)sizeof stream,
                                   .flags = DVS_STREAM_COMPLETE | DVS_STREAM_RESUME,
                                   .rows = -1,
                                   .name = streams.items[i].name};
        if (dvs_put_done(source->host->put_stream(source->host, out, &stream), &status, err))
            break;
    }
    csv_streams_free(&streams);
    return status;
}

/* Puts one column; 0 as long as describing should go on. */
static int put_column(const dvs_source *source, dvs_out *out, const char *name, uint32_t kind, uint32_t flags,
                      int32_t *status, dvs_error *err)
{
    const dvs_column column = {.struct_size = (uint32_t)sizeof column,
                               .kind = kind,
                               .flags = flags,
                               .name = name,
                               .native_type = (flags & DVS_COLUMN_RAW) != 0 ? NULL : "text"};
    return dvs_put_done(source->host->put_column(source->host, out, &column), status, err);
}

static int32_t put_columns(const dvs_source *source, const csv_header *header, dvs_out *out, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t i = 0; i < header->n_columns; i++) {
        const csv_column *c = &header->columns[i];
        uint32_t flags = DVS_COLUMN_NULLABLE | (c->typed ? 0 : DVS_COLUMN_UNTYPED);
        if (put_column(source, out, c->name, c->kind, flags, &status, err))
            return status;
    }
    put_column(source, out, header->raw_name, DVS_JSON, DVS_COLUMN_RAW, &status, err);
    return status;
}

/* Reads the columns of a stream and checks the settings against them. `out` NULL: nothing more. */
static int32_t describe_stream(const dvs_source *source, const csv_streams *streams, const csv_stream *stream,
                               dvs_out *out, dvs_error *err)
{
    csv_file file;
    csv_header header;
    int32_t status = csv_header_open(source, stream->path, &file, &header, err);
    if (status != DVS_OK)
        return status;
    status = csv_header_check_types(source, streams, stream, &header, err);
    if (status == DVS_OK && out != NULL)
        status = put_columns(source, &header, out, err);
    csv_header_free(&header);
    csv_file_close(&file);
    return status;
}

static int32_t describe(dvs_source *source, const char *name, dvs_out *out, dvs_error *err)
{
    csv_streams streams;
    const csv_stream *stream = NULL;
    int32_t status = csv_streams_list(source, &streams, err);
    if (status != DVS_OK)
        return status;
    status = csv_streams_find(source, &streams, name, &stream, err);
    if (status == DVS_OK)
        status = describe_stream(source, &streams, stream, out, err);
    csv_streams_free(&streams);
    return status;
}

static int32_t check(dvs_source *source, dvs_error *err)
{
    csv_streams streams;
    char shown[CSV_SHOW_SIZE];
    int32_t status = csv_streams_list(source, &streams, err);
    if (status != DVS_OK)
        return status;
    if (streams.n == 0)
        status = dvs_fail(err, DVS_E_NOT_FOUND, DVS_SCOPE_SOURCE,
                          "the folder %s has no *.csv, *.tsv or *.txt file",
                          csv_text_show(shown, sizeof shown, source->path, strlen(source->path)));
    else if (!streams.is_folder) /* a folder may hold files that the project does not use */
        status = describe_stream(source, &streams, &streams.items[0], NULL, err);
    csv_streams_free(&streams);
    return status;
}

static const dvs_source_api api = {
    .struct_size = sizeof(dvs_source_api),
    .n_options = sizeof options / sizeof *options,
    .option_stride = sizeof(dvs_option),
    .options = options,
    .open = open_source,
    .close = close_source,
    .identity = identity,
    .streams = list_streams,
    .describe = describe,
    .start = csv_reader_start,
    .pull = csv_reader_pull,
    .stop = csv_reader_stop,
    .check = check,
};

static const dvs_plugin plugin = {
    .struct_size = sizeof(dvs_plugin),
    .abi_major = DVS_ABI_MAJOR,
    .abi_minor = DVS_ABI_MINOR,
    .name = CSV_PLUGIN_NAME,
    .version = "0.1.0",
    .doc = "reads CSV files (RFC 4180)",
    .source = &api,
};

const dvs_plugin *dvs_plugin_v1(void)
{
    return &plugin;
}
