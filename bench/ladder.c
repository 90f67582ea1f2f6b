/*
 * ladder.c - where the time of a sync goes: its stages, one on top of the other, in one thread.
 *
 *     ladder PLUGINS PROJECT.yaml ROWS [RUNG]
 *
 * Each rung is a run of its own that does what the rung before did and one thing more, with the core's own
 * functions, so that the difference of two rungs is what that thing costs, with what it does to the caches.
 * The project has one source, one entity of one `from` entry and no database yet; its first load is taken
 * apart, then a read that finds nothing changed. The three lowest rungs are those of both: read without the
 * record as JSON (what goes into json_response), with it, and mapping. What a sync does beyond that (queue,
 * second thread, seen-sets, positions, the lock's heartbeat) is in no rung.
 *
 * Prints one line of JSON; exit code 1 when a rung did not see ROWS rows, or took an equal row for a changed
 * one. With RUNG only that one is run, for a profiler; read_back and compare want the database that lineage
 * left.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "data/cell.h"
#include "data/key.h"
#include "plugin/settings.h"
#include "run/run.h"

#define COMMIT_ROWS 2048u /* as in core/run/loop.c */
#define COMMIT_READ 16384u
#define GUESS_MORE 16u
#define KEY_FIELDS 16u

typedef enum rung { READ, RAW, MAP, RECONCILE, WRITE, LINEAGE, READ_BACK, COMPARE, N_RUNGS } rung;

static const struct {
    const char *name;
    rung below; /* the one that this one stands on; its own: none */
} rungs[N_RUNGS] = {[READ] = {"read", READ},
                    [RAW] = {"raw", READ},
                    [MAP] = {"map", RAW},
                    [RECONCILE] = {"reconcile", MAP},
                    [WRITE] = {"write", RECONCILE},
                    [LINEAGE] = {"lineage", WRITE},
                    [READ_BACK] = {"read_back", MAP},
                    [COMPARE] = {"compare", READ_BACK}};

/* Everything that one rung needs; `run` with just so much in it as the functions called look at. */
typedef struct ladder {
    rung rung;
    dvsi_run run;
    dvsi_entity entity; /* the project's, without the record as JSON for the lowest rung */
    dvsi_target target;
    dvsi_feed feed;
    dvs_sync_options options;
    dvsi_source *source;
    dvsi_work *work;
    uint32_t *changed;
    dvsi_buf text;
    dvsi_buf scratch;
    int64_t last_row; /* read back */
    uint32_t uncommitted;
    uint64_t n_rows;
    uint64_t n_writes;
} ladder;

typedef struct setup {
    dvsi_project *project;
    const dvsi_plugin *source_plugin;
    const dvsi_plugin *sink_plugin;
    const dvs_settings *source_settings;
    const dvs_settings *sink_settings;
    dvsi_arena arena;
    char *database;
    atomic_int stop;
    dvsi_log log;
} setup;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "ladder: %s%s%s\n", what, *what != '\0' && *why != '\0' ? ": " : "", why);
    exit(1);
}

static void must(int32_t status, const dvs_error *err, const char *what)
{
    if (status != DVS_OK)
        die(what, err->message);
}

static void *memory(void *p)
{
    if (p == NULL)
        die("", "out of memory");
    return p;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- Set-up ---- */

static const dvs_settings *endpoint(setup *s, dvsi_registry *registry, const dvsi_endpoint *at, uint32_t role,
                                    const dvsi_plugin **plugin)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_problems problems = {0};
    must(dvsi_registry_load(registry, at->plugin, role, plugin, &err), &err, "");
    int sink = role == DVSI_PLUGIN_SINK;
    const dvs_settings *settings =
        dvsi_settings_resolve(&s->arena, sink ? (*plugin)->sink.options : (*plugin)->source.options,
                              sink ? (*plugin)->sink.n_options : (*plugin)->source.n_options, at,
                              s->project->file, at->name, s->project->directory, &problems);
    if (settings == NULL)
        die("", problems.first->message);
    dvsi_problems_free(&problems);
    return settings;
}

