/* Conflicts and pins in the books, on the sqlite sink: what opens, moves on, stands without a write, and
 * closes. */
#include "../sink-sqlite/sqlite_fixture.h"

#include "run/conflicts.h"
#include "run/resolve.h"

enum { CODE, PHONE, SIZE, NOTES, N_FIELDS };
static const char *const names[N_FIELDS] = {"code", "phone", "size", "notes"};
static const uint32_t kinds[N_FIELDS] = {DVS_TEXT, DVS_TEXT, DVS_INT64, DVS_JSON};

typedef struct world {
    fixture *f;
    dvsi_project project;
    dvs_sync_options options;
    dvsi_from from[3];
    dvsi_entity entity;
    dvsi_definition_field fields[N_FIELDS];
    const char *key[1];
    dvsi_run run;
    dvsi_target target;
    dvsi_feed feed;
    dvsi_view view;
} world;

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    void *f = NULL;
    if (set_up(&f) != 0)
        return -1;
    w->f = f;
    w->project.name = "crm";
    w->from[0].label = "crm";
    w->from[1].label = "sheet";
    w->from[2].label = "erp";
    w->entity = (dvsi_entity){.name = "partners", .from = w->from, .n_from = 3};
    w->run.project = &w->project;
    w->run.options = &w->options;
    w->run.sink = open_sink(w->f, DVS_SINK_CREATE);
    w->run.targets = &w->target;
    w->run.n_targets = 1;
    memcpy(w->run.run_id, "run-1", sizeof "run-1");
    w->run.started_at = 1000;
    w->target.run = &w->run;
    w->target.entity = &w->entity;
    w->target.names = (const char **)(uintptr_t)names;
    w->target.n_fields = N_FIELDS;
    columns_of(&w->target.schema, kinds, N_FIELDS);
    w->key[0] = "code";
    for (int i = 0; i < N_FIELDS; i++)
        w->fields[i] = (dvsi_definition_field){.name = names[i], .kind = kinds[i]};
    w->target.definition = (dvsi_definition){
        .row_id = 1, .key = w->key, .n_key = 1, .fields = w->fields, .n_fields = N_FIELDS, .history = "none"};
    w->feed.run = &w->run;
    w->feed.target = &w->target;
    w->view.run = &w->run;
    begin(w->run.sink);
    OK(dvsi_books_open(&w->run.books, w->run.sink, "crm", ERR));
    OK(dvsi_books_create(&w->run.books, DVSI_BOOK_IN_SINK, ERR));
    commit(w->run.sink);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    void *f = w->f;
    dvsi_sink_close(w->run.sink);
    dvsi_books_close(&w->run.books);
    dvsi_arena_free(&w->run.arena);
    dvsi_arena_free(&w->run.batch_arena);
    dvsi_schema_free(&w->target.schema);
    free(w);
    return tear_down(&f);
}

/* A new run begins. */
static void next_run(world *w)
{
    w->run.run_id[4]++;
    w->run.started_at += 1000;
    w->feed.counts.conflicts = 0;
    begin(w->run.sink);
    dvsi_books_begin(&w->run.books);
    OK(dvsi_conflicts_begin(&w->target, ERR));
    commit(w->run.sink);
}

static dvsi_clash differs(uint32_t field, uint32_t winner, dvs_cell winner_value, uint32_t loser,
                          dvs_cell loser_value)
{
    return (dvsi_clash){DVSI_FIELD_DIFFERS, field, winner, loser, winner_value, loser_value, "priority"};
}

static dvsi_clash edited(uint32_t field, uint32_t winner, dvs_cell winner_value, dvs_cell loser_value)
{
    return (dvsi_clash){DVSI_LOCAL_EDIT, field,       winner,           DVSI_VOICE_SINK,
                        winner_value,    loser_value, "source_of_truth"};
}

static dvs_cell text(const char *value)
{
    return dvsi_cell_text(value);
}

/* One record with its clashes, in a transaction of its own. */
static void settle(world *w, const char *key, const dvsi_clash *clashes, uint32_t n)
{
    dvsi_key_clashes record = {.key = key, .clashes = clashes, .n_clashes = n};
    begin(w->run.sink);
    dvsi_books_begin(&w->run.books);
    OK(dvsi_conflicts_settle(&w->feed, &record, 1, ERR));
    commit(w->run.sink);
}

