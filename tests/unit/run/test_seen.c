/* The seen-set against a model, in memory and through a sink, as reads end and go on. */
#include "../testplugins/memory_fixture.h"

#include "../base/random.h"
#include "run/seen.h"

#define MOST 3000

/* A model: the ids that were added, unsorted. */
typedef struct model {
    int64_t ids[MOST];
    size_t n;
} model;

static int model_has(const model *m, int64_t id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->ids[i] == id)
            return 1;
    return 0;
}

/* Ids as tables have them: mostly small and dense, some on the borders of chunks, some far out. */
static int64_t some_id(void)
{
    static const int64_t odd[] = {0, 1, 7, 8, 65535, 65536, 65537, 131071, 131072, 1000000, 50000000};
    switch (random_below(4)) {
    case 0:
        return odd[random_below(sizeof odd / sizeof *odd)];
    case 1:
        return (int64_t)random_below(400000);
    default:
        return (int64_t)random_below(1500);
    }
}

static void add(dvsi_seen *seen, model *m, int64_t id)
{
    assert_int_equal(dvsi_seen_add(seen, id), !model_has(m, id));
    if (!model_has(m, id) && m->n < MOST)
        m->ids[m->n++] = id;
}

static void same(const dvsi_seen *seen, const model *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (!dvsi_seen_has(seen, m->ids[i]))
            fail_msg("%lld is lost", (long long)m->ids[i]);
    for (int i = 0; i < 3000; i++) {
        int64_t id = some_id();
        assert_int_equal(dvsi_seen_has(seen, id), model_has(m, id));
    }
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* All of them, in ascending order, a few at a time. */
static void listed(dvsi_seen *seen, model *m)
{
    int64_t ids[100];
    int64_t last = -1;
    size_t n = 0;
    qsort(m->ids, m->n, sizeof *m->ids, compare_ids);
    for (uint32_t got = 1; got != 0; n += got) {
        const uint32_t most = (uint32_t)random_below(100) + 1;
        got = dvsi_seen_list(seen, last, ids, most);
        assert_true(got <= most && n + got <= m->n);
        assert_memory_equal(ids, m->ids + n, got * sizeof *ids);
        last = got != 0 ? ids[got - 1] : last;
    }
    assert_int_equal(n, m->n);
}

static void test_model(void **state)
{
    model m = {.n = 0};
    dvsi_seen seen = {0};
    (void)state;
    same(&seen, &m);
    for (int i = 0; i < 2000; i++)
        add(&seen, &m, some_id());
    same(&seen, &m);
    listed(&seen, &m);
    dvsi_seen_clear(&seen);
    m.n = 0;
    same(&seen, &m);
    listed(&seen, &m);
    dvsi_seen_clear(&seen); /* again is fine */
}

/* Numbered by hand below zero: such a row is never missing, whatever was read. */
static void test_below_zero(void **state)
{
    dvsi_seen seen = {0};
    (void)state;
    assert_true(dvsi_seen_has(&seen, -1));
    assert_true(dvsi_seen_has(&seen, INT64_MIN));
    assert_true(dvsi_seen_add(&seen, INT64_MIN) >= 0);
    assert_false(dvsi_seen_has(&seen, 0));
    dvsi_seen_clear(&seen);
}

/* A row that somebody numbered far out is met like any other, and costs no memory to speak of. */
static void test_far_out(void **state)
{
    static const int64_t ids[] = {INT64_MAX, INT64_MAX - 65536, INT64_C(1000000000000000), INT64_C(1) << 40,
                                  3};
    dvsi_seen seen = {0};
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_false(dvsi_seen_has(&seen, ids[i]));
        assert_int_equal(dvsi_seen_add(&seen, ids[i]), 1);
        assert_int_equal(dvsi_seen_add(&seen, ids[i]), 0);
        assert_true(dvsi_seen_has(&seen, ids[i]));
        assert_false(dvsi_seen_has(&seen, ids[i] - 1));
    }
    int64_t list[8];
    assert_int_equal(dvsi_seen_list(&seen, 3, list, 8), 4);
    assert_true(list[0] == ids[3] && list[3] == INT64_MAX);
    assert_int_equal(dvsi_seen_list(&seen, INT64_MAX, list, 8), 0);
    dvsi_seen_clear(&seen);
}