static void set_up(setup *s, dvsi_registry *registry, const char *file)
{
    dvsi_problems problems = {0};
    s->project = dvsi_project_read(file, DVSI_PROJECT_INTERPOLATE, &problems);
    if (s->project == NULL)
        die(file, problems.first->message);
    dvsi_problems_free(&problems);
    if (s->project->n_sources != 1 || s->project->n_entities != 1 || s->project->entities[0].n_from != 1)
        die(file, "the ladder takes one source and one entity that is read from it");
    s->source_settings =
        endpoint(s, registry, &s->project->sources[0], DVSI_PLUGIN_SOURCE, &s->source_plugin);
    s->sink_settings = endpoint(s, registry, &s->project->sink, DVSI_PLUGIN_SINK, &s->sink_plugin);
    for (uint32_t i = 0; i < s->sink_settings->n_settings; i++)
        if (strcmp(s->sink_settings->settings[i].name, "path") == 0)
            s->database = memory(dvsi_arena_strdup(&s->arena, s->sink_settings->settings[i].value.v.text));
    if (s->database == NULL)
        die(file, "the sink has no setting \"path\"");
}

static void remove_database(const setup *s)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char path[4096];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (snprintf(path, sizeof path, "%s%s", s->database, endings[i]) < (int)sizeof path)
            remove(path);
}

static void open_source(ladder *l, setup *s)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_feed *feed = &l->feed;
    dvsi_known_columns known = {0}; /* the database is new */
    must(dvsi_source_open(s->source_plugin, s->project->sources[0].name, s->source_settings, &l->run.services,
                          &l->source, &err),
         &err, "");
    must(dvsi_source_describe(l->source, feed->from->entity, &feed->columns, &err), &err, "");
    must(dvsi_mapping_build(l->target.entity, feed->from, &feed->columns, &known, s->project->file,
                            &feed->mapping, &err),
         &err, "");
    if (!feed->mapping->own_key || feed->mapping->n_key > KEY_FIELDS)
        die(s->project->file, "the ladder is for an entity whose key is the source's own");
}

/* As a run opens them; the sink of the lower rungs stays closed. */
static void open_all(ladder *l, setup *s)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_run *run = &l->run;
    l->options = (dvs_sync_options)DVS_SYNC_OPTIONS_INIT;
    run->project = s->project;
    run->options = &l->options;
    run->log = &s->log;
    run->stop = &s->stop;
    run->services = (dvsi_services){.log = &s->log, .cancelled = &s->stop};
    run->started_at = dvsi_clock_now();
    run->rows = memory(dvsi_batch_new(1));
    run->targets = &l->target;
    run->n_targets = 1;
    run->sink_plugin = s->sink_plugin;
    if (dvsi_clock_uuid7(run->started_at, run->run_id) != 0)
        die("", "there are no random numbers");
    l->target.run = l->feed.run = run;
    l->entity = s->project->entities[0];
    l->entity.keep_raw &= l->rung != READ;
    l->target.entity = &l->entity;
    l->target.feeds = &l->feed;
    l->target.n_feeds = 1;
    l->feed.target = &l->target;
    l->feed.from = &l->target.entity->from[0];
    l->work = memory(dvsi_work_new());
    if (l->rung >= RECONCILE) {
        must(dvsi_sink_open(s->sink_plugin, s->project->name, s->sink_settings, DVS_SINK_CREATE,
                            &run->services, &run->sink, &err),
             &err, "");
        must(dvsi_lock_take(run, &err), &err, "");
        must(dvsi_run_begin(run, &err), &err, "");
        must(dvsi_definitions_load(run, &err), &err, "");
    }
    open_source(l, s);
    if (run->sink != NULL) {
        must(dvsi_target_prepare(&l->target, &err), &err, "");
        must(dvsi_sink_commit(run->sink, &err), &err, "");
        run->in_transaction = 0;
        l->changed = memory(calloc((size_t)l->target.n_fields + 1, sizeof *l->changed));
    }
}

