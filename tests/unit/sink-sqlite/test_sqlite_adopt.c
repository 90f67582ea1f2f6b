/* test_sqlite_adopt.c - a table that somebody else made gets a row id, and loses nothing by it. */
#include "sqlite_fixture.h"

/* "t" as the host sees it: row_id, id and name, which are texts unless said otherwise. */
typedef struct entity {
    dvsi_schema schema;
    dvs_table table;
} entity;

static void describe(fixture *f, entity *e, uint32_t id, uint32_t name)
{
    memset(e, 0, sizeof *e);
    assert_non_null(dvsi_schema_put(&e->schema, "row_id", DVS_INT64, DVS_COLUMN_ROW_ID));
    assert_non_null(dvsi_schema_put(&e->schema, "id", id, DVS_COLUMN_NULLABLE));
    assert_non_null(dvsi_schema_put(&e->schema, "name", name, DVS_COLUMN_NULLABLE));
    e->table = table_of(f, "t", &e->schema);
}

static int32_t add(dvsi_sink *sink, const entity *e, const dvs_column *column, dvs_error *err)
{
    dvs_change change = {.struct_size = (uint32_t)sizeof change,
                         .type = DVS_CHANGE_ADD_COLUMN,
                         .table = &e->table,
                         .column = column};
    return dvsi_sink_apply_schema(sink, &change, 1, err);
}

static void adopt_as(fixture *f, uint32_t id, uint32_t name)
{
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    entity e;
    describe(f, &e, id, name);
    begin(sink);
    OK(add(sink, &e, &e.schema.columns[0], ERR));
    commit(sink);
    dvsi_sink_close(sink);
    dvsi_schema_free(&e.schema);
}

static void adopt(fixture *f)
{
    adopt_as(f, DVS_TEXT, DVS_TEXT);
}

/* Nothing is changed, also when the transaction goes on after it. */
static void refused_as(fixture *f, uint32_t id, uint32_t name, const char *words)
{
    static const char everything[] = "SELECT type, name, sql FROM sqlite_schema; SELECT * FROM t";
    char *before = strdup(look(f->path, everything));
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    entity e;
    assert_non_null(before);
    describe(f, &e, id, name);
    begin(sink);
    FAILS(add(sink, &e, &e.schema.columns[0], ERR), DVS_E_SCHEMA, words);
    commit(sink);
    dvsi_sink_close(sink);
    dvsi_schema_free(&e.schema);
    LOOK(everything, before);
    free(before);
}

static void refused(fixture *f, const char *words)
{
    refused_as(f, DVS_TEXT, DVS_TEXT, words);
}

static void rows_are_numbered_in_their_order(void **state)
{
    fixture *f = *state;
    LOOK("CREATE TABLE t(id TEXT, name, ROWID TEXT);"
         "INSERT INTO t(_rowid_, id, name, ROWID) VALUES(70, 'b', x'00ff', 9), (-5, 'a', 1.5, 8), (900, "
         "NULL, 'c', 7)",
         "");
    adopt(f);
    LOOK("SELECT row_id, id, quote(name), rowid FROM t ORDER BY row_id",
         "1|a|1.5|8\n2|b|X'00FF'|9\n3|NULL|'c'|7");
    LOOK("SELECT group_concat(name || ' ' || type || ' ' || pk) FROM pragma_table_info('t')",
         "row_id INTEGER 1,id TEXT 0,name  0,ROWID TEXT 0");
    LOOK("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", "1"); /* nothing is left behind */
}

static void an_empty_table_too(void **state)
{
    fixture *f = *state;
    LOOK("CREATE TABLE t(id TEXT, name TEXT)", "");
    adopt(f);
    LOOK("SELECT sql FROM sqlite_schema",
         "CREATE TABLE t(\"row_id\" INTEGER PRIMARY KEY NOT NULL, id TEXT, name TEXT)");
}

