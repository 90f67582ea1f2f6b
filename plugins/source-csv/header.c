/* header.c - the columns of a file: from its first record, or c1, c2, ... counted there. */
#include <stdlib.h>

#include "csv.h"

static const char *show_path(char *out, size_t size, const csv_file *file)
{
    return csv_text_show(out, size, file->path, strlen(file->path));
}

static int32_t fail(const csv_file *file, dvs_error *err, const char *what)
{
    char path[CSV_SHOW_SIZE];
    return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "%s %s", show_path(path, sizeof path, file), what);
}

/* Steps over a UTF-8 byte order mark, and refuses the others. */
static int32_t skip_mark(csv_file *file, uint64_t *size, dvs_error *err)
{
    int32_t status = csv_file_fill(file, err);
    if (status >= DVS_E_BASE)
        return status;
    const unsigned char *p = (const unsigned char *)csv_file_data(file);
    size_t n = csv_file_length(file);
    *size = n >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF ? 3 : 0;
    if (n >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF)))
        return fail(file, err, "is in UTF-16: save it as UTF-8");
    csv_file_consume(file, *size);
    return DVS_OK;
}

/* Reads on until the record at the file's place is whole. DVS_END: there is none. */
static int32_t first_record(const dvs_source *source, csv_file *file, csv_field *fields, uint32_t capacity,
                            csv_record *record, dvs_error *err)
{
    char delimiter = csv_source_delimiter(source, file->path);
    for (;;) {
        int answer = csv_scan(csv_file_data(file), csv_file_length(file), file->eof, delimiter, fields,
                              capacity, record);
        if (answer == CSV_SCAN_RECORD)
            return DVS_OK;
        if (answer == CSV_SCAN_END)
            return DVS_END;
        int32_t status = csv_file_fill(file, err);
        if (status == DVS_END)
            return fail(file, err,
                        "has a first line that is too long: is the delimiter right, is it a CSV file?");
        if (status != DVS_OK)
            return status;
    }
}

static int32_t check_record(const csv_file *file, const csv_record *record, dvs_error *err)
{
    if (record->problem == CSV_OPEN_QUOTE)
        return fail(file, err, "has a quote in its first line that is never closed");
    if (record->problem == CSV_BEHIND_QUOTE)
        return fail(file, err, "has text behind a closing quote in its first line");
    if (record->n_fields > CSV_COLUMNS_MAX)
        return fail(file, err, "has more than 9999 columns: is the delimiter right?");
    return DVS_OK;
}

static int is_blank(const csv_record *record, const csv_field *fields)
{
    return record->n_fields == 1 && fields[0].length == 0 && (fields[0].flags & CSV_QUOTED) == 0;
}

/* The name of column `i` from its field. */
static int32_t take_name(const csv_file *file, const csv_field *field, uint32_t i, char **name,
                         dvs_error *err)
{
    char path[CSV_SHOW_SIZE];
    char shown[CSV_SHOW_SIZE];
    size_t length = field->length;
    char *text = malloc(length + 1);
    if (text == NULL)
        return csv_no_memory(err);
    if ((field->flags & CSV_ESCAPED) != 0)
        length = csv_scan_unescape(field, text);
    else
        memcpy(text, field->text, length);
    text[length] = '\0';
    *name = text;

    show_path(path, sizeof path, file);
    csv_text_show(shown, sizeof shown, text, length);
    if (length == 0)
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
                        "%s has no name for column %u in its header line: give it one, or set header: false",
                        path, i + 1);
    if (memchr(text, '\0', length) != NULL)
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
                        "%s: the name of column %u, %s, holds a NUL character: rename it", path, i + 1,
                        shown);
    if (csv_text_check(text, length) != length)
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
                        "%s: the name of column %u, %s, is not valid UTF-8: save the file as UTF-8", path,
                        i + 1, shown);
    if (memchr(text, '\r', length) != NULL && (field->flags & CSV_QUOTED) == 0)
        return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
                        "%s has carriage returns without line feeds: its lines must end in LF or CR LF",
                        path);
    if (length > CSV_NAME_MAX)
        return dvs_fail(
            err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
            "%s: the name of column %u, %.80s..., is longer than %d bytes: is this a header line?", path,
            i + 1, shown, (int)CSV_NAME_MAX);
    return DVS_OK;
}

