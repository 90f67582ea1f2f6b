/*
 * scripted.h - a source whose world is a JSON file; for tests only. The format is described in
 * tests/plugins/README.md. The file is read at open and again whenever it has changed; a reader keeps the
 * world in which it was started.
 */
#ifndef SCRIPTED_H
#define SCRIPTED_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "dvsync/plugin.h"
#include "dvsync/plugin_util.h"

#include "../common/events.h"
#include "../common/values.h"

/* ---- memory.c: what one row needs, given back at once ---- */

typedef struct scripted_scratch {
    struct scripted_chunk *chunks;
} scripted_scratch;

void *scripted_scratch_take(scripted_scratch *scratch, size_t size); /* NULL when memory is out */
void scripted_scratch_reset(scripted_scratch *scratch);

/* ---- numbers.c: sets of row numbers ---- */

typedef struct scripted_range {
    int64_t from;
    int64_t to;
    int64_t every; /* 1: all of them */
} scripted_range;

typedef struct scripted_set {
    scripted_range *ranges; /* those with every == 1 come first, sorted and without overlap */
    size_t n_ranges;
    size_t n_plain;
} scripted_set;

int32_t scripted_set_load(scripted_set *set, json_t *spec, const char *what, dvs_error *err);
int scripted_set_has(const scripted_set *set, int64_t number);
void scripted_set_free(scripted_set *set);

/* ---- world.c ---- */

/* How far the system had come when a row was changed: a whole number, or a text (a time) which sorts behind
 * all numbers. */
typedef struct scripted_seq {
    const char *text; /* NULL: number */
    int64_t number;
} scripted_seq;

typedef struct scripted_column {
    dvs_column info; /* strings belong to the JSON */
    json_t *spec;
    const char **targets;
    dvs_choice *choices;
} scripted_column;

typedef struct scripted_change {
    scripted_set rows;
    int64_t salt;
    int64_t seq;
    json_t *fields; /* NULL: all but the key */
} scripted_change;

typedef struct scripted_generator {
    int64_t first;
    int64_t count;
    uint64_t seed;
    int ordered; /* keys in the order of the rows */
    scripted_set extra;
    scripted_change *changes;
    size_t n_changes;
    scripted_change *deleted;
    size_t n_deleted;
} scripted_generator;

typedef struct scripted_stream {
    const char *name;
    uint32_t flags;
    json_t *spec;
    scripted_column *columns; /* what rows are made of */
    uint32_t n_columns;
    scripted_column *described; /* what describe tells; the same array unless the stream lies */
    uint32_t n_described;
    json_t *rows;
    json_t *tombstones;
    const char *seq_name;
    int64_t generation;
    int generates;
    scripted_generator generator;
} scripted_stream;

typedef struct scripted_world {
    atomic_int users;
    json_t *root;
    const char *identity;
    scripted_stream *streams;
    size_t n_streams;
} scripted_world;

/* Reads the script; errors are DVS_E_CONFIG and name the place. */
int32_t scripted_world_load(const char *path, scripted_world **world, dvs_error *err);
void scripted_world_release(scripted_world *world); /* NULL is fine */
const scripted_stream *scripted_world_find(const scripted_world *world, const char *name);
/* By name without regard to case; NULL when there is none. */
const scripted_column *scripted_column_find(const scripted_column *columns, uint32_t n, const char *name);

int64_t scripted_member_int(const json_t *object, const char *name, int64_t otherwise);
const char *scripted_member_text(const json_t *object, const char *name, const char *otherwise);
int scripted_member_true(const json_t *object, const char *name);

/* ---- columns.c ---- */

int32_t scripted_columns_load(json_t *list, const char *where, scripted_column **columns, uint32_t *n,
                              dvs_error *err);
void scripted_columns_free(scripted_column *columns, uint32_t n);

/* ---- value.c: JSON to cells; the cell's bytes are in `scratch` or in the JSON ---- */

int32_t scripted_value_cell(scripted_scratch *scratch, const scripted_column *column, json_t *value,
                            dvs_cell *cell, dvs_error *err);
/* -1, 0, 1, or 2 when they cannot be compared (NULL, other kinds). */
int scripted_cell_compare(const dvs_cell *a, const dvs_cell *b);

/* ---- generate.c ---- */