static void close_sink(ladder *l)
{
    if (l->run.sink == NULL)
        return;
    if (l->run.in_transaction)
        die("", "a transaction was left open");
    dvsi_lock_release(&l->run);
    dvsi_sink_close(l->run.sink);
    l->run.sink = NULL;
}

static void close_all(ladder *l)
{
    close_sink(l);
    dvsi_source_close(l->source);
    dvsi_work_free(l->work);
    dvsi_batch_free(l->run.rows);
    dvsi_books_close(&l->run.books);
    dvsi_target_free(&l->target);
    dvsi_mapping_free(l->feed.mapping);
    dvsi_schema_free(&l->feed.columns);
    dvsi_arena_free(&l->run.arena);
    dvsi_arena_free(&l->run.batch_arena);
    dvsi_buf_free(&l->text);
    dvsi_buf_free(&l->scratch);
    free(l->changed);
}

/* ---- Rungs ---- */

static void begin(ladder *l)
{
    dvs_error err = DVS_ERROR_INIT;
    must(dvsi_run_begin(&l->run, &err), &err, "");
}

static void commit(ladder *l)
{
    dvs_error err = DVS_ERROR_INIT;
    if (l->run.in_transaction)
        must(dvsi_sink_commit(l->run.sink, &err), &err, "");
    l->run.in_transaction = 0;
    l->uncommitted = 0;
}

/* The rows that a first load writes, as create() in core/run/upsert.c makes them. */
static void create_row(ladder *l, const dvsi_record *record, int64_t id, uint32_t n_changed, dvs_cell *row)
{
    const dvsi_target *t = &l->target;
    row[0] = dvsi_cell_int64(id);
    memcpy(row + 1, record->fields, t->n_fields * sizeof *row);
    dvsi_buf_clear(&l->text);
    for (uint32_t i = 0; i < n_changed; i++)
        dvsi_sync_hash_put(&l->text, t->positions[l->changed[i]], &record->fields[l->changed[i]],
                           &l->scratch);
    const char *hash = memory(dvsi_arena_copy(&l->run.batch_arena, dvsi_buf_text(&l->text), l->text.length));
    row[t->sync_hash] = dvsi_cell_bytes(hash, l->text.length);
    row[t->sync_time] = dvsi_cell_timestamp(l->run.started_at);
    if (t->json_response >= 0 && record->raw != NULL)
        row[t->json_response] = *record->raw;
}

static void lineage_row(const ladder *l, const dvsi_record *record, dvs_cell *row)
{
    row[DVSI_LINEAGE_RUN_ID] = dvsi_cell_text_n(l->run.run_id, DVSI_RUN_ID_SIZE - 1);
    row[DVSI_LINEAGE_ENTITY] = dvsi_cell_text(l->target.entity->name);
    row[DVSI_LINEAGE_KEY] = dvsi_cell_text_n(record->key, record->key_length);
    row[DVSI_LINEAGE_OP] = dvsi_cell_text(dvsi_op_name(DVSI_OP_CREATE));
    row[DVSI_LINEAGE_SOURCE] = dvsi_cell_text(l->feed.from->label);
    row[DVSI_LINEAGE_SOURCE_ENTITY] = dvsi_cell_text(l->feed.from->entity);
    row[DVSI_LINEAGE_CHANGES] = dvsi_cell_null();
    row[DVSI_LINEAGE_CHANGED_AT] = dvsi_cell_timestamp(l->run.started_at);
}