static int32_t take_names(const dvs_source *source, const csv_file *file, csv_header *header,
                          const csv_field *fields, dvs_error *err)
{
    for (uint32_t i = 0; i < header->n_columns; i++) {
        if (source->has_header) {
            int32_t status = take_name(file, &fields[i], i, &header->columns[i].name, err);
            if (status != DVS_OK)
                return status;
        } else {
            char name[16];
            snprintf(name, sizeof name, "c%u", i + 1);
            header->columns[i].name = strdup(name);
            if (header->columns[i].name == NULL)
                return csv_no_memory(err);
        }
    }
    return DVS_OK;
}

static int by_name(const void *a, const void *b, void *context)
{
    const csv_column *columns = context;
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    int order = csv_text_compare(columns[x].name, columns[y].name);
    return order != 0 ? order : x < y ? -1 : 1;
}

static int32_t sort_names(const csv_file *file, csv_header *header, dvs_error *err)
{
    char path[CSV_SHOW_SIZE];
    char name[CSV_SHOW_SIZE];
    for (uint32_t i = 0; i < header->n_columns; i++)
        header->by_name[i] = i;
    qsort_r(header->by_name, header->n_columns, sizeof *header->by_name, by_name, header->columns);
    for (uint32_t i = 1; i < header->n_columns; i++) {
        uint32_t a = header->by_name[i - 1];
        uint32_t b = header->by_name[i];
        if (csv_text_compare(header->columns[a].name, header->columns[b].name) == 0)
            return dvs_fail(
                err, DVS_E_SCHEMA, DVS_SCOPE_STREAM,
                "%s has the column %s twice, as columns %u and %u (upper and lower case are the same): "
                "rename one",
                show_path(path, sizeof path, file),
                csv_text_show(name, sizeof name, header->columns[b].name, strlen(header->columns[b].name)),
                a + 1, b + 1);
    }
    return DVS_OK;
}

static void set_types(const dvs_source *source, csv_header *header)
{
    for (uint32_t i = 0; i < header->n_columns; i++)
        header->columns[i].kind = DVS_TEXT;
    for (uint32_t i = 0; i < source->n_types; i++) {
        int64_t at = csv_header_find(header, source->types[i].column);
        if (at >= 0) {
            header->columns[at].kind = source->types[i].kind;
            header->columns[at].typed = 1;
        }
    }
}

/* `_raw`, with more underscores behind it as long as a column has that name. */
static int32_t name_raw(csv_header *header, dvs_error *err)
{
    size_t size = 8;
    for (;;) {
        free(header->raw_name);
        header->raw_name = malloc(size);
        if (header->raw_name == NULL)
            return csv_no_memory(err);
        memset(header->raw_name, '_', size);
        memcpy(header->raw_name, "_raw", 4);
        header->raw_name[size - 4] = '\0';
        if (csv_header_find(header, header->raw_name) < 0)
            return DVS_OK;
        size++;
    }
}

static int32_t build(const dvs_source *source, csv_file *file, csv_header *header, const csv_record *record,
                     csv_field *fields, dvs_error *err)
{
    csv_record again;
    header->n_columns = record->n_fields;
    header->columns = calloc(record->n_fields, sizeof *header->columns);
    header->by_name = calloc(record->n_fields, sizeof *header->by_name);
    if (header->columns == NULL || header->by_name == NULL)
        return csv_no_memory(err);
    csv_scan(csv_file_data(file), csv_file_length(file), file->eof, csv_source_delimiter(source, file->path),
             fields, record->n_fields, &again);
    int32_t status = take_names(source, file, header, fields, err);
    if (status == DVS_OK)
        status = sort_names(file, header, err);
    if (status != DVS_OK)
        return status;
    set_types(source, header);
    return name_raw(header, err);
}