/* Words of the text that are none: in comments, strings and names. */
static void all_that_was_declared_stays(void **state)
{
    fixture *f = *state;
    LOOK("CREATE TABLE other(x TEXT PRIMARY KEY); INSERT INTO other VALUES('o');"
         "CREATE TABLE 't' -- PRIMARY KEY (\n(id TEXT /* ) PRIMARY KEY */ COLLATE NOCASE UNIQUE,\n"
         " name VARCHAR(20) NOT NULL DEFAULT 'it''s (' CHECK(t.name <> \"no)\"),\n"
         " \"primary\" TEXT DEFAULT 'primary key', [key(] TEXT, key INT DEFAULT (1+(2)),\n"
         " o TEXT REFERENCES other ON DELETE CASCADE, up AS (upper(id)) STORED, CONSTRAINT c CHECK(key > 0)\n"
         " -- the end )\n);"
         "INSERT INTO t(id, o) VALUES('a', 'o')",
         "");
    adopt(f);
    LOOK("SELECT * FROM t", "1|a|it's (|primary key|NULL|3|o|A");
    LOOK("INSERT INTO t(id) VALUES('A')", "Error: stepping, UNIQUE constraint failed: t.id (19)");
    LOOK("INSERT INTO t(id, name) VALUES('b', NULL)",
         "Error: stepping, NOT NULL constraint failed: t.name (19)");
    LOOK("INSERT INTO t(id, name) VALUES('b', 'no)')",
         "Error: stepping, CHECK constraint failed: t.name <> \"no)\" (19)");
    LOOK("INSERT INTO t(id, key) VALUES('b', 0)", "Error: stepping, CHECK constraint failed: c (19)");
    LOOK("PRAGMA foreign_keys=ON; DELETE FROM other; SELECT count(*) FROM t", "0");
}