#define CONFLICTS                                                                                            \
    "SELECT id, key, field, kind, winner_source, winner_value, loser_source, loser_value, status, "          \
    "seen_count, "                                                                                           \
    "first_run_id, last_run_id FROM _sync_conflicts ORDER BY id"
#define SEES(sql, wanted) assert_string_equal(look(w->f->path, sql), wanted)

static void test_opens_stands_moves_closes(void **state)
{
    world *w = *state;
    dvsi_clash a = differs(PHONE, 0, text("1"), 1, text("2"));
    next_run(w);
    settle(w, "A", &a, 1);
    SEES(CONFLICTS, "1|A|phone|field_differs|crm|\"1\"|sheet|\"2\"|open|1|run-2|run-2");
    assert_int_equal(w->feed.counts.conflicts, 1);

    next_run(w);
    assert_true(w->target.has_conflicts);
    uint64_t writes = w->run.transaction_writes;
    settle(w, "A", &a, 1);
    assert_int_equal(w->run.transaction_writes, writes); /* it stands as it stood */
    SEES(CONFLICTS, "1|A|phone|field_differs|crm|\"1\"|sheet|\"2\"|open|1|run-2|run-2");
    assert_int_equal(w->feed.counts.conflicts, 1);

    next_run(w);
    a.loser_value = text("3");
    settle(w, "A", &a, 1);
    SEES(CONFLICTS, "1|A|phone|field_differs|crm|\"1\"|sheet|\"3\"|open|2|run-2|run-4");

    next_run(w);
    settle(w, "B", NULL, 0); /* another record closes nothing */
    settle(w, "A", NULL, 0);
    SEES("SELECT status, closed_at, last_run_id FROM _sync_conflicts",
         "closed|1970-01-01T00:00:00.005000Z|run-4");
    assert_int_equal(w->feed.counts.conflicts, 0);

    next_run(w);
    assert_false(w->target.has_conflicts);
    settle(w, "A", &a, 1); /* the same again is a new one */
    SEES("SELECT count(*), sum(closed_at IS NULL) FROM _sync_conflicts", "2|1");
}

static void test_one_row_a_pair(void **state)
{
    world *w = *state;
    dvsi_clash clashes[4] = {
        differs(PHONE, 0, text("1"), 1, text("2")), differs(PHONE, 0, text("1"), 2, dvsi_cell_null()),
        differs(SIZE, 0, dvsi_cell_int64(5), 1, dvsi_cell_int64(6)), edited(PHONE, 0, text("1"), text("9"))};
    next_run(w);
    settle(w, "A", clashes, 4);
    SEES("SELECT count(*) FROM _sync_conflicts", "4");
    SEES("SELECT winner_value, loser_value FROM _sync_conflicts WHERE field = 'size'", "5|6");
    SEES("SELECT loser_value FROM _sync_conflicts WHERE loser_source = 'erp'", "NULL");
    SEES("SELECT loser_source, rule FROM _sync_conflicts WHERE kind = 'local_edit'", "sink|source_of_truth");
    next_run(w);
    settle(w, "A", clashes, 4);
    SEES("SELECT count(*), max(seen_count) FROM _sync_conflicts", "4|1");
    /* The two change places: the same pair. */
    next_run(w);
    clashes[0] = differs(PHONE, 1, text("2"), 0, text("1"));
    settle(w, "A", clashes, 4);
    SEES("SELECT winner_source, loser_source, seen_count FROM _sync_conflicts WHERE id = 1", "sheet|crm|2");
    SEES("SELECT count(*), sum(closed_at IS NULL) FROM _sync_conflicts", "4|4");
}