static int32_t read_header(const dvs_source *source, csv_file *file, csv_header *header, dvs_error *err)
{
    csv_field *fields = NULL;
    csv_field first;
    csv_record record = {0};
    uint64_t mark = 0;
    uint64_t blank_lines = 0;
    memset(header, 0, sizeof *header);

    int32_t status = skip_mark(file, &mark, err);
    if (status != DVS_OK)
        return status;
    for (;;) {
        status = first_record(source, file, &first, 1, &record, err);
        if (status != DVS_OK || source->has_header || !is_blank(&record, &first))
            break;
        /* Without a header the first line with something in it tells the number of columns. */
        blank_lines++;
        csv_file_consume(file, record.size);
    }
    if (status == DVS_END && blank_lines == 0)
        return fail(file, err,
                    source->has_header ? "is empty: it has no header line"
                                       : "is empty: without a first line its columns cannot be told");
    if (status == DVS_END) {
        record = (csv_record){.n_fields = 1};
        status = DVS_OK;
    }
    if (status == DVS_OK)
        status = check_record(file, &record, err);
    if (status != DVS_OK)
        return status;
    if (source->has_header && is_blank(&record, &first))
        return fail(file, err, "has an empty first line where its header should be: remove the line");

    fields = calloc(record.n_fields, sizeof *fields);
    if (fields == NULL)
        return csv_no_memory(err);
    status = build(source, file, header, &record, fields, err);
    free(fields);
    if (status != DVS_OK) {
        csv_header_free(header);
        return status;
    }
    header->data_offset = mark;
    header->data_line = 1;
    header->hash = csv_text_hash(CSV_HASH_START, &header->n_columns, sizeof header->n_columns);
    if (source->has_header) {
        header->hash = csv_text_hash(header->hash, csv_file_data(file), record.length);
        header->data_offset += record.size;
        header->data_line += record.n_lines;
        csv_file_consume(file, record.size);
    } else if (blank_lines > 0) {
        csv_file_seek(file, mark);
    }
    return DVS_OK;
}

int32_t csv_header_open(const dvs_source *source, const char *path, csv_file *file, csv_header *header,
                        dvs_error *err)
{
    int32_t status = DVS_OK;
    /* A file that somebody appends to all the time has a header all the same. */
    for (int tries = 0; tries < 3; tries++) {
        status = csv_file_open(file, path, err);
        if (status == DVS_OK)
            status = read_header(source, file, header, err);
        if (status == DVS_OK)
            return DVS_OK;
        csv_file_close(file);
        if (status != DVS_E_CHANGED)
            break;
    }
    return status;
}

int64_t csv_header_find(const csv_header *header, const char *name)
{
    uint32_t low = 0;
    uint32_t high = header->n_columns;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t at = header->by_name[middle];
        int order = csv_text_compare(name, header->columns[at].name);
        if (order == 0)
            return at;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* True when a stream of the folder other than `stream` has the column. */
static int elsewhere(const dvs_source *source, const csv_streams *streams, const csv_stream *stream,
                     const char *column)
{
    for (size_t i = 0; streams->is_folder && i < streams->n; i++) {
        dvs_error ignored = DVS_ERROR_INIT;
        csv_header header;
        csv_file file;
        int found = 0;
        if (&streams->items[i] == stream)
            continue;
        if (csv_header_open(source, streams->items[i].path, &file, &header, &ignored) != DVS_OK)
            continue;
        found = csv_header_find(&header, column) >= 0;
        csv_header_free(&header);
        csv_file_close(&file);
        if (found)
            return 1;
    }
    return 0;
}

int32_t csv_header_check_types(const dvs_source *source, const csv_streams *streams, const csv_stream *stream,
                               const csv_header *header, dvs_error *err)
{
    char path[CSV_SHOW_SIZE];
    char shown[CSV_SHOW_SIZE];
    for (uint32_t i = 0; i < source->n_types; i++) {
        const char *name = source->types[i].column;
        if (csv_header_find(header, name) >= 0 || elsewhere(source, streams, stream, name))
            continue;
        return dvs_fail(
            err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
            streams->is_folder
                ? "the setting types names the column %s, which no file of %s has: see their header lines"
                : "the setting types names the column %s, which %s does not have: see its header line",
            csv_text_show(shown, sizeof shown, name, strlen(name)),
            csv_text_show(path, sizeof path, source->path, strlen(source->path)));
    }
    return DVS_OK;
}

void csv_header_free(csv_header *header)
{
    for (uint32_t i = 0; header->columns != NULL && i < header->n_columns; i++)
        free(header->columns[i].name);
    free(header->columns);
    free(header->by_name);
    free(header->raw_name);
    memset(header, 0, sizeof *header);
}
