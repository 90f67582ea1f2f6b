/*
 * conflicts.c - the disagreements that stand, in _sync_conflicts: one open row per record, field, kind and
 * pair of sources. Reconciled records are compared with their open rows; a conflict that stands as it stood
 * costs no write.
 */
#include "run/conflicts.h"

#include <string.h>

#include "base/error.h"
#include "data/cell.h"
#include "run/rows.h"
#include "run/saved.h"

#define KEYS_AT_ONCE 64u /* a record may have many conflicts, each with two values of up to 4 KB */

int dvsi_conflict_value(dvsi_arena *arena, const dvs_cell *value, dvs_cell *out)
{
    dvsi_buf text = {0};
    *out = dvsi_cell_null();
    if (value->kind <= DVS_NULL)
        return 0;
    dvsi_lineage_value(&text, value);
    const char *copy = text.failed ? NULL : dvsi_arena_copy(arena, dvsi_buf_text(&text), text.length);
    *out = dvsi_cell_json_n(copy, text.length);
    dvsi_buf_free(&text);
    return copy != NULL ? 0 : -1;
}

/* A voice as the table names it; a value that is derived or pinned is no source's. */
static dvs_cell label_of(const dvsi_target *target, uint32_t voice)
{
    if (voice == DVSI_VOICE_SINK)
        return dvsi_cell_text("sink");
    return voice < target->entity->n_from ? dvsi_cell_text(target->entity->from[voice].label)
                                          : dvsi_cell_null();
}

static const char *kind_name(dvsi_clash_kind kind)
{
    return kind == DVSI_LOCAL_EDIT ? "local_edit" : "field_differs";
}

static int32_t count_open(dvsi_target *target, dvsi_book book, uint32_t entity, int32_t open, uint64_t *n,
                          dvs_error *err)
{
    dvs_where where[2] = {dvsi_where(entity, DVS_OP_EQ, dvsi_cell_text(target->entity->name)),
                          dvsi_where((uint32_t)open, DVS_OP_IS_NULL, dvsi_cell_null())};
    *n = 0;
    if (target->run->sink == NULL)
        return DVS_OK;
    return dvsi_books_count(&target->run->books, book, where, open >= 0 ? 2 : 1, n, err);
}

static int32_t count_conflicts(dvsi_target *target, uint64_t *open, dvs_error *err)
{
    return count_open(target, DVSI_BOOK_CONFLICTS, DVSI_CONFLICTS_ENTITY, DVSI_CONFLICTS_CLOSED_AT, open,
                      err);
}

int32_t dvsi_conflicts_begin(dvsi_target *target, dvs_error *err)
{
    uint64_t conflicts = 0;
    uint64_t pins = 0;
    int32_t status = count_conflicts(target, &conflicts, err);
    if (status == DVS_OK)
        status = count_open(target, DVSI_BOOK_PINS, DVSI_PINS_ENTITY, -1, &pins, err);
    target->has_conflicts = conflicts != 0;
    target->has_pins = pins != 0;
    return status;
}

/* ---- What is open ---- */

enum {
    OPEN_ID,
    OPEN_FIELD,
    OPEN_KIND,
    OPEN_WINNER,
    OPEN_WINNER_VALUE,
    OPEN_LOSER,
    OPEN_LOSER_VALUE,
    OPEN_RULE,
    OPEN_RUN,
    OPEN_COUNT,
    OPEN_COLUMNS
};
static const uint32_t open_columns[OPEN_COLUMNS] = {DVSI_CONFLICTS_ID,           DVSI_CONFLICTS_FIELD,
                                                    DVSI_CONFLICTS_KIND,         DVSI_CONFLICTS_WINNER_SOURCE,
                                                    DVSI_CONFLICTS_WINNER_VALUE, DVSI_CONFLICTS_LOSER_SOURCE,
                                                    DVSI_CONFLICTS_LOSER_VALUE,  DVSI_CONFLICTS_RULE,
                                                    DVSI_CONFLICTS_LAST_RUN_ID,  DVSI_CONFLICTS_SEEN_COUNT};