static void load_batch(ladder *l)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_run *run = &l->run;
    dvsi_target *t = &l->target;
    const dvsi_work *work = l->work;
    uint8_t *skip = NULL;
    uint32_t *previous = NULL;
    uint32_t n = 0;
    begin(l);
    dvs_cell *rows = memory(
        dvsi_arena_calloc(&run->batch_arena, (size_t)work->n_records * t->table.n_columns, sizeof *rows));
    dvs_cell *lineage = NULL;
    if (l->rung >= LINEAGE)
        lineage = memory(
            dvsi_arena_calloc(&run->batch_arena, (size_t)work->n_records * DVSI_N_LINEAGE, sizeof *lineage));
    if (dvsi_records_last(&run->batch_arena, work->records, work->n_records, 0, &skip, &previous) != 0)
        die("", "out of memory");
    for (uint32_t i = 0; i < work->n_records; i++) {
        const dvsi_record *record = &work->records[i];
        uint32_t n_changed = 0;
        int64_t id = 0;
        if (skip[i] || dvsi_reconcile_record(record->fields, NULL, t->n_fields, 0, l->changed, &n_changed) !=
                           DVSI_OP_CREATE)
            die("", "two records of the file have one key");
        must(dvsi_target_next_id(t, &id, &err), &err, "");
        create_row(l, record, id, n_changed, rows + (size_t)n * t->table.n_columns);
        if (lineage != NULL)
            lineage_row(l, record, lineage + (size_t)n * DVSI_N_LINEAGE);
        n++;
    }
    dvs_write write = {.struct_size = (uint32_t)sizeof write,
                       .n_inserts = n,
                       .table = &t->table,
                       .inserts = rows,
                       .update_stride = sizeof(dvs_update)};
    if (l->rung >= WRITE)
        must(dvsi_sink_write(run->sink, &write, 1, &err), &err, "");
    if (lineage != NULL)
        must(dvsi_books_insert(&run->books, DVSI_BOOK_LINEAGE, lineage, n, NULL, &err), &err, "");
    l->n_writes += n;
    l->uncommitted += n;
    if (l->uncommitted >= COMMIT_ROWS)
        commit(l);
}

/* As guess_rows() in core/run/upsert.c, with its tables of keys left out: the rows come in the file's
 * order. */
static void compare_batch(ladder *l)
{
    static const uint32_t row_id = 0;
    dvs_error err = DVS_ERROR_INIT;
    dvsi_run *run = &l->run;
    dvsi_target *t = &l->target;
    const dvsi_work *work = l->work;
    begin(l);
    dvsi_batch_reset(run->rows, t->n_lookup);
    dvs_where behind = dvsi_where(0, DVS_OP_GT, dvsi_cell_int64(l->last_row));
    dvs_scan scan = {(uint32_t)sizeof scan,
                     0,
                     &t->table,
                     t->lookup,
                     t->n_lookup,
                     1,
                     &behind,
                     &row_id,
                     1,
                     sizeof(dvs_where),
                     (uint64_t)work->n_records + GUESS_MORE};
    must(dvsi_sink_scan(run->sink, &scan, run->rows, &err), &err, "");
    if (run->rows->n_rows < work->n_records)
        die("", "rows are missing in the database");
    for (uint32_t i = 0; i < work->n_records; i++) {
        const dvsi_record *record = &work->records[i];
        const dvs_cell *row = dvsi_batch_cells(run->rows, i);
        dvs_cell key[KEY_FIELDS];
        uint32_t n_changed = 0;
        for (uint32_t k = 0; k < t->n_key; k++)
            key[k] = row[t->field_at[l->feed.mapping->key[k]]];
        dvsi_buf_clear(&l->text);
        if (dvsi_key_canonical(&l->text, key, t->n_key) != NULL || l->text.length != record->key_length ||
            memcmp(l->text.data, record->key, record->key_length) != 0)
            die("", "the rows are not in the order of the file");
        if (l->rung >= COMPARE && dvsi_reconcile_record(record->fields, row + t->lookup_fields, t->n_fields,
                                                        0, l->changed, &n_changed) != DVSI_OP_NONE)
            die("an unchanged record was taken for a changed one", record->key);
        l->last_row = row[0].v.i64;
    }
    l->uncommitted += work->n_records;
    if (l->uncommitted >= COMMIT_READ)
        commit(l);
}

static void finish_load(ladder *l)
{
    dvs_error err = DVS_ERROR_INIT;
    begin(l);
    must(dvsi_target_indexes(&l->target, &err), &err, "");
    commit(l);
    if (l->rung < LINEAGE)
        return;
    begin(l);
    must(dvsi_books_index(&l->run.books, &err), &err, "");
    commit(l);
}

