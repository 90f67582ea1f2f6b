/* scripted_fixture.h - reading from the scripted source. */
#ifndef SCRIPTED_FIXTURE_H
#define SCRIPTED_FIXTURE_H

#include "testplugins_fixture.h"

/* What a read gave. Rows are texts: "tombstone " if it is one, then the cells as JSON, with "-" for
 * ABSENT. */
typedef struct result {
    char **rows;
    size_t n_rows;
    uint32_t n_errors;
    char *errors;       /* "field: message\n" ... */
    char *tokens[64];   /* of the checkpoints, as far as batches show them */
    size_t rows_at[64]; /* rows before each */
    size_t n_tokens;
    dvs_checkpoint end;
    int32_t status;
} result;

UNUSED static char *row_text(const dvsi_batch *batch, uint32_t row)
{
    dvsi_buf buf = {0};
    uint32_t i;
    if ((batch->rows[row].flags & DVS_ROW_TOMBSTONE) != 0)
        dvsi_buf_puts(&buf, "tombstone ");
    for (i = 0; i < batch->n_columns; i++) {
        const dvs_cell *cell = &dvsi_batch_cells(batch, row)[i];
        if (i > 0)
            dvsi_buf_putc(&buf, ' ');
        if (cell->kind == DVS_ABSENT)
            dvsi_buf_putc(&buf, '-');
        else
            dvsi_cell_json(&buf, cell);
    }
    return dvsi_buf_take(&buf);
}

UNUSED static void take_batch(result *r, const dvsi_batch *batch)
{
    const dvsi_batch_error *error;
    dvsi_buf errors = {0};
    uint32_t i;
    r->rows = realloc(r->rows, (r->n_rows + batch->n_rows + 1) * sizeof *r->rows);
    if (batch->has_checkpoint && r->n_tokens < 64) {
        const dvs_checkpoint *c = &batch->checkpoint;
        r->rows_at[r->n_tokens] = r->n_rows + batch->checkpoint_rows;
        r->tokens[r->n_tokens++] = strndup((const char *)c->token, (size_t)c->token_length);
        if (c->type == DVS_CHECKPOINT_END)
            r->end = *c;
    }
    for (i = 0; i < batch->n_rows; i++)
        r->rows[r->n_rows++] = row_text(batch, i);
    dvsi_buf_puts(&errors, r->errors != NULL ? r->errors : "");
    for (error = batch->errors; error != NULL; error = error->next)
        dvsi_buf_printf(&errors, "%s %s: %s\n", error->source_key != NULL ? error->source_key : "?",
                        error->field != NULL ? error->field : "record", error->message);
    r->n_errors += batch->n_errors;
    free(r->errors);
    r->errors = dvsi_buf_take(&errors);
}

UNUSED static void result_free(result *r)
{
    size_t i;
    for (i = 0; i < r->n_rows; i++)
        free(r->rows[i]);
    for (i = 0; i < r->n_tokens; i++)
        free(r->tokens[i]);
    free(r->rows);
    free(r->errors);
    memset(r, 0, sizeof *r);
}

UNUSED static dvsi_source *open_source(fixture *f, const char *script)
{
    dvsi_source *source = NULL;
    write_file(f, "script.json", script);
    if (f->settings.n_settings == 0) {
        set_text(f, "script", in_folder(f, "script.json"));
        set_text(f, "log", in_folder(f, "log"));
    }
    OK(f, dvsi_source_open(f->scripted, "crm", &f->settings, &f->services, &source, &f->err));
    return source;
}

/* Reads to the end, or to the first failure. */
UNUSED static result read_with(fixture *f, dvsi_source *source, const dvs_read *read)
{
    dvsi_schema schema = {0};
    dvsi_reader *reader = NULL;
    dvsi_batch *batch;
    result r;
    memset(&r, 0, sizeof r);
    OK(f, dvsi_source_describe(source, read->stream, &schema, &f->err));
    batch = dvsi_batch_new(schema.n_columns);
    r.status = dvsi_source_start(source, read, &schema, NULL, &reader, &f->err);
    while (r.status == DVS_OK) {
        dvsi_batch_reset(batch, schema.n_columns);
        r.status = dvsi_reader_pull(reader, batch, &f->err);
        take_batch(&r, batch);
    }
    dvsi_reader_stop(reader);
    dvsi_batch_free(batch);
    dvsi_schema_free(&schema);
    return r;
}

UNUSED static dvs_read a_read(uint32_t mode, const char *token, int resume)
{
    dvs_read read;
    memset(&read, 0, sizeof read);
    read.struct_size = (uint32_t)sizeof read;
    read.stream = "people";
    read.mode = mode;
    read.resume = (uint32_t)resume;
    read.token = (const uint8_t *)token;
    read.token_length = token != NULL ? strlen(token) : 0;
    return read;
}

UNUSED static result read_all(fixture *f, dvsi_source *source, uint32_t mode, const char *token, int resume)
{
    dvs_read read = a_read(mode, token, resume);
    return read_with(f, source, &read);
}

UNUSED static int has_row(const result *r, const char *text)
{
    size_t i;
    for (i = 0; i < r->n_rows; i++) {
        if (strcmp(r->rows[i], text) == 0)
            return 1;
    }
    return 0;
}

#endif