/* The open rows of these keys; a row's number is its key's place. */
static int32_t read_open(dvsi_feed *feed, const char *const *keys, uint32_t n, dvsi_batch *rows,
                         dvs_error *err)
{
    static const uint32_t key_columns[3] = {DVSI_CONFLICTS_PROJECT, DVSI_CONFLICTS_ENTITY,
                                            DVSI_CONFLICTS_KEY};
    dvsi_books *books = &feed->run->books;
    dvs_lookup lookup = {.table = &books->tables[DVSI_BOOK_CONFLICTS],
                         .columns = open_columns,
                         .n_columns = OPEN_COLUMNS,
                         .key_columns = key_columns,
                         .only_null = DVSI_CONFLICTS_CLOSED_AT};
    dvsi_batch_reset(rows, OPEN_COLUMNS);
    return dvsi_keys_read(feed, books, &lookup, keys, n, rows, err);
}

static int32_t close_row(dvsi_feed *feed, int64_t id, dvs_error *err)
{
    static const uint32_t columns[2] = {DVSI_CONFLICTS_STATUS, DVSI_CONFLICTS_CLOSED_AT};
    const dvs_cell cells[2] = {dvsi_cell_text("closed"), dvsi_cell_timestamp(feed->run->started_at)};
    return dvsi_books_update(&feed->run->books, DVSI_BOOK_CONFLICTS, id, columns, cells, 2, err);
}

/* ---- Settling ---- */

/* One page of records in hand. */
typedef struct settlement {
    dvsi_feed *feed;
    dvsi_arena *arena;
    dvsi_batch *rows; /* what is open of them */
    uint8_t *stands;  /* per row */
    dvs_cell *inserts;
    uint32_t n_inserts;
    uint64_t counted;
} settlement;

/* The place of the field's pin; -1: it has none. */
static int64_t find_pin(const dvsi_key_clashes *record, uint32_t field)
{
    for (uint32_t i = 0; record->pins != NULL && i < record->pins->n; i++)
        if (record->pins->pins[i].field == field)
            return i;
    return -1;
}

/* Was the pin made of a conflict that named this very edit, whose value stood until now? */
static int32_t is_decided(settlement *s, int64_t conflict, const dvsi_clash *clash, int *decided,
                          dvs_error *err)
{
    dvs_cell edit;
    dvs_where where = dvsi_where(DVSI_CONFLICTS_ID, DVS_OP_EQ, dvsi_cell_int64(conflict));
    dvsi_batch *rows = dvsi_batch_new(DVSI_N_CONFLICTS);
    if (rows == NULL || dvsi_conflict_value(s->arena, &clash->loser_value, &edit) != 0) {
        dvsi_batch_free(rows);
        return dvsi_error_no_memory(err);
    }
    int32_t status = dvsi_books_find(&s->feed->run->books, DVSI_BOOK_CONFLICTS, &where, 1, 0, 1, rows, err);
    if (status == DVS_OK && rows->n_rows != 0) {
        const dvs_cell *row = dvsi_batch_cells(rows, 0);
        const dvs_cell kind = dvsi_cell_text(kind_name(DVSI_LOCAL_EDIT));
        const dvs_cell sink = dvsi_cell_text("sink");
        *decided = dvsi_cell_equal(&row[DVSI_CONFLICTS_KIND], &kind) &&
                   dvsi_cell_equal(&row[DVSI_CONFLICTS_WINNER_SOURCE], &sink) &&
                   dvsi_cell_equal(&row[DVSI_CONFLICTS_WINNER_VALUE], &edit);
    }
    dvsi_batch_free(rows);
    return status;
}

/* Where a field is pinned, it does not matter what the sources say; and an edit that was decided against is
 * no news. */
static int32_t look(settlement *s, const dvsi_key_clashes *record, const dvsi_clash *clash, int *counts,
                    dvs_error *err)
{
    const int64_t pin = find_pin(record, clash->field);
    int decided = 0;
    int32_t status = DVS_OK;
    if (clash->kind == DVSI_FIELD_DIFFERS)
        decided = clash->winner == DVSI_VOICE_PIN || pin >= 0;
    else if (pin >= 0 && clash->winner == DVSI_VOICE_PIN)
        status = is_decided(s, record->pins->decided[pin], clash, &decided, err);
    *counts = !decided;
    return status;
}