static void indexes_triggers_and_views_stay(void **state)
{
    fixture *f = *state;
    LOOK("CREATE TABLE t(id TEXT, name TEXT); INSERT INTO t VALUES('a', 'x');"
         "CREATE TABLE log(what TEXT); CREATE TABLE source(id TEXT);"
         "CREATE UNIQUE INDEX by_id ON t(id COLLATE NOCASE) WHERE name <> \"no\"; CREATE INDEX e ON "
         "t(lower(name)) -- c\n;"
         "CREATE TRIGGER tr AFTER INSERT ON t WHEN NEW.id <> '' BEGIN INSERT INTO log VALUES(NEW.id); SELECT "
         "1; END;"
         "CREATE TRIGGER from_other AFTER INSERT ON source BEGIN INSERT INTO t(id) VALUES(NEW.id); END;"
         "CREATE VIEW v AS SELECT name FROM t WHERE id = 'a'; CREATE VIEW broken AS SELECT * FROM nowhere",
         "");
    char *before = strdup(
        look(f->path, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 't' ORDER BY 2"));
    adopt(f);
    LOOK("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 't' ORDER BY 2", before);
    free(before);
    LOOK("SELECT * FROM log", ""); /* copying is no insert */
    LOOK("INSERT INTO source VALUES('b'); SELECT * FROM log; SELECT count(*) FROM t; SELECT * FROM v",
         "b\n2\nx");
    LOOK("PRAGMA integrity_check", "ok");
}

static void foreign_keys_to_it_go_on(void **state)
{
    fixture *f = *state;
    LOOK("CREATE TABLE t(id TEXT PRIMARY KEY, name TEXT, up TEXT REFERENCES t(id));"
         "CREATE TABLE child(t TEXT REFERENCES T(id) ON DELETE CASCADE);"
         "INSERT INTO t VALUES('a', 'x', NULL), ('b', 'y', 'a'); INSERT INTO child VALUES('b')",
         "");
    adopt(f);
    LOOK("SELECT * FROM child; PRAGMA foreign_key_check", "b");
    LOOK("SELECT sql FROM sqlite_schema WHERE name = 'child'",
         "CREATE TABLE child(t TEXT REFERENCES T(id) ON DELETE CASCADE)");
    LOOK("PRAGMA foreign_keys=ON; INSERT INTO child VALUES('none')",
         "Error: stepping, FOREIGN KEY constraint failed (19)");
    LOOK("PRAGMA foreign_keys=ON; INSERT INTO t(id, up) VALUES('c', 'none')",
         "Error: stepping, FOREIGN KEY constraint failed (19)");
    LOOK("PRAGMA foreign_keys=ON; DELETE FROM t WHERE id = 'b'; SELECT count(*) FROM child", "0");
}

/* The key stays unique, and set where it had to be. */
static void primary_keys_become_unique(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *sql;
        uint32_t id;
        const char *null; /* what SQLite says to a row without a key; NULL: nothing */
        const char *failed;
        bool by_id; /* the order of its rows */
    } tables[] = {
        {"t(id TEXT PRIMARY KEY, name TEXT)", DVS_TEXT, NULL, "t.id", false},
        {"t(id INTEGER CONSTRAINT c PRIMARY KEY ON CONFLICT FAIL DEFAULT 9, name TEXT)", DVS_INT64,
         "NOT NULL", "t.id", true},
        {"t(id INTEGER PRIMARY KEY ASC AUTOINCREMENT, name TEXT)", DVS_INT64, "NOT NULL", "t.id", true},
        {"t(id INTEGER PRIMARY KEY DESC, name TEXT)", DVS_INT64, NULL, "t.id", false},
        {"t(id INTEGER, name TEXT, PRIMARY KEY(id AUTOINCREMENT))", DVS_INT64, "CHECK", "t.id", true},
        {"t(id TEXT COLLATE NOCASE PRIMARY KEY, name TEXT) WITHOUT ROWID", DVS_TEXT, "NOT NULL", "t.id",
         true},
        {"t(id TEXT, name TEXT, CONSTRAINT c PRIMARY KEY(id, name) ON CONFLICT ABORT)", DVS_TEXT, NULL,
         "t.id, t.name", false},
        {"t(id TEXT, name TEXT, primary/**/key(name DESC, id)) WITHOUT ROWID", DVS_TEXT, "CHECK",
         "t.name, t.id", false},
        {"t(id TEXT PRIMARY KEY, name TEXT) STRICT, WITHOUT ROWID", DVS_TEXT, "NOT NULL", "t.id", true},
        {"t(id TEXT PRIMARY KEY, name TEXT) STRICT", DVS_TEXT, "NOT NULL", "t.id", false},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[512];
        snprintf(sql, sizeof sql,
                 "DROP TABLE IF EXISTS t; CREATE TABLE %s; INSERT INTO t(id, name) VALUES(7, 'x'), "
                 "(3, 'y')",
                 tables[i].sql);
        LOOK(sql, "");
        adopt_as(f, tables[i].id, DVS_TEXT);
        LOOK("SELECT * FROM t ORDER BY row_id", tables[i].by_id ? "1|3|y\n2|7|x" : "1|7|x\n2|3|y");
        snprintf(sql, sizeof sql, "Error: stepping, UNIQUE constraint failed: %s (19)", tables[i].failed);
        LOOK("INSERT INTO t(id, name) VALUES(7, 'x')", sql);
        if (tables[i].null == NULL)
            LOOK("INSERT INTO t(id, name) VALUES(NULL, 'x')", "");
        else if (strstr(look(f->path, "INSERT INTO t(id, name) VALUES(NULL, 'x')"), tables[i].null) == NULL)
            fail_msg("%s: %s", tables[i].sql, look(f->path, "INSERT INTO t(id, name) VALUES(NULL, 'x')"));
        LOOK("SELECT strict FROM pragma_table_list('t')",
             strstr(tables[i].sql, "STRICT") != NULL ? "1" : "0");
        LOOK("PRAGMA integrity_check", "ok");
    }
}

/* Every kind of column can be added to a STRICT table, and holds what dvsync writes. */
static void strict_tables_get_columns(void **state)
{
    fixture *f = *state;
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    dvs_cell cells[13] = {dvsi_cell_int64(1), dvsi_cell_text("a"), dvsi_cell_text("b"), dvsi_cell_bool(1),
                          dvsi_cell_int64(5)};
    dvsi_batch *batch;
    entity e;
    LOOK("CREATE TABLE t(id TEXT, name ANY) STRICT", "");
    describe(f, &e, DVS_TEXT, DVS_TEXT);
    for (uint32_t kind = DVS_BOOL; kind < DVS_KIND_COUNT; kind++)
        assert_non_null(dvsi_schema_put(&e.schema, dvsi_kind_name(kind), kind, DVS_COLUMN_NULLABLE));
    e.table = table_of(f, "t", &e.schema);
    begin(sink);
    OK(add(sink, &e, &e.schema.columns[0], ERR));
    for (uint32_t i = 3; i < e.schema.n_columns; i++)
        OK(add(sink, &e, &e.schema.columns[i], ERR));
    for (uint32_t i = 5; i < 13; i++)
        cells[i] = dvsi_cell_null();
    cells[6].kind = DVS_DECIMAL;
    cells[6].v.text = "12345678901234567890.5";
    cells[6].length = (uint32_t)strlen(cells[6].v.text);
    insert(sink, &e.table, cells, 1);
    batch = read_all(sink, &e.table);
    assert_int_equal(batch->n_rows, 1);
    for (uint32_t i = 0; i < 13; i++)
        assert_true(dvsi_cell_equal(&dvsi_batch_cells(batch, 0)[i], &cells[i]));
    commit(sink);
    dvsi_batch_free(batch);
    dvsi_sink_close(sink);
    dvsi_schema_free(&e.schema);
}

static void what_cannot_be_kept_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *sql;
        uint32_t id;
        const char *words;
    } tables[] = {
        {"TABLE t(id TEXT PRIMARY KEY, name TEXT); CREATE TABLE child(x REFERENCES T)", DVS_TEXT,
         "foreign key of child"},
        {"TABLE t(id TEXT PRIMARY KEY, name TEXT REFERENCES t); CREATE TABLE child(x)", DVS_TEXT,
         "foreign key of t"},
        {"TABLE t(n INTEGER PRIMARY KEY, id TEXT, name TEXT)", DVS_TEXT, "rename it to row_id"},
        {"TABLE t(id TEXT, name TEXT, must TEXT NOT NULL)", DVS_TEXT, "the column must of t is NOT NULL"},
        {"TABLE t(id TEXT, name AS (id))", DVS_TEXT, "name of t is generated"},
        {"TABLE t(id TEXT, name TEXT, row_id)", DVS_TEXT, "row_id of t is not its INTEGER PRIMARY KEY"},
        {"TABLE t(id TEXT, name TEXT, ROW_ID INT PRIMARY KEY)", DVS_TEXT, "not its INTEGER PRIMARY KEY"},
        {"TABLE t(id INTEGER PRIMARY KEY, name TEXT)", DVS_TEXT, "id of t, declared INTEGER, cannot hold"},
        {"TABLE t(id STRING, name TEXT)", DVS_TEXT, "declared STRING"},
        {"TABLE t(id VARCHAR(5), name TEXT)", DVS_INT64, "declared VARCHAR(5)"},
        {"TABLE t(id REAL, name TEXT)", DVS_INT64, "declared REAL"},
        {"TABLE t(id INTEGER, name TEXT) STRICT", DVS_DATE, "declared INTEGER"},
        {"VIEW t AS SELECT 1 AS id, 2 AS name", DVS_TEXT, "t is a view"},
        {"VIRTUAL TABLE t USING fts5(id, name)", DVS_TEXT, "t is a virtual table"},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS child; CREATE %s", tables[i].sql);
        LOOK(sql, "");
        refused_as(f, tables[i].id, DVS_TEXT, tables[i].words);
        snprintf(sql, sizeof sql, "DROP %s t", strncmp(tables[i].sql, "VIEW", 4) == 0 ? "VIEW" : "TABLE");
        LOOK(sql, "");
    }
}

