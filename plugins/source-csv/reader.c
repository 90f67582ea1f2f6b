/* reader.c - one read of one file: records to rows and row errors, and positions between them. */
#include <stdlib.h>

#include "csv.h"

#define RAW_COLUMN UINT32_MAX
#define KEPT_BUFFER (1u << 20) /* more than this is given back after a large record */
#define KEPT_RECORD 4096u      /* of a record that is too long, for its row error */
#define SHOWN_VALUE 60         /* of a value that does not fit, for the message */

typedef struct wanted {
    uint32_t column; /* position in the file, or RAW_COLUMN */
    uint32_t kind;
} wanted;

struct dvs_reader {
    const dvs_source *source;
    const dvs_host *host;
    csv_file file;
    csv_header header;
    char delimiter;
    uint64_t line; /* of the next record */
    csv_field *fields;
    wanted *wanted;
    dvs_cell *cells;
    uint32_t n_wanted;
    int wants_raw;
    csv_raw_keys raw_keys;
    csv_buf raw;
    csv_buf scratch;
};

/* ---- Positions ---- */

#define TOKEN_NUMBERS 10
#define TOKEN_SIZE (TOKEN_NUMBERS * 8u)
#define TOKEN_VERSION UINT64_C(0x3176736376)

/* A position is good for the same file in the same state, read with the same settings. */
static void position_write(const dvs_reader *reader, uint8_t *token)
{
    const struct stat *st = &reader->file.stat;
    const uint64_t numbers[TOKEN_NUMBERS] = {
        TOKEN_VERSION,         (uint64_t)st->st_dev,          (uint64_t)st->st_ino,
        (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,  (uint64_t)st->st_mtim.tv_nsec,
        reader->header.hash,   reader->source->settings_hash, reader->file.offset,
        reader->line};
    for (size_t i = 0; i < TOKEN_NUMBERS; i++) {
        for (size_t k = 0; k < 8; k++)
            token[i * 8 + k] = (uint8_t)(numbers[i] >> (8 * k));
    }
}

static uint64_t position_number(const uint8_t *token, size_t index)
{
    uint64_t value = 0;
    for (size_t k = 8; k-- > 0;)
        value = value << 8 | token[index * 8 + k];
    return value;
}

static int32_t position_take(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    char shown[CSV_SHOW_SIZE];
    uint8_t now[TOKEN_SIZE];
    const char *path = csv_text_show(shown, sizeof shown, reader->file.path, strlen(reader->file.path));
    if (read->token == NULL || read->token_length != TOKEN_SIZE ||
        position_number(read->token, 0) != TOKEN_VERSION)
        return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM, "the stored position in %s is of another form",
                        path);
    position_write(reader, now);
    if (memcmp(now, read->token, TOKEN_SIZE - 16) != 0)
        return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM,
                        "%s or its settings changed since it was read up to here", path);
    uint64_t offset = position_number(read->token, TOKEN_NUMBERS - 2);
    if (offset < reader->header.data_offset || offset > (uint64_t)reader->file.stat.st_size)
        return dvs_fail(err, DVS_E_RESUME, DVS_SCOPE_STREAM, "the stored position lies outside of %s", path);
    csv_file_seek(&reader->file, offset);
    reader->line = position_number(read->token, TOKEN_NUMBERS - 1);
    return DVS_OK;
}

/* ---- Start and stop ---- */

static int32_t take_columns(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    char path[CSV_SHOW_SIZE];
    reader->fields = calloc(reader->header.n_columns, sizeof *reader->fields);
    reader->wanted = calloc((size_t)read->n_columns + 1, sizeof *reader->wanted);
    reader->cells = calloc((size_t)read->n_columns + 1, sizeof *reader->cells);
    if (reader->fields == NULL || reader->wanted == NULL || reader->cells == NULL)
        return csv_no_memory(err);
    reader->n_wanted = read->n_columns;
    for (uint32_t i = 0; i < read->n_columns; i++) {
        const char *name = read->columns[i];
        int64_t at = csv_header_find(&reader->header, name);
        if (at >= 0) {
            reader->wanted[i] = (wanted){(uint32_t)at, reader->header.columns[at].kind};
        } else if (strcmp(name, reader->header.raw_name) == 0) {
            reader->wanted[i] = (wanted){RAW_COLUMN, DVS_JSON};
            reader->wants_raw = 1;
        } else {
            return dvs_fail(err, DVS_E_SCHEMA, DVS_SCOPE_STREAM, "%s has no column %.200s any more",
                            csv_text_show(path, sizeof path, reader->file.path, strlen(reader->file.path)),
                            name);
        }
    }
    return reader->wants_raw ? csv_raw_keys_make(&reader->raw_keys, &reader->header, err) : DVS_OK;
}