/* The columns that say what is in conflict, from winner_source to rule. */
static int fill(settlement *s, const dvsi_clash *clash, dvs_cell *row)
{
    const dvsi_target *target = s->feed->target;
    row[DVSI_CONFLICTS_FIELD] = dvsi_cell_text(target->names[clash->field]);
    row[DVSI_CONFLICTS_KIND] = dvsi_cell_text(kind_name(clash->kind));
    row[DVSI_CONFLICTS_WINNER_SOURCE] = label_of(target, clash->winner);
    row[DVSI_CONFLICTS_LOSER_SOURCE] = label_of(target, clash->loser);
    row[DVSI_CONFLICTS_RULE] = dvsi_cell_text(clash->rule);
    return dvsi_conflict_value(s->arena, &clash->winner_value, &row[DVSI_CONFLICTS_WINNER_VALUE]) != 0 ||
                   dvsi_conflict_value(s->arena, &clash->loser_value, &row[DVSI_CONFLICTS_LOSER_VALUE]) != 0
               ? -1
               : 0;
}

/* The open row of this record, field, kind and pair; -1: there is none. */
static int32_t find_row(const settlement *s, uint32_t number, const dvs_cell *row)
{
    for (uint32_t r = 0; s->rows != NULL && r < s->rows->n_rows; r++) {
        const dvs_cell *open = dvsi_batch_cells(s->rows, r);
        if (s->rows->rows[r].number != number || s->stands[r] ||
            !dvsi_cell_equal(&open[OPEN_FIELD], &row[DVSI_CONFLICTS_FIELD]) ||
            !dvsi_cell_equal(&open[OPEN_KIND], &row[DVSI_CONFLICTS_KIND]))
            continue;
        const dvs_cell *a = &row[DVSI_CONFLICTS_WINNER_SOURCE];
        const dvs_cell *b = &row[DVSI_CONFLICTS_LOSER_SOURCE];
        if ((dvsi_cell_equal(&open[OPEN_WINNER], a) && dvsi_cell_equal(&open[OPEN_LOSER], b)) ||
            (dvsi_cell_equal(&open[OPEN_WINNER], b) && dvsi_cell_equal(&open[OPEN_LOSER], a)))
            return (int32_t)r;
    }
    return -1;
}

/* It stands as before, or one of the two has another value, or they have changed places. */
static int32_t go_on(settlement *s, const dvs_cell *open, const dvs_cell *row, dvs_error *err)
{
    static const uint32_t columns[] = {DVSI_CONFLICTS_WINNER_SOURCE, DVSI_CONFLICTS_WINNER_VALUE,
                                       DVSI_CONFLICTS_LOSER_SOURCE,  DVSI_CONFLICTS_LOSER_VALUE,
                                       DVSI_CONFLICTS_RULE,          DVSI_CONFLICTS_LAST_RUN_ID,
                                       DVSI_CONFLICTS_LAST_SEEN,     DVSI_CONFLICTS_SEEN_COUNT};
    dvsi_run *run = s->feed->run;
    int same = dvsi_cell_equal(&open[OPEN_WINNER], &row[DVSI_CONFLICTS_WINNER_SOURCE]) &&
               dvsi_cell_equal(&open[OPEN_WINNER_VALUE], &row[DVSI_CONFLICTS_WINNER_VALUE]) &&
               dvsi_cell_equal(&open[OPEN_LOSER_VALUE], &row[DVSI_CONFLICTS_LOSER_VALUE]);
    if (same && dvsi_cell_equal(&open[OPEN_RULE], &row[DVSI_CONFLICTS_RULE]))
        return DVS_OK;
    int64_t count = open[OPEN_COUNT].kind == DVS_INT64 ? open[OPEN_COUNT].v.i64 : 0;
    dvs_cell cells[] = {row[DVSI_CONFLICTS_WINNER_SOURCE],
                        row[DVSI_CONFLICTS_WINNER_VALUE],
                        row[DVSI_CONFLICTS_LOSER_SOURCE],
                        row[DVSI_CONFLICTS_LOSER_VALUE],
                        row[DVSI_CONFLICTS_RULE],
                        dvsi_cell_text(run->run_id),
                        dvsi_cell_timestamp(run->started_at),
                        dvsi_cell_int64(count + 1)};
    run->transaction_writes++;
    if (same) /* another rule of the project decides the same */
        return dvsi_books_update(&run->books, DVSI_BOOK_CONFLICTS, open[OPEN_ID].v.i64, &columns[4],
                                 &cells[4], 1, err);
    return dvsi_books_update(&run->books, DVSI_BOOK_CONFLICTS, open[OPEN_ID].v.i64, columns, cells,
                             sizeof columns / sizeof *columns, err);
}