static void climb(ladder *l)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_reader *reader = NULL;
    dvs_read read = {.struct_size = (uint32_t)sizeof read,
                     .mode = DVS_READ_FULL,
                     .stream = l->feed.from->entity,
                     .started_at = l->run.started_at,
                     .condition_stride = sizeof(dvs_condition)};
    int32_t status =
        dvsi_source_start(l->source, &read, &l->feed.mapping->wanted, &l->feed.progress, &reader, &err);
    while (status == DVS_OK) {
        dvsi_batch_reset(l->work->batch, l->feed.mapping->wanted.n_columns);
        l->work->batch->max_rows = DVSI_BATCH_ROWS;
        l->work->batch->max_bytes = DVSI_BATCH_BYTES;
        status = dvsi_reader_pull(reader, l->work->batch, &err);
        if (status != DVS_OK && status != DVS_END)
            break;
        l->n_rows += l->work->batch->n_rows;
        if (l->work->batch->n_rows == 0)
            continue;
        if (l->rung >= MAP && dvsi_work_map(l->work, l->feed.mapping) != 0)
            die("", "out of memory");
        if (l->rung >= MAP && l->work->n_errors != 0)
            die("a row error", l->work->errors[0].message);
        dvsi_arena_reset(&l->run.batch_arena);
        if (l->rung >= READ_BACK)
            compare_batch(l);
        else if (l->rung >= RECONCILE)
            load_batch(l);
    }
    if (status != DVS_END)
        die("", err.message);
    dvsi_reader_stop(reader);
    commit(l);
    if (l->rung == WRITE || l->rung == LINEAGE)
        finish_load(l);
    close_sink(l);
}

/* CPU seconds of one rung. */
static double measure(setup *s, rung which, uint64_t rows)
{
    ladder *l = memory(calloc(1, sizeof *l));
    if (which <= LINEAGE)
        remove_database(s);
    l->rung = which;
    open_all(l, s);
    double start = cpu_seconds();
    climb(l);
    double seconds = cpu_seconds() - start;
    if (l->n_rows != rows || (which >= RECONCILE && which <= LINEAGE && l->n_writes != rows))
        die(rungs[which].name, "the number of rows is not that of the file");
    close_all(l);
    free(l);
    return seconds;
}

static void print(const double *seconds, uint64_t rows, rung first, rung end)
{
    printf("{\"rows\":%" PRIu64 ",\"rungs\":[", rows);
    for (rung r = first; r < end; r++) {
        const char *on = r != READ ? rungs[rungs[r].below].name : "";
        printf("%s{\"rung\":\"%s\",\"on\":\"%s\",\"cpu_seconds\":%.6f,\"rows_per_second\":%.0f",
               r != first ? "," : "", rungs[r].name, on, seconds[r], (double)rows / seconds[r]);
        if (end - first == N_RUNGS)
            printf(",\"added_us_per_row\":%.3f",
                   (seconds[r] - (r != READ ? seconds[rungs[r].below] : 0)) * 1e6 / (double)rows);
        printf("}");
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    setup s = {0};
    double seconds[N_RUNGS] = {0};
    rung first = READ;
    rung end = N_RUNGS;
    uint64_t rows = argc >= 4 ? strtoull(argv[3], NULL, 10) : 0;
    if (argc == 5) {
        while (first < N_RUNGS && strcmp(rungs[first].name, argv[4]) != 0)
            first++;
        end = first + 1;
    }
    if (rows == 0 || argc > 5 || first == N_RUNGS) {
        fprintf(stderr, "usage: ladder PLUGINS PROJECT.yaml ROWS [RUNG]\n");
        return 64;
    }
    const char *const paths[] = {argv[1]};
    dvsi_registry *registry = memory(dvsi_registry_new(paths, 1));
    set_up(&s, registry, argv[2]);
    for (rung r = first; r < end; r++)
        seconds[r] = measure(&s, r, rows);
    print(seconds, rows, first, end);
    dvsi_project_free(s.project);
    dvsi_registry_free(registry);
    dvsi_arena_free(&s.arena);
    return 0;
}