static int32_t begin(dvs_reader *reader, const dvs_read *read, dvs_error *err)
{
    csv_streams streams;
    const csv_stream *stream = NULL;
    int32_t status = csv_streams_list(reader->source, &streams, err);
    if (status != DVS_OK)
        return status;
    status = csv_streams_find(reader->source, &streams, read->stream, &stream, err);
    if (status == DVS_OK)
        status = csv_header_open(reader->source, stream->path, &reader->file, &reader->header, err);
    csv_streams_free(&streams);
    if (status != DVS_OK)
        return status;
    reader->delimiter = csv_source_delimiter(reader->source, reader->file.path);
    reader->line = reader->header.data_line;
    status = take_columns(reader, read, err);
    if (status == DVS_OK && read->resume)
        status = position_take(reader, read, err);
    return status;
}

int32_t csv_reader_start(dvs_source *source, const dvs_read *read, dvs_reader **out, dvs_error *err)
{
    if (read->mode != DVS_READ_FULL)
        return dvs_fail(err, DVS_E_UNSUPPORTED, DVS_SCOPE_STREAM,
                        "a CSV file has no cursor: it is always read completely");
    dvs_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return csv_no_memory(err);
    reader->source = source;
    reader->host = source->host;
    reader->file.fd = -1;
    int32_t status = begin(reader, read, err);
    if (status != DVS_OK) {
        csv_reader_stop(reader);
        return status;
    }
    *out = reader;
    return DVS_OK;
}

void csv_reader_stop(dvs_reader *reader)
{
    csv_file_close(&reader->file);
    csv_header_free(&reader->header);
    csv_raw_keys_free(&reader->raw_keys);
    csv_buf_free(&reader->raw);
    csv_buf_free(&reader->scratch);
    free(reader->fields);
    free(reader->wanted);
    free(reader->cells);
    free(reader);
}

/* ---- Records ---- */

#define RECORD_TOO_LONG 2 /* beside DVS_OK and DVS_END */

static int32_t refill(dvs_reader *reader, dvs_error *err)
{
    if (reader->host->cancelled(reader->host))
        return dvs_fail(err, DVS_E_CANCELLED, DVS_SCOPE_STREAM, "cancelled");
    return csv_file_fill(&reader->file, err);
}

/* The next record, whole in the buffer and not yet consumed. */
static int32_t next_record(dvs_reader *reader, csv_record *record, dvs_error *err)
{
    csv_file *file = &reader->file;
    for (;;) {
        int answer = csv_scan(csv_file_data(file), csv_file_length(file), file->eof, reader->delimiter,
                              reader->fields, reader->header.n_columns, record);
        if (answer == CSV_SCAN_END)
            return DVS_END;
        if (answer == CSV_SCAN_RECORD) {
            if (record->n_fields != 1 || record->length > 0 || reader->header.n_columns == 1)
                return DVS_OK;
            /* An empty line is no record, except where it is one of a single NULL field. */
            csv_file_consume(file, record->size);
            reader->line += record->n_lines;
            continue;
        }
        int32_t status = refill(reader, err);
        if (status == DVS_END)
            return RECORD_TOO_LONG;
        if (status != DVS_OK)
            return status;
    }
}