/* Rows that came to be in another way than by its own rules. */
static void rows_that_break_its_rules_are_refused(void **state)
{
    fixture *f = *state;
    LOOK("CREATE TABLE t(id TEXT, name TEXT CHECK(name <> 'x')); PRAGMA ignore_check_constraints=1;"
         "INSERT INTO t VALUES('a', 'x')",
         "");
    refused(f, "CHECK constraint failed");
}

/* A column that fits is taken whatever its type is called. */
static void columns_that_fit_are_taken(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *type;
        uint32_t kind;
        dvs_cell cell;
    } columns[] = {
        {"NUMERIC(10,2)", DVS_DECIMAL, {.kind = DVS_DECIMAL, .length = 3, .v.text = "2.5"}},
        {"REAL", DVS_DECIMAL, {.kind = DVS_DECIMAL, .length = 1, .v.text = "5"}},
        {"INT", DVS_DOUBLE, {.kind = DVS_DOUBLE, .v.f64 = 3.0}},
        {"DATE", DVS_DATE, {.kind = DVS_DATE, .v.i64 = 5}},
        {"INT", DVS_TIMESTAMP, {.kind = DVS_TIMESTAMP, .v.i64 = 5}},
        {"UUID", DVS_UUID, {.kind = DVS_UUID, .length = 16, .v.bytes = (const uint8_t *)"1234567890123456"}},
        {"BOOLEAN", DVS_BOOL, {.kind = DVS_BOOL, .v.i64 = 1}},
        {"TEXT", DVS_BYTES, {.kind = DVS_BYTES, .length = 2, .v.bytes = (const uint8_t *)"12"}},
        {"INTEGER", DVS_BYTES, {.kind = DVS_BYTES, .length = 2, .v.bytes = (const uint8_t *)"12"}},
        {"BLOB", DVS_TEXT, {.kind = DVS_TEXT, .length = 3, .v.text = "007"}},
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        dvsi_sink *sink;
        dvs_cell cells[3] = {dvsi_cell_int64(1), dvsi_cell_text("k"), columns[i].cell};
        dvsi_batch *batch;
        entity e;
        char sql[128];
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS t; CREATE TABLE t(id TEXT, name %s)",
                 columns[i].type);
        LOOK(sql, "");
        sink = open_sink(f, DVS_SINK_CREATE);
        describe(f, &e, DVS_TEXT, columns[i].kind);
        begin(sink);
        OK(add(sink, &e, &e.schema.columns[0], ERR));
        insert(sink, &e.table, cells, 1);
        batch = read_all(sink, &e.table);
        if (!dvsi_cell_equal(&dvsi_batch_cells(batch, 0)[2], &cells[2]) ||
            dvsi_batch_cells(batch, 0)[2].flags != 0)
            fail_msg("a %s in %s came back as another value", dvsi_kind_name(columns[i].kind),
                     columns[i].type);
        commit(sink);
        dvsi_batch_free(batch);
        dvsi_sink_close(sink);
        dvsi_schema_free(&e.schema);
    }
}