static void test_many_records_at_once(void **state)
{
    world *w = *state;
    enum { N = 300 };
    static char keys[N][8];
    static dvsi_clash clashes[N];
    static dvsi_key_clashes records[N];
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "K%03d", i);
        clashes[i] = differs(PHONE, 0, text("1"), 1, text("2"));
        records[i] = (dvsi_key_clashes){.key = keys[i], .clashes = &clashes[i], .n_clashes = i % 2 == 0};
    }
    for (int round = 0; round < 2; round++) {
        next_run(w);
        begin(w->run.sink);
        OK(dvsi_conflicts_settle(&w->feed, records, N, ERR));
        commit(w->run.sink);
        SEES("SELECT count(*), count(DISTINCT key), max(seen_count) FROM _sync_conflicts", "150|150|1");
        assert_int_equal(w->feed.counts.conflicts, 150);
    }
    for (int i = 0; i < N; i++)
        records[i].n_clashes = i == 298;
    next_run(w);
    begin(w->run.sink);
    OK(dvsi_conflicts_settle(&w->feed, records, N, ERR));
    commit(w->run.sink);
    SEES("SELECT key FROM _sync_conflicts WHERE closed_at IS NULL", "K298");
}

static void test_an_edit_stays_open_in_its_run(void **state)
{
    world *w = *state;
    dvsi_clash edit = edited(PHONE, 0, text("1"), text("by hand"));
    next_run(w);
    settle(w, "A", &edit, 1);
    settle(w, "A", NULL, 0); /* met again: it was overwritten just now */
    SEES("SELECT status FROM _sync_conflicts", "open");
    next_run(w);
    settle(w, "A", NULL, 0);
    SEES("SELECT status FROM _sync_conflicts", "closed");
}

static void test_a_record_that_ends(void **state)
{
    world *w = *state;
    dvsi_clash a = differs(PHONE, 0, text("1"), 1, text("2"));
    const char *keys[1] = {"A"};
    next_run(w);
    settle(w, "A", &a, 1);
    settle(w, "B", &a, 1);
    begin(w->run.sink);
    OK(dvsi_conflict_resolve(&w->view, 1, "sheet", ERR));
    commit(w->run.sink);
    next_run(w);
    assert_true(w->target.has_pins);
    begin(w->run.sink);
    OK(dvsi_conflicts_gone(&w->feed, keys, 1, ERR));
    commit(w->run.sink);
    SEES("SELECT key, status FROM _sync_conflicts ORDER BY id", "A|closed\nB|open");
    SEES("SELECT count(*) FROM _sync_pins", "0");
}

static void test_a_diff_only_counts(void **state)
{
    world *w = *state;
    dvsi_clash a = differs(PHONE, 0, text("1"), 1, text("2"));
    next_run(w);
    w->run.dry = 1;
    settle(w, "A", &a, 1);
    assert_int_equal(w->feed.counts.conflicts, 1);
    SEES("SELECT count(*) FROM _sync_conflicts", "0");
}

static void test_large_values(void **state)
{
    world *w = *state;
    char *large = malloc(10001);
    memset(large, 'x', 10000);
    large[10000] = '\0';
    dvsi_clash a = differs(PHONE, 0, text("1"), 1, text(large));
    next_run(w);
    settle(w, "A", &a, 1);
    SEES("SELECT loser_value LIKE '{\"sha256\":\"%\",\"bytes\":10000}' FROM _sync_conflicts", "1");
    next_run(w);
    settle(w, "A", &a, 1);
    SEES("SELECT seen_count FROM _sync_conflicts", "1");
    /* Pinned, it is whole again: from the source's offer. */
    dvs_cell offer[DVSI_N_OFFERS] = {{0}};
    dvsi_buf fields = {0};
    dvsi_buf_printf(&fields, "{\"code\":\"A\",\"phone\":\"%s\"}", large);
    offer[DVSI_OFFERS_ENTITY] = text("partners");
    offer[DVSI_OFFERS_SOURCE] = text("sheet");
    offer[DVSI_OFFERS_SOURCE_KEY] = offer[DVSI_OFFERS_KEY] = text("A");
    offer[DVSI_OFFERS_FIELDS] = dvsi_cell_json_n(fields.data, fields.length);
    begin(w->run.sink);
    OK(dvsi_books_insert(&w->run.books, DVSI_BOOK_OFFERS, offer, 1, NULL, ERR));
    OK(dvsi_conflict_resolve(&w->view, 1, "sheet", ERR));
    commit(w->run.sink);
    SEES("SELECT length(value), kept FROM _sync_pins", "10002|sheet");
    SEES("SELECT key FROM _sync_deletes", "A"); /* the next sync looks at it */
    dvsi_buf_free(&fields);
    free(large);
}