/* `cells`: what of the record is usable, or NULL. */
static int32_t put_error(dvs_reader *reader, dvs_out *out, const char *field, const char *record,
                         size_t length, const char *message, const dvs_cell *cells)
{
    dvs_row_error error = {.struct_size = (uint32_t)sizeof error,
                           .number = reader->line,
                           .field = field,
                           .message = message,
                           .record = record,
                           .record_length = length,
                           .cells = cells,
                           .n_cells = cells != NULL ? reader->n_wanted : 0};
    return reader->host->put_error(reader->host, out, &error);
}

/* Steps over a record that is longer than the buffer may become. *answer is the host's to the row error. */
static int32_t skip_record(dvs_reader *reader, dvs_out *out, int32_t *answer, dvs_error *err)
{
    csv_file *file = &reader->file;
    csv_skip skip = {0};
    char message[160];
    size_t kept = csv_file_length(file) < KEPT_RECORD ? csv_file_length(file) : KEPT_RECORD;
    int done = 0;
    reader->scratch.length = 0;
    char *copy = csv_buf_reserve(&reader->scratch, kept);
    if (copy == NULL)
        return csv_no_memory(err);
    memcpy(copy, csv_file_data(file), kept);
    while (!done) {
        size_t n = csv_scan_skip(&skip, csv_file_data(file), csv_file_length(file), reader->delimiter, &done);
        csv_file_consume(file, n);
        if (done || file->eof)
            break;
        int32_t status = refill(reader, err);
        if (status != DVS_OK)
            return status;
    }
    snprintf(
        message, sizeof message,
        "the record is longer than %u bytes: is a quote in it never closed? its first bytes are kept here",
        (unsigned)CSV_RECORD_MAX);
    *answer = put_error(reader, out, NULL, copy, kept, message, NULL);
    reader->line += skip.n_lines;
    return DVS_OK;
}

/* ---- Rows ---- */

/* The row error of a record that is no row; NULL when it is one. Its fields may not stand in their places, or
 * it may have swallowed records behind it. So no key may be read from it: the host would take some other
 * record for the one that failed, and delete the one that did. */
static const char *record_problem(const dvs_reader *reader, const csv_record *record, char *out, size_t size)
{
    unsigned long long line = (unsigned long long)(reader->line + record->problem_line);
    if (record->problem == CSV_OPEN_QUOTE)
        snprintf(out, size,
                 "the quote that opens field %u in line %llu is not closed before the end of the file",
                 record->problem_field + 1, line);
    else if (record->problem == CSV_BEHIND_QUOTE)
        snprintf(out, size,
                 "field %u has text behind its closing quote in line %llu (write a quote inside quotes "
                 "twice)",
                 record->problem_field + 1, line);
    else if (record->n_fields != reader->header.n_columns)
        snprintf(out, size, "the record has %u field%s, the %s %u", record->n_fields,
                 record->n_fields == 1 ? "" : "s",
                 reader->source->has_header ? "header has" : "first one has", reader->header.n_columns);
    else
        return NULL;
    return out;
}

static inline int is_null(const dvs_source *source, const csv_field *field)
{
    if ((field->flags & CSV_QUOTED) != 0)
        return 0;
    return field->length == 0 || (source->null_length > 0 && field->length == source->null_length &&
                                  memcmp(field->text, source->null_text, field->length) == 0);
}

/* Leaves in the field what it means: its text, or text NULL for NULL. */
static inline void settle(const dvs_source *source, csv_field *field, char **scratch)
{
    if (field->text == NULL)
        return;
    if (is_null(source, field)) {
        field->text = NULL;
    } else if ((field->flags & CSV_ESCAPED) != 0) {
        size_t length = csv_scan_unescape(field, *scratch);
        field->text = *scratch;
        field->length = (uint32_t)length;
        field->flags &= ~CSV_ESCAPED;
        *scratch += length;
    }
}

/* A value that is none of its column's type. */
static int32_t put_bad_value(dvs_reader *reader, dvs_out *out, const csv_record *record, const wanted *w)
{
    const csv_field *field = &reader->fields[w->column];
    char value[SHOWN_VALUE + 8];
    char message[256];
    csv_text_show(value, sizeof value, field->text, field->length);
    snprintf(message, sizeof message, "'%s' is not %s: it must be %s", value, plugin_value_kind_name(w->kind),
             plugin_value_form(w->kind));
    return put_error(reader, out, reader->header.columns[w->column].name, csv_file_data(&reader->file),
                     record->length, message, reader->cells);
}