/* ---- In a sink ---- */

typedef struct store {
    fixture *f;
    dvsi_sink *sink;
    dvsi_books books;
} store;

static void begin(store *s)
{
    OK(s->f, dvsi_sink_begin(s->sink, &s->f->err));
    dvsi_books_begin(&s->books);
}

static void commit(store *s)
{
    OK(s->f, dvsi_sink_commit(s->sink, &s->f->err));
}

static void open_store(store *s, void **state)
{
    memset(s, 0, sizeof *s);
    s->f = *state;
    s->sink = open_sink(s->f, DVS_SINK_CREATE);
    OK(s->f, dvsi_sink_begin(s->sink, &s->f->err));
    OK(s->f, dvsi_books_open(&s->books, s->sink, "crm", &s->f->err));
    OK(s->f, dvsi_books_create(&s->books, DVSI_BOOK_IN_SINK, &s->f->err));
    commit(s);
}

static void close_store(store *s)
{
    dvsi_books_close(&s->books);
    dvsi_sink_close(s->sink);
}

static void put(store *s, dvsi_seen *seen, const char *entity, const char *source)
{
    OK(s->f, dvsi_seen_store(seen, &s->books, entity, source, &s->f->err));
}

static void get(store *s, dvsi_seen *seen, const char *entity, const char *source)
{
    OK(s->f, dvsi_seen_load(seen, &s->books, entity, source, &s->f->err));
}

static uint64_t stored_rows(store *s)
{
    uint64_t n = 0;
    OK(s->f, dvsi_books_count(&s->books, DVSI_BOOK_SEEN, NULL, 0, &n, &s->f->err));
    return n;
}

/* How many parts of the set hold anything. */
static uint64_t parts(const model *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        size_t k = 0;
        while (m->ids[k] / 65536 != m->ids[i] / 65536)
            k++;
        n += k == i;
    }
    return n;
}

/* Adds, stores, dies, loads, goes on: what was stored is there, and what came after it is not. */
static void test_store_and_load(void **state)
{
    store s;
    model m = {.n = 0};
    dvsi_seen seen = {0};
    open_store(&s, state);
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 60; i++)
            add(&seen, &m, some_id());
        begin(&s);
        put(&s, &seen, "people", "crm");
        commit(&s);
        if (random_below(2)) { /* killed: what was added since the commit is gone */
            for (int i = 0; i < 20; i++)
                (void)dvsi_seen_add(&seen, some_id());
            begin(&s);
            get(&s, &seen, "people", "crm");
            commit(&s);
        }
        same(&seen, &m);
    }
    begin(&s);
    assert_int_equal(stored_rows(&s), parts(&m)); /* each part once, also after going on */
    commit(&s);
    dvsi_seen_clear(&seen);
    close_store(&s);
}

/* A store that is rolled back is no store; and the next one, by another process, has it all. */
static void test_rollback(void **state)
{
    store s;
    model m = {.n = 0};
    dvsi_seen seen = {0};
    open_store(&s, state);
    add(&seen, &m, 5);
    begin(&s);
    put(&s, &seen, "people", "crm");
    commit(&s);
    (void)dvsi_seen_add(&seen, 6);
    begin(&s);
    put(&s, &seen, "people", "crm");
    OK(s.f, dvsi_sink_rollback(s.sink, &s.f->err));
    begin(&s);
    get(&s, &seen, "people", "crm");
    commit(&s);
    same(&seen, &m);
    assert_false(dvsi_seen_has(&seen, 6));
    dvsi_seen_clear(&seen);
    close_store(&s);
}