static void test_pins(void **state)
{
    world *w = *state;
    static const char json_null[] = "null";
    dvsi_clash clashes[3] = {
        differs(PHONE, 0, text("1"), 1, dvsi_cell_null()),
        differs(SIZE, 0, dvsi_cell_int64(1), 1, dvsi_cell_int64(INT64_MAX)),
        differs(NOTES, 0, dvsi_cell_json_n("{\"a\":1.50}", 10), 1, dvsi_cell_json_n(json_null, 4))};
    const char *keys[3] = {"none", "A", "B"};
    dvsi_key_pins *pins = NULL;
    next_run(w);
    settle(w, "A", clashes, 3);
    begin(w->run.sink);
    OK(dvsi_pins_read(&w->feed, keys, 3, &pins, ERR));
    assert_null(pins);
    for (int64_t id = 1; id <= 3; id++)
        OK(dvsi_conflict_resolve(&w->view, id, "sheet", ERR));
    commit(w->run.sink);
    next_run(w);
    begin(w->run.sink);
    OK(dvsi_pins_read(&w->feed, keys, 3, &pins, ERR));
    assert_int_equal(pins[0].n, 0);
    assert_int_equal(pins[2].n, 0);
    assert_int_equal(pins[1].n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const dvsi_pin *pin = &pins[1].pins[i];
        assert_string_equal(pins[1].kept[i], "sheet");
        dvs_cell wanted = pin->field == PHONE  ? dvsi_cell_null()
                          : pin->field == SIZE ? dvsi_cell_int64(INT64_MAX)
                                               : dvsi_cell_json_n(json_null, 4);
        assert_true(dvsi_cell_equal(&pin->value, &wanted));
    }
    commit(w->run.sink);
    /* What the sources say of a pinned field is no conflict; an edit in the sink is. */
    dvsi_clash again[2] = {clashes[0], edited(PHONE, DVSI_VOICE_PIN, dvsi_cell_null(), text("x"))};
    dvsi_key_clashes record = {.key = "A", .clashes = again, .n_clashes = 2, .pins = &pins[1]};
    begin(w->run.sink);
    OK(dvsi_conflicts_settle(&w->feed, &record, 1, ERR));
    commit(w->run.sink);
    SEES("SELECT kind, winner_source, loser_source FROM _sync_conflicts WHERE closed_at IS NULL",
         "local_edit|NULL|sink");
}

static void test_resolve_and_unpin(void **state)
{
    world *w = *state;
    dvsi_clash clashes[2] = {differs(PHONE, 0, text("1"), 1, text("2")),
                             differs(PHONE, 0, text("1"), 2, text("3"))};
    next_run(w);
    settle(w, "A", clashes, 2);
    begin(w->run.sink);
    FAILS(dvsi_conflict_resolve(&w->view, 9, "crm", ERR), DVS_E_NOT_FOUND, "no conflict with the id 9");
    FAILS(dvsi_conflict_resolve(&w->view, 1, "shet", ERR), DVS_E_USAGE,
          "can keep the value of \"crm\", \"sheet\" or \"sink\", not \"shet\"; did you mean \"sheet\"?");
    FAILS(dvsi_conflict_resolve(&w->view, 1, "erp", ERR), DVS_E_USAGE, "not \"erp\"");
    FAILS(dvsi_conflict_unpin(&w->view, 1, ERR), DVS_E_NOT_FOUND, "is open");
    OK(dvsi_conflict_resolve(&w->view, 1, "sheet", ERR));
    commit(w->run.sink);
    /* The other conflict of the field is decided with it. */
    SEES("SELECT status FROM _sync_conflicts ORDER BY id", "resolved\nclosed");
    SEES("SELECT entity, key, field, value, kept, conflict_id FROM _sync_pins",
         "partners|A|phone|\"2\"|sheet|1");
    begin(w->run.sink);
    FAILS(dvsi_conflict_resolve(&w->view, 1, "crm", ERR), DVS_E_NOT_FOUND, "resolved already");
    FAILS(dvsi_conflict_resolve(&w->view, 2, "crm", ERR), DVS_E_NOT_FOUND, "is closed");
    FAILS(dvsi_conflict_unpin(&w->view, 2, ERR), DVS_E_NOT_FOUND, "is closed: nothing is pinned");
    OK(dvsi_conflict_unpin(&w->view, 1, ERR));
    commit(w->run.sink);
    SEES("SELECT count(*) FROM _sync_pins", "0");
    SEES("SELECT status FROM _sync_conflicts ORDER BY id", "closed\nclosed");
    SEES("SELECT key, op, source, changes, run_id FROM _sync_lineage",
         "A|unpin|sheet|{\"phone\":{\"old\":\"2\",\"new\":\"2\"}}|NULL");
    begin(w->run.sink);
    FAILS(dvsi_conflict_unpin(&w->view, 1, ERR), DVS_E_NOT_FOUND, "nothing is pinned");
    commit(w->run.sink);
}

