/* plugin_notes.c - the small things that sources keep between runs, in _sync_plugin_state. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/run.h"

typedef struct note {
    struct note *next;
    char *source;
    char *key;
    uint8_t *data; /* NULL: removed */
    size_t length;
    int64_t row_id; /* 0: not stored */
    int dirty;
} note;

/* Read and written by all readers; stored by the writer. */
struct dvsi_plugin_notes {
    pthread_mutex_t lock;
    note *first;
};

static note *find(struct dvsi_plugin_notes *notes, const char *source, const char *key)
{
    for (note *n = notes->first; n != NULL; n = n->next)
        if (strcmp(n->source, source) == 0 && strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

static note *add(struct dvsi_plugin_notes *notes, const char *source, const char *key)
{
    note *n = calloc(1, sizeof *n);
    if (n == NULL)
        return NULL;
    n->source = strdup(source);
    n->key = strdup(key);
    if (n->source == NULL || n->key == NULL) {
        free(n->source);
        free(n->key);
        free(n);
        return NULL;
    }
    n->next = notes->first;
    notes->first = n;
    return n;
}

static int set(note *n, const void *data, size_t length)
{
    size_t ignored = 0;
    int failed = dvsi_state_set_bytes(&n->data, &ignored, data, length);
    n->length = n->data != NULL ? length : 0;
    return failed;
}

static int32_t state_get(void *state, const char *source, const char *key, dvsi_arena *arena,
                         dvs_bytes *value)
{
    struct dvsi_plugin_notes *notes = state;
    int32_t status = DVS_OK;
    *value = (dvs_bytes){NULL, 0};
    pthread_mutex_lock(&notes->lock);
    const note *n = find(notes, source, key);
    if (n != NULL && n->data != NULL) {
        value->data = (const uint8_t *)dvsi_arena_copy(arena, n->data, n->length);
        value->length = n->length;
        status = value->data != NULL ? DVS_OK : DVS_E_NO_MEMORY;
    }
    pthread_mutex_unlock(&notes->lock);
    return status;
}

static int32_t state_put(void *state, const char *source, const char *key, const void *data, size_t length)
{
    struct dvsi_plugin_notes *notes = state;
    pthread_mutex_lock(&notes->lock);
    note *n = find(notes, source, key);
    if (n == NULL)
        n = add(notes, source, key);
    int failed = n == NULL || set(n, data, length) != 0;
    if (!failed)
        n->dirty = 1;
    pthread_mutex_unlock(&notes->lock);
    return failed ? DVS_E_NO_MEMORY : DVS_OK;
}

int32_t dvsi_plugin_notes_load(dvsi_run *run, dvs_error *err)
{
    struct dvsi_plugin_notes *notes = calloc(1, sizeof *notes);
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_PLUGIN_STATE);
    int32_t status = notes == NULL || rows == NULL ? dvsi_error_no_memory(err) : DVS_OK;
    if (notes != NULL) {
        pthread_mutex_init(&notes->lock, NULL);
        run->plugin_notes = notes;
    }
    if (status == DVS_OK && run->sink != NULL)
        status = dvsi_books_find(&run->books, DVSI_BOOK_PLUGIN_STATE, NULL, 0, 0, 0, rows, err);
    for (uint32_t i = 0; status == DVS_OK && i < rows->n_rows; i++) {
        const dvs_cell *row = dvsi_batch_cells(rows, i);
        char *source = dvsi_arena_copy(&run->arena, row[DVSI_PLUGIN_STATE_SOURCE].v.text,
                                       row[DVSI_PLUGIN_STATE_SOURCE].length);
        char *key = dvsi_arena_copy(&run->arena, row[DVSI_PLUGIN_STATE_KEY].v.text,
                                    row[DVSI_PLUGIN_STATE_KEY].length);
        note *n = source != NULL && key != NULL ? add(notes, source, key) : NULL;
        if (n == NULL ||
            set(n, row[DVSI_PLUGIN_STATE_BYTES].v.bytes, row[DVSI_PLUGIN_STATE_BYTES].length) != 0)
            status = dvsi_error_no_memory(err);
        else
            n->row_id = row[DVSI_PLUGIN_STATE_ROW_ID].v.i64;
    }
    run->services.state = notes;
    run->services.state_get = state_get;
    run->services.state_put = state_put;
    dvsi_batch_free(rows);
    return status;
}

static int32_t store(dvsi_run *run, note *n, dvs_error *err)
{
    static const uint32_t column = DVSI_PLUGIN_STATE_BYTES;
    dvs_cell bytes = dvsi_cell_bytes(n->data, n->length);
    if (n->data == NULL) {
        int64_t row_id = n->row_id;
        n->row_id = 0;
        return row_id != 0 ? dvsi_books_delete(&run->books, DVSI_BOOK_PLUGIN_STATE, &row_id, 1, err) : DVS_OK;
    }
    if (n->row_id != 0)
        return dvsi_books_update(&run->books, DVSI_BOOK_PLUGIN_STATE, n->row_id, &column, &bytes, 1, err);
    dvs_cell row[DVSI_N_PLUGIN_STATE] = {{0}};
    row[DVSI_PLUGIN_STATE_SOURCE] = dvsi_cell_text(n->source);
    row[DVSI_PLUGIN_STATE_KEY] = dvsi_cell_text(n->key);
    row[DVSI_PLUGIN_STATE_BYTES] = bytes;
    return dvsi_books_insert(&run->books, DVSI_BOOK_PLUGIN_STATE, row, 1, &n->row_id, err);
}

int32_t dvsi_plugin_notes_store(dvsi_run *run, dvs_error *err)
{
    struct dvsi_plugin_notes *notes = run->plugin_notes;
    int32_t status = DVS_OK;
    if (notes == NULL)
        return DVS_OK;
    pthread_mutex_lock(&notes->lock);
    for (note *n = notes->first; n != NULL && status == DVS_OK; n = n->next) {
        if (!n->dirty)
            continue;
        status = store(run, n, err);
        n->dirty = status != DVS_OK;
    }
    pthread_mutex_unlock(&notes->lock);
    return status;
}

void dvsi_plugin_notes_free(dvsi_run *run)
{
    struct dvsi_plugin_notes *notes = run->plugin_notes;
    if (notes == NULL)
        return;
    while (notes->first != NULL) {
        note *n = notes->first;
        notes->first = n->next;
        free(n->source);
        free(n->key);
        free(n->data);
        free(n);
    }
    pthread_mutex_destroy(&notes->lock);
    free(notes);
    run->plugin_notes = NULL;
}