static int32_t take(settlement *s, uint32_t number, const dvsi_key_clashes *record, const dvsi_clash *clash,
                    dvs_error *err)
{
    dvsi_run *run = s->feed->run;
    s->counted++;
    if (run->dry)
        return DVS_OK;
    dvs_cell *row = s->inserts + (size_t)s->n_inserts * DVSI_N_CONFLICTS;
    memset(row, 0, DVSI_N_CONFLICTS * sizeof *row);
    if (fill(s, clash, row) != 0)
        return dvsi_error_no_memory(err);
    int32_t found = find_row(s, number, row);
    if (found >= 0) {
        s->stands[found] = 1;
        return go_on(s, dvsi_batch_cells(s->rows, (uint32_t)found), row, err);
    }
    row[DVSI_CONFLICTS_ENTITY] = dvsi_cell_text(s->feed->target->entity->name);
    row[DVSI_CONFLICTS_KEY] = dvsi_cell_text(record->key);
    row[DVSI_CONFLICTS_STATUS] = dvsi_cell_text("open");
    row[DVSI_CONFLICTS_FIRST_RUN_ID] = row[DVSI_CONFLICTS_LAST_RUN_ID] = dvsi_cell_text(run->run_id);
    row[DVSI_CONFLICTS_FIRST_SEEN] = row[DVSI_CONFLICTS_LAST_SEEN] = dvsi_cell_timestamp(run->started_at);
    row[DVSI_CONFLICTS_SEEN_COUNT] = dvsi_cell_int64(1);
    s->n_inserts++;
    return DVS_OK;
}

/* An edit that this run has overwritten differs no more when the run meets its record again: it stays open
 * until a later run finds that. */
static int is_fresh(const dvsi_run *run, const dvs_cell *open)
{
    dvs_cell id = dvsi_cell_text(run->run_id);
    dvs_cell edit = dvsi_cell_text(kind_name(DVSI_LOCAL_EDIT));
    return dvsi_cell_equal(&open[OPEN_KIND], &edit) && dvsi_cell_equal(&open[OPEN_RUN], &id);
}

static int32_t close_rest(settlement *s, dvs_error *err)
{
    int32_t status = DVS_OK;
    for (uint32_t r = 0; s->rows != NULL && r < s->rows->n_rows && status == DVS_OK; r++) {
        const dvs_cell *open = dvsi_batch_cells(s->rows, r);
        if (s->stands[r] || is_fresh(s->feed->run, open))
            continue;
        status = close_row(s->feed, open[OPEN_ID].v.i64, err);
        s->feed->run->transaction_writes++;
    }
    return status;
}

/* What is open of the page's records, when anything of the entity is. */
static int32_t load(settlement *s, const dvsi_key_clashes *records, uint32_t n, dvs_error *err)
{
    const char *keys[KEYS_AT_ONCE];
    if (s->rows == NULL)
        return DVS_OK;
    for (uint32_t i = 0; i < n; i++)
        keys[i] = records[i].key;
    int32_t status = read_open(s->feed, keys, n, s->rows, err);
    s->stands = dvsi_arena_calloc(s->arena, (size_t)s->rows->n_rows + 1, 1);
    return status == DVS_OK && s->stands == NULL ? dvsi_error_no_memory(err) : status;
}

static int32_t settle_page(settlement *s, const dvsi_key_clashes *records, uint32_t n, dvs_error *err)
{
    size_t most = 1;
    for (uint32_t i = 0; i < n; i++)
        most += records[i].n_clashes;
    s->n_inserts = 0;
    s->inserts =
        s->feed->run->dry ? NULL : dvsi_arena_calloc(s->arena, most, DVSI_N_CONFLICTS * sizeof *s->inserts);
    int32_t status = s->inserts == NULL && !s->feed->run->dry ? dvsi_error_no_memory(err) : DVS_OK;
    if (status == DVS_OK && !s->feed->run->dry)
        status = load(s, records, n, err);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < records[i].n_clashes && status == DVS_OK; c++) {
            const dvsi_clash *clash = &records[i].clashes[c];
            int counts = 0;
            status = look(s, &records[i], clash, &counts, err);
            if (status == DVS_OK && counts)
                status = take(s, i, &records[i], clash, err);
        }
    if (status == DVS_OK && !s->feed->run->dry)
        status = close_rest(s, err);
    if (status == DVS_OK && s->n_inserts != 0) {
        s->feed->target->has_conflicts = 1;
        s->feed->run->transaction_writes += s->n_inserts;
        status =
            dvsi_books_insert(&s->feed->run->books, DVSI_BOOK_CONFLICTS, s->inserts, s->n_inserts, NULL, err);
    }
    return status;
}