int32_t scripted_generator_load(scripted_stream *stream, json_t *spec, dvs_error *err);
void scripted_generator_free(scripted_generator *generator);
int scripted_generated_exists(const scripted_generator *generator, int64_t number);
int64_t scripted_generated_seq(const scripted_generator *generator, int64_t number);
int32_t scripted_generated_cell(scripted_scratch *scratch, const scripted_stream *stream,
                                const scripted_column *column, int64_t number, dvs_cell *cell,
                                dvs_error *err);
/* The number of the row that has this as (part of) its key; -1: cannot be told. */
int64_t scripted_generated_number(const dvs_cell *key);

/* ---- items.c: what a read delivers, in order ---- */

#define SCRIPTED_GENERATED 1
#define SCRIPTED_ROW 2
#define SCRIPTED_TOMBSTONE 3           /* of the list `tombstones` */
#define SCRIPTED_GENERATED_TOMBSTONE 4 /* of a deleted generated row */

typedef struct scripted_item {
    int type;
    size_t index;   /* in rows or tombstones */
    int64_t number; /* of the row in the stream */
    scripted_seq seq;
} scripted_item;

typedef struct scripted_items {
    scripted_item *list;
    size_t n;
    size_t capacity;
} scripted_items;

/* Everything (from NULL), or what changed since. A delta comes in the order of seq, with tombstones. */
int32_t scripted_items_collect(const scripted_stream *stream, uint32_t mode, const scripted_seq *from,
                               scripted_items *items, dvs_error *err);
/* How far the stream has come. */
scripted_seq scripted_watermark(const scripted_stream *stream);
int scripted_seq_compare(const scripted_seq *a, const scripted_seq *b);
scripted_seq scripted_seq_of(const json_t *value);
json_t *scripted_seq_json(const scripted_seq *seq);
/* The cell of an item; ABSENT where the row has none. */
int32_t scripted_item_cell(scripted_scratch *scratch, const scripted_stream *stream,
                           const scripted_item *item, const scripted_column *column, dvs_cell *cell,
                           dvs_error *err);

/* ---- source.c, read.c, pull.c, fetch.c: the slots ---- */

struct dvs_source {
    const dvs_host *host;
    char *path;
    pthread_mutex_t mutex; /* world, stamp, counted */
    scripted_world *world;
    struct stat stamp;
    int counted;
    testkit_events *events;
};

struct dvs_reader {
    dvs_source *source;
    scripted_world *world;
    const scripted_stream *stream;
    uint32_t mode;
    uint32_t n_columns;
    const scripted_column **columns; /* NULL: described, but rows never have it */
    dvs_cell *cells;
    scripted_scratch scratch;
    scripted_items items;
    size_t at; /* the next item */
    scripted_seq from;
    scripted_seq until; /* the END token's */
    json_t *token;      /* owns the texts of from and until */
    json_t *conditions; /* array of objects with column, op, and the cell behind "value" */
    dvs_condition *wanted;
    uint32_t n_wanted;
    int64_t started_at;
    int64_t rows;    /* delivered by this reader */
    int64_t in_pull; /* put by the pull that runs */
    int64_t checkpointed;
    int event_shown; /* the row events of item `at` have happened */
    atomic_int interrupted;
    testkit_patience patience;
};

const char *scripted_mode_name(uint32_t mode);
/* The world as the script stands now; release it. */
int32_t scripted_source_world(dvs_source *source, scripted_world **world, dvs_error *err);
int32_t scripted_source_event(dvs_source *source, const char *slot, const char *name, dvs_error *err);
int32_t scripted_source_stream(dvs_source *source, const char *name, scripted_world **world,
                               const scripted_stream **stream, dvs_error *err);

int32_t scripted_start(dvs_source *source, const dvs_read *read, dvs_reader **reader, dvs_error *err);
int32_t scripted_pull(dvs_reader *reader, dvs_out *out, dvs_error *err);
void scripted_stop(dvs_reader *reader);
void scripted_interrupt(dvs_reader *reader);
void scripted_reader_free(dvs_reader *reader);
int32_t scripted_fetch(dvs_source *source, const dvs_fetch *fetch, dvs_out *out, dvs_error *err);

/* ---- token.c ---- */

/* Reads read->token into reader->from, until and the place behind which to go on. DVS_E_RESUME when it is not
 * ours, of another generation or mode. */
int32_t scripted_token_open(dvs_reader *reader, const dvs_read *read, dvs_error *err);
/* Leaves out the items that the position has behind it. */
void scripted_token_skip(dvs_reader *reader, const dvs_read *read);
char *scripted_position(const dvs_reader *reader, const scripted_item *last); /* free() it */
char *scripted_cursor(const dvs_reader *reader, uint32_t kind);

#endif