/* A streaming entity has no offers: its next read is complete. */
static void test_resolve_reads_completely(void **state)
{
    world *w = *state;
    dvsi_clash edit = edited(PHONE, 0, text("1"), text("by hand"));
    dvs_cell row[DVSI_N_STATE] = {{0}};
    next_run(w);
    settle(w, "A", &edit, 1);
    row[DVSI_STATE_ENTITY] = text("partners");
    row[DVSI_STATE_SOURCE] = text("crm");
    row[DVSI_STATE_CURSOR] = dvsi_cell_bytes("c", 1);
    row[DVSI_STATE_POSITION] = dvsi_cell_bytes("p", 1);
    begin(w->run.sink);
    OK(dvsi_books_insert(&w->run.books, DVSI_BOOK_STATE, row, 1, NULL, ERR));
    OK(dvsi_conflict_resolve(&w->view, 1, "sink", ERR));
    commit(w->run.sink);
    SEES("SELECT value, kept FROM _sync_pins", "\"by hand\"|sink");
    SEES("SELECT cursor, position FROM _sync_state", "NULL|NULL");
    SEES("SELECT count(*) FROM _sync_deletes", "0");
}

/* `--keep sink` between two sources: what stands there now. */
static void test_keep_what_stands(void **state)
{
    world *w = *state;
    static const uint32_t columns[] = {DVS_TEXT, DVS_TEXT, DVS_INT64, DVS_JSON};
    dvsi_clash a = differs(PHONE, 0, text("1"), 1, text("2"));
    dvsi_schema schema = {0};
    assert_non_null(dvsi_schema_put(&schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID));
    for (int i = 0; i < N_FIELDS; i++)
        assert_non_null(dvsi_schema_put(&schema, names[i], columns[i], DVS_COLUMN_NULLABLE));
    dvs_table table = table_of(w->f, "partners", &schema);
    table.id = dvsi_table_id() + 1000;
    dvs_cell row[1 + N_FIELDS] = {dvsi_cell_int64(1), text("A"), text("here"), dvsi_cell_null(),
                                  dvsi_cell_null()};
    next_run(w);
    settle(w, "A", &a, 1);
    settle(w, "B", &a, 1);
    begin(w->run.sink);
    make_table(w->run.sink, &table);
    insert(w->run.sink, &table, row, 1);
    OK(dvsi_conflict_resolve(&w->view, 1, "sink", ERR));
    FAILS(dvsi_conflict_resolve(&w->view, 2, "sink", ERR), DVS_E_NOT_FOUND, "not in the sink");
    commit(w->run.sink);
    SEES("SELECT value, kept FROM _sync_pins", "\"here\"|sink");
    dvsi_schema_free(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
        TEST(test_opens_stands_moves_closes),
        TEST(test_one_row_a_pair),
        TEST(test_many_records_at_once),
        TEST(test_an_edit_stays_open_in_its_run),
        TEST(test_a_record_that_ends),
        TEST(test_a_diff_only_counts),
        TEST(test_large_values),
        TEST(test_pins),
        TEST(test_resolve_and_unpin),
        TEST(test_resolve_reads_completely),
        TEST(test_keep_what_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