/* Only what changed is written. */
static void test_only_changed_parts(void **state)
{
    store s;
    dvsi_seen seen = {0};
    open_store(&s, state);
    for (int64_t id = 1; id < 5 * 65536; id += 1000)
        assert_int_equal(dvsi_seen_add(&seen, id), 1);
    begin(&s);
    put(&s, &seen, "people", "crm");
    assert_int_equal(stored_rows(&s), 5);
    commit(&s);
    log_clear(s.f);
    begin(&s);
    put(&s, &seen, "people", "crm");
    commit(&s);
    assert_int_equal(dvsi_seen_add(&seen, 70001), 0); /* was there: nothing changed */
    begin(&s);
    put(&s, &seen, "people", "crm");
    commit(&s);
    json_t *lines = log_read(s.f);
    for (size_t i = 0; i < json_array_size(lines); i++)
        assert_string_not_equal(json_string_value(json_object_get(json_array_get(lines, i), "slot")),
                                "write");
    json_decref(lines);
    assert_int_equal(dvsi_seen_add(&seen, 70002), 1);
    log_clear(s.f);
    begin(&s);
    put(&s, &seen, "people", "crm");
    assert_int_equal(stored_rows(&s), 5);
    commit(&s);
    lines = log_read(s.f);
    assert_int_equal(log_int(log_find(lines, "write", 0), "updates"), 1);
    json_decref(lines);
    dvsi_seen_clear(&seen);
    close_store(&s);
}

/* Entities and sources have their own; forgetting one leaves the others. */
static void test_apart(void **state)
{
    static const char *const names[3][2] = {{"people", "crm"}, {"people", "sheet"}, {"firms", "crm"}};
    store s;
    dvsi_seen seen[3] = {{0}, {0}, {0}};
    open_store(&s, state);
    begin(&s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dvsi_seen_add(&seen[i], i), 1);
        put(&s, &seen[i], names[i][0], names[i][1]);
    }
    commit(&s);
    begin(&s);
    OK(s.f, dvsi_seen_forget(&s.books, "people", "crm", &s.f->err));
    for (int i = 0; i < 3; i++) {
        get(&s, &seen[i], names[i][0], names[i][1]);
        for (int id = 0; id < 3; id++)
            assert_int_equal(dvsi_seen_has(&seen[i], id), i != 0 && id == i);
    }
    commit(&s);
    for (int i = 0; i < 3; i++)
        dvsi_seen_clear(&seen[i]);
    close_store(&s);
}

/* What somebody edited is refused, never taken for "nothing was seen". */
static void test_edited(void **state)
{
    static const uint32_t columns[2] = {DVSI_SEEN_CHUNK, DVSI_SEEN_BITS};
    const dvs_cell bad[3] = {dvsi_cell_bytes("xyz", 3), dvsi_cell_null(), dvsi_cell_int64(-1)};
    store s;
    open_store(&s, state);
    for (int i = 0; i < 3; i++) {
        dvsi_seen seen = {0};
        dvs_cell row[DVSI_N_SEEN] = {{0}};
        int64_t id = 0;
        assert_int_equal(dvsi_seen_add(&seen, 1), 1);
        begin(&s);
        OK(s.f, dvsi_seen_forget(&s.books, "people", "crm", &s.f->err));
        put(&s, &seen, "people", "crm");
        commit(&s);
        begin(&s);
        dvsi_batch *rows = dvsi_batch_new(DVSI_N_SEEN);
        OK(s.f, dvsi_books_find(&s.books, DVSI_BOOK_SEEN, NULL, 0, 0, 0, rows, &s.f->err));
        assert_int_equal(rows->n_rows, 1);
        id = rows->cells[DVSI_SEEN_ROW_ID].v.i64;
        row[0] = bad[i];
        OK(s.f, dvsi_books_update(&s.books, DVSI_BOOK_SEEN, id, &columns[i < 2], row, 1, &s.f->err));
        commit(&s);
        begin(&s);
        assert_int_equal(dvsi_seen_load(&seen, &s.books, "people", "crm", &s.f->err), DVS_E_CORRUPT);
        commit(&s);
        dvsi_batch_free(rows);
        dvsi_seen_clear(&seen);
    }
    close_store(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_below_zero),
        cmocka_unit_test(test_far_out),
        TEST(test_store_and_load),
        TEST(test_rollback),
        TEST(test_only_changed_parts),
        TEST(test_apart),
        TEST(test_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