/* The first wanted field that is no text: not UTF-8, or with a NUL in it. NULL: there is none. The host would
 * refuse it too, but could not tell the record as it stands in the file. */
static const csv_field *bad_text(const dvs_reader *reader, const csv_record *record, uint32_t *column)
{
    if (csv_text_check(csv_file_data(&reader->file), record->length) == record->length)
        return NULL;
    for (uint32_t i = 0; i < (reader->wants_raw ? reader->header.n_columns : reader->n_wanted); i++) {
        *column = reader->wants_raw ? i : reader->wanted[i].column;
        const csv_field *field = &reader->fields[*column];
        if (csv_text_check(field->text, field->length) != field->length)
            return field;
    }
    return NULL;
}

/* Room for all that settle and plugin_value_read write of one record; NULL when memory is out. */
static char *take_scratch(dvs_reader *reader, const csv_record *record)
{
    /* Halved quotes and converted values never are longer than the record, but for two bytes a decimal. */
    reader->scratch.length = 0;
    return csv_buf_reserve(&reader->scratch,
                           2 * record->length + 2 * (size_t)reader->n_wanted + CSV_SCAN_SLACK);
}

/* Reads the settled field of `w` into *cell; -1 when it is none of its column's type. */
static inline int read_cell(const dvs_reader *reader, const wanted *w, char **scratch, dvs_cell *cell)
{
    const csv_field *field = &reader->fields[w->column];
    if (field->text == NULL) {
        *cell = dvs_cell_make(DVS_NULL, 0);
        return 0;
    }
    return plugin_value_read(w->kind, field->text, field->length, reader->source->c_locale, scratch, cell);
}

/* Puts the error of a record with a field that is no text, and its usable cells. */
static int32_t put_bad_text(dvs_reader *reader, dvs_out *out, const csv_record *record, const csv_field *bad,
                            uint32_t column, int32_t *answer, dvs_error *err)
{
    char message[120];
    size_t at = csv_text_check(bad->text, bad->length);
    char *scratch = take_scratch(reader, record);
    if (scratch == NULL)
        return csv_no_memory(err);
    if (bad->text[at] == '\0')
        snprintf(message, sizeof message, "byte %zu of the value is NUL, which text cannot hold", at + 1);
    else
        snprintf(message, sizeof message,
                 "the value is not valid UTF-8 at its byte %zu: save the file as UTF-8", at + 1);
    for (uint32_t i = 0; i < reader->n_wanted; i++) {
        const wanted *w = &reader->wanted[i];
        reader->cells[i] = dvs_cell_make(DVS_ABSENT, 0);
        if (w->column == RAW_COLUMN)
            continue;
        csv_field *field = &reader->fields[w->column];
        settle(reader->source, field, &scratch);
        if ((field->text != NULL && csv_text_check(field->text, field->length) != field->length) ||
            read_cell(reader, w, &scratch, &reader->cells[i]) != 0)
            reader->cells[i] = dvs_cell_make(DVS_ABSENT, 0);
    }
    *answer = put_error(reader, out, reader->header.columns[column].name, csv_file_data(&reader->file),
                        record->length, message, reader->cells);
    return DVS_OK;
}