/* Any other column says it as well, for a table that has the name row_id already. */
static void a_row_id_that_is_none_is_refused(void **state)
{
    fixture *f = *state;
    dvsi_schema more = {0};
    const dvs_column *extra = dvsi_schema_put(&more, "extra", DVS_TEXT, DVS_COLUMN_NULLABLE);
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    entity e;
    describe(f, &e, DVS_TEXT, DVS_TEXT);
    LOOK("CREATE TABLE t(row_id TEXT, id TEXT, name TEXT)", "");
    begin(sink);
    FAILS(add(sink, &e, extra, ERR), DVS_E_SCHEMA, "row_id of t is not its INTEGER PRIMARY KEY");
    commit(sink);
    LOOK("DROP TABLE t; CREATE TABLE t(row_id INTEGER PRIMARY KEY DESC, id TEXT, name TEXT)", "");
    begin(sink);
    FAILS(add(sink, &e, extra, ERR), DVS_E_SCHEMA, "row_id of t is not its INTEGER PRIMARY KEY");
    commit(sink);
    LOOK("DROP TABLE t; CREATE TABLE t(row_id INTEGER PRIMARY KEY, id TEXT, name TEXT)", "");
    begin(sink);
    OK(add(sink, &e, extra, ERR));
    commit(sink);
    LOOK("DROP TABLE t; CREATE TABLE t(row_id INTEGER PRIMARY KEY, id TEXT, name TEXT) WITHOUT ROWID", "");
    begin(sink);
    OK(add(sink, &e, extra, ERR));
    commit(sink);
    dvsi_sink_close(sink);
    dvsi_schema_free(&e.schema);
    dvsi_schema_free(&more);
}

/* The run is told that its key is not unique; what was begun can be undone. */
static void duplicates_and_rollback(void **state)
{
    fixture *f = *state;
    const uint32_t key[] = {1};
    dvs_index index = {.struct_size = (uint32_t)sizeof index,
                       .flags = DVS_INDEX_UNIQUE,
                       .name = "k",
                       .columns = key,
                       .n_columns = 1,
                       .only_null = -1,
                       .only_set = -1};
    dvsi_sink *sink = open_sink(f, DVS_SINK_CREATE);
    entity e;
    describe(f, &e, DVS_TEXT, DVS_TEXT);
    LOOK("CREATE TABLE t(id TEXT, name TEXT); INSERT INTO t VALUES('a', 'x'), ('a', 'y')", "");
    begin(sink);
    OK(add(sink, &e, &e.schema.columns[0], ERR));
    index.table = &e.table;
    FAILS(dvsi_sink_ensure_index(sink, &index, ERR), DVS_E_DUPLICATE, "remove all but one");
    OK(dvsi_sink_rollback(sink, ERR));
    dvsi_sink_close(sink);
    dvsi_schema_free(&e.schema);
    LOOK("SELECT sql FROM sqlite_schema; SELECT * FROM t", "CREATE TABLE t(id TEXT, name TEXT)\na|x\na|y");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_are_numbered_in_their_order),
        TEST(an_empty_table_too),
        TEST(all_that_was_declared_stays),
        TEST(indexes_triggers_and_views_stay),
        TEST(foreign_keys_to_it_go_on),
        TEST(primary_keys_become_unique),
        TEST(strict_tables_get_columns),
        TEST(what_cannot_be_kept_is_refused),
        TEST(rows_that_break_its_rules_are_refused),
        TEST(columns_that_fit_are_taken),
        TEST(a_row_id_that_is_none_is_refused),
        TEST(duplicates_and_rollback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