/* A diff that saves a plan: what the sync would write of these records' conflicts, the plan has to look
 * at. */
static int32_t note_page(settlement *s, const dvsi_key_clashes *records, uint32_t n, dvs_error *err)
{
    int32_t status = load(s, records, n, err);
    for (uint32_t i = 0; i < n && status == DVS_OK; i++) {
        int look = records[i].n_clashes != 0 || records[i].claims != 0;
        for (uint32_t r = 0; s->rows != NULL && r < s->rows->n_rows; r++)
            look |= s->rows->rows[r].number == i;
        if (look)
            status = dvsi_saved_look(s->feed, records[i].key, err);
    }
    return status;
}

int32_t dvsi_conflicts_settle(dvsi_feed *feed, const dvsi_key_clashes *records, uint32_t n, dvs_error *err)
{
    dvsi_arena arena = {0};
    settlement s = {.feed = feed, .arena = &arena};
    int32_t status = DVS_OK;
    if (feed->target->has_conflicts && (!feed->run->dry || feed->run->saving)) {
        s.rows = dvsi_batch_new(OPEN_COLUMNS);
        if (s.rows == NULL)
            return dvsi_error_no_memory(err);
    }
    for (uint32_t from = 0; from < n && status == DVS_OK;) {
        uint32_t to = from;
        uint32_t clashes = 0;
        for (; to < n && to - from < KEYS_AT_ONCE; to++)
            clashes += records[to].n_clashes + (feed->run->saving ? records[to].claims : 0);
        dvsi_arena_reset(&arena);
        if (feed->run->saving && (clashes != 0 || s.rows != NULL))
            status = note_page(&s, records + from, to - from, err);
        if (status == DVS_OK && (clashes != 0 || s.rows != NULL))
            status = settle_page(&s, records + from, to - from, err);
        from = to;
    }
    if (status == DVS_OK)
        feed->counts.conflicts += s.counted;
    dvsi_batch_free(s.rows);
    dvsi_arena_free(&arena);
    return status;
}

int32_t dvsi_conflicts_gone(dvsi_feed *feed, const char *const *keys, uint32_t n, dvs_error *err)
{
    if (feed->run->dry)
        return DVS_OK;
    int32_t status = dvsi_pins_drop(feed, keys, n, err);
    dvsi_batch *rows = feed->target->has_conflicts ? dvsi_batch_new(OPEN_COLUMNS) : NULL;
    if (status == DVS_OK && feed->target->has_conflicts && rows == NULL)
        status = dvsi_error_no_memory(err);
    for (uint32_t from = 0; rows != NULL && from < n && status == DVS_OK; from += KEYS_AT_ONCE) {
        status = read_open(feed, keys + from, n - from < KEYS_AT_ONCE ? n - from : KEYS_AT_ONCE, rows, err);
        for (uint32_t r = 0; status == DVS_OK && r < rows->n_rows; r++)
            status = close_row(feed, dvsi_batch_cells(rows, r)[OPEN_ID].v.i64, err);
    }
    dvsi_batch_free(rows);
    return status;
}

/* Did the run look at every record of the entity? */
static int is_complete(const dvsi_target *target)
{
    if (target->error.status != 0 || target->run->options->row_limit != 0)
        return 0;
    for (uint32_t f = 0; f < target->n_feeds; f++)
        if (target->feeds[f].mode != DVS_READ_FULL)
            return 0;
    return 1;
}

int32_t dvsi_conflicts_remain(dvsi_run *run, uint64_t *open, dvs_error *err)
{
    int32_t status = DVS_OK;
    *open = 0;
    for (uint32_t t = 0; t < run->n_targets && status == DVS_OK; t++) {
        uint64_t stored = 0;
        uint64_t found = 0;
        for (uint32_t f = 0; f < run->targets[t].n_feeds; f++)
            found += run->targets[t].feeds[f].counts.conflicts;
        if (!run->dry || !is_complete(&run->targets[t]))
            status = count_conflicts(&run->targets[t], &stored, err);
        *open += run->dry ? found + stored : stored;
    }
    return status;
}