/* Puts a record of the right number of fields as a row, or as the error of the first bad value in it. */
static int32_t put_row(dvs_reader *reader, dvs_out *out, const csv_record *record, int32_t *answer,
                       dvs_error *err)
{
    const dvs_source *source = reader->source;
    const wanted *bad = NULL;
    char *scratch = take_scratch(reader, record);
    if (scratch == NULL)
        return csv_no_memory(err);
    if (reader->wants_raw) {
        for (uint32_t i = 0; i < reader->header.n_columns; i++)
            settle(source, &reader->fields[i], &scratch);
        if (csv_raw_write(&reader->raw, &reader->raw_keys, reader->fields, reader->header.n_columns) != 0)
            return csv_no_memory(err);
    }
    for (uint32_t i = 0; i < reader->n_wanted; i++) {
        const wanted *w = &reader->wanted[i];
        dvs_cell *cell = &reader->cells[i];
        if (w->column == RAW_COLUMN) {
            *cell = dvs_cell_make_bytes(DVS_JSON, reader->raw.data, (uint32_t)reader->raw.length);
            continue;
        }
        if (!reader->wants_raw)
            settle(source, &reader->fields[w->column], &scratch);
        if (read_cell(reader, w, &scratch, cell) != 0) {
            *cell = dvs_cell_make(DVS_ABSENT, 0);
            if (bad == NULL)
                bad = w;
        }
    }
    if (bad != NULL) {
        *answer = put_bad_value(reader, out, record, bad);
        return DVS_OK;
    }
    dvs_row row = {.struct_size = (uint32_t)sizeof row,
                   .n_cells = reader->n_wanted,
                   .number = reader->line,
                   .cells = reader->cells};
    *answer = reader->host->put_row(reader->host, out, &row);
    return DVS_OK;
}

/* Puts the record in the buffer as a row or as an error. */
static int32_t put_record(dvs_reader *reader, dvs_out *out, const csv_record *record, int32_t *answer,
                          dvs_error *err)
{
    char message[200];
    uint32_t column = 0;
    const csv_field *field;
    if (record_problem(reader, record, message, sizeof message) != NULL)
        *answer = put_error(reader, out, NULL, csv_file_data(&reader->file), record->length, message, NULL);
    else if ((field = bad_text(reader, record, &column)) != NULL)
        return put_bad_text(reader, out, record, field, column, answer, err);
    else
        return put_row(reader, out, record, answer, err);
    return DVS_OK;
}

static int32_t put_checkpoint(const dvs_reader *reader, dvs_out *out, uint32_t type, dvs_error *err)
{
    uint8_t token[TOKEN_SIZE];
    dvs_checkpoint checkpoint = {.struct_size = (uint32_t)sizeof checkpoint,
                                 .type = type,
                                 .token_kind = DVS_TOKEN_NONE,
                                 .watermark = INT64_MIN};
    int32_t status = DVS_OK;
    if (type == DVS_CHECKPOINT_END) {
        checkpoint.complete = 1;
    } else {
        position_write(reader, token);
        checkpoint.token = token;
        checkpoint.token_length = sizeof token;
    }
    dvs_put_done(reader->host->put_checkpoint(reader->host, out, &checkpoint), &status, err);
    return status;
}

static int32_t finish(const dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    int32_t status = csv_file_check_end(&reader->file, err);
    if (status == DVS_OK)
        status = put_checkpoint(reader, out, DVS_CHECKPOINT_END, err);
    return status == DVS_OK ? DVS_END : status;
}

/* Puts records until the host has enough. DVS_END at the end of the file. */
static int32_t put_records(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    for (;;) {
        csv_record record;
        int32_t answer = DVS_PUT_OK;
        int32_t status = next_record(reader, &record, err);
        if (status == RECORD_TOO_LONG) {
            status = skip_record(reader, out, &answer, err);
        } else if (status == DVS_OK) {
            status = put_record(reader, out, &record, &answer, err);
            csv_file_consume(&reader->file, record.size);
            reader->line += record.n_lines;
        }
        if (status != DVS_OK)
            return status;
        if (dvs_put_done(answer, &status, err))
            return status;
    }
}

int32_t csv_reader_pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    int32_t status = put_records(reader, out, err);
    if (status < DVS_E_BASE)
        reader->host->put_progress(reader->host, out, reader->file.offset,
                                   (uint64_t)reader->file.stat.st_size);
    if (status == DVS_OK)
        status = put_checkpoint(reader, out, DVS_CHECKPOINT_POSITION, err);
    else if (status == DVS_END)
        status = finish(reader, out, err);
    csv_buf_trim(&reader->raw, KEPT_BUFFER);
    csv_buf_trim(&reader->scratch, KEPT_BUFFER);
    return status;
}
