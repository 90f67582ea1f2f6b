/* From a batch as a source put it to records and row errors, with failures and checkpoints in the middle. */
#include "../map/map_fixture.h"

#include "../base/random.h"
#include "data/json.h"
#include "run/work.h"

/* Streams: the source's own key. Gathers: the key is `who`, which must be a number. */
#define STREAMS                                                                                              \
    "  - name: people\n    from: [{source: crm, entity: p, fields: {id: id, who: {from: Name, type: "        \
    "int64}}}]\n"
#define GATHERS                                                                                              \
    "  - name: people\n    key: [who]\n    from: [{source: crm, entity: p, fields: {id: id, who: {from: "    \
    "Name, type: "                                                                                           \
    "int64}}}]\n"

typedef struct bench {
    fixture f;
    dvsi_work *work;
} bench;

static void open_bench(bench *b, const char *entity)
{
    usual(&b->f, entity);
    must_build(&b->f);
    b->work = dvsi_work_new();
    assert_non_null(b->work);
    dvsi_batch_reset(b->work->batch, b->f.mapping->wanted.n_columns);
}

static void close_bench(bench *b)
{
    dvsi_work_free(b->work);
    close_fixture(&b->f);
}

static void put_row(bench *b, uint64_t number, int64_t id, const char *name, uint32_t flags)
{
    dvs_cell *cells = dvsi_batch_add(b->work->batch, number, flags);
    assert_non_null(cells);
    if (id != 0)
        cells[wanted(&b->f, "id")] = dvsi_cell_int64(id);
    if (name != NULL)
        cells[wanted(&b->f, "Name")] = dvsi_cell_text(name);
}

static void put_error(bench *b, uint64_t number, const char *source_key, const dvs_cell *cells,
                      const char *record, size_t length)
{
    dvs_row_error error = {.struct_size = (uint32_t)sizeof error,
                           .number = number,
                           .source_key = source_key,
                           .field = "Name",
                           .message = "was no good",
                           .record = record,
                           .record_length = length,
                           .cells = cells,
                           .n_cells = b->f.mapping->wanted.n_columns};
    assert_int_equal(dvsi_batch_error_add(b->work->batch, &error), 0);
}

static void put_checkpoint(bench *b)
{
    dvs_checkpoint checkpoint = {.struct_size = (uint32_t)sizeof checkpoint,
                                 .type = DVS_CHECKPOINT_POSITION,
                                 .token = (const uint8_t *)"t",
                                 .token_length = 1};
    assert_int_equal(dvsi_batch_checkpoint_set(b->work->batch, &checkpoint), 0);
}

static void map(bench *b)
{
    assert_int_equal(dvsi_work_map(b->work, b->f.mapping), 0);
}

static void test_empty(void **state)
{
    bench b;
    (void)state;
    open_bench(&b, STREAMS);
    map(&b);
    assert_int_equal(b.work->n_records, 0);
    put_checkpoint(&b);
    map(&b);
    assert_int_equal(b.work->n_records, 0);
    assert_int_equal(b.work->checkpoint_records, 0);
    close_bench(&b);
}

static void test_streaming_record(void **state)
{
    bench b;
    (void)state;
    open_bench(&b, STREAMS);
    put_row(&b, 12, 7, "30", 0);
    b.work->batch->cells[wanted(&b.f, "raw")] = dvsi_cell_json_n("{\"x\":1}", 7);
    map(&b);
    const dvsi_record *r = &b.work->records[0];
    assert_int_equal(b.work->n_errors, 0);
    assert_int_equal(r->number, 12);
    assert_int_equal(r->flags, 0);
    assert_string_equal(r->key, "7");
    assert_int_equal(r->key_length, 1);
    assert_null(r->source_key); /* the key is the source's own */
    assert_int_equal(r->fields[1].v.i64, 30);
    assert_memory_equal(r->raw->v.text, "{\"x\":1}", 7);
    close_bench(&b);
}

static void test_gathering_record(void **state)
{
    bench b;
    (void)state;
    open_bench(&b, GATHERS);
    put_row(&b, 1, 7, "30", 0);
    map(&b);
    assert_string_equal(b.work->records[0].key, "30");
    assert_string_equal(b.work->records[0].source_key, "7");
    close_bench(&b);
}

/* A failed record keeps what is known of its keys, and is kept as received so that it can be mapped again. */
static void test_failed_record(void **state)
{
    bench b;
    dvsi_arena arena = {0};
    dvs_cell cells[8];
    (void)state;
    open_bench(&b, STREAMS);
    put_row(&b, 1, 7, "x", 0);
    put_row(&b, 2, 8, "9", 0);
    b.work->batch->cells[wanted(&b.f, "raw")] = dvsi_cell_json_n("{\"Name\":\"x\"}", 12);
    map(&b);
    const dvsi_record *r = &b.work->records[0];
    const dvsi_record_error *e = &b.work->errors[0];
    assert_int_equal(b.work->n_records, 2);
    assert_int_equal(b.work->n_errors, 1);
    assert_int_equal(b.work->unidentified, 0);
    assert_int_equal(r->flags, DVSI_RECORD_FAILED);
    assert_string_equal(r->key, "7");
    assert_string_equal(e->key, "7");
    assert_string_equal(e->field, "who");
    assert_string_equal(e->message, "is no whole number of 64 bits");
    assert_int_equal(e->record_length, 12); /* as received */
    assert_memory_equal(e->record, "{\"Name\":\"x\"}", 12);
    assert_int_equal(dvsi_mapping_record_parse(b.f.mapping, &arena, e->cells, e->cells_length, cells), 0);
    for (uint32_t c = 0; c < b.f.mapping->wanted.n_columns; c++)
        if ((int32_t)c != b.f.mapping->raw)
            assert_true(dvsi_cell_equal(&cells[c], &r->source[c]));
    assert_int_equal(b.work->records[1].flags, 0);
    dvsi_arena_free(&arena);
    close_bench(&b);
}

/* Streaming: without its key nobody can tell which record failed. Gathering: the source's own key is
 * enough. */
static void test_unidentified(void **state)
{
    bench b;
    (void)state;
    open_bench(&b, STREAMS);
    put_row(&b, 1, 0, "5", 0);
    map(&b);
    assert_int_equal(b.work->unidentified, 1);
    assert_string_equal(b.work->errors[0].message, "the key is missing");
    assert_string_equal(b.work->errors[0].field, "id");
    assert_null(b.work->records[0].key);
    close_bench(&b);
    open_bench(&b, GATHERS);
    put_row(&b, 1, 7, "five", 0);
    put_row(&b, 2, 8, NULL, 0);
    put_row(&b, 3, 0, "5", 0);
    map(&b);
    assert_int_equal(b.work->n_errors, 3);
    assert_int_equal(b.work->unidentified, 1);
    assert_string_equal(b.work->records[0].source_key, "7");
    assert_string_equal(b.work->records[1].source_key, "8");
    assert_null(b.work->records[0].key);
    assert_string_equal(b.work->records[2].key, "5");
    assert_null(b.work->records[2].source_key);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b.work->records[i].flags, DVSI_RECORD_FAILED);
    close_bench(&b);
}

static void test_tombstones(void **state)
{
    bench b;
    (void)state;
    open_bench(&b, STREAMS);
    put_row(&b, 1, 7, NULL, DVS_ROW_TOMBSTONE);
    put_row(&b, 2, 0, NULL, DVS_ROW_TOMBSTONE);
    map(&b);
    assert_int_equal(b.work->records[0].flags, DVSI_RECORD_TOMBSTONE);
    assert_string_equal(b.work->records[0].key, "7");
    assert_int_equal(b.work->n_errors, 1);
    assert_string_equal(b.work->errors[0].message, "the key of a deleted record cannot be told");
    assert_true((b.work->records[1].flags & DVSI_RECORD_FAILED) != 0);
    assert_int_equal(b.work->unidentified, 1);
    close_bench(&b);
    open_bench(&b, GATHERS); /* the entity's key is not in it: the offer will tell */
    put_row(&b, 1, 7, NULL, DVS_ROW_TOMBSTONE);
    map(&b);
    assert_int_equal(b.work->n_errors, 0);
    assert_string_equal(b.work->records[0].source_key, "7");
    assert_null(b.work->records[0].key);
    close_bench(&b);
}

/* What the plugin itself could not turn into a row. */
static void test_errors_of_the_source(void **state)
{
    bench b;
    dvs_cell cells[8] = {{0}};
    (void)state;
    open_bench(&b, STREAMS);
    cells[wanted(&b.f, "id")] = dvsi_cell_int64(7);
    put_error(&b, 3, NULL, cells, "a,b\xff", 4);
    put_error(&b, 4, NULL, NULL, NULL, 0);
    map(&b);
    assert_int_equal(b.work->n_records, 2);
    assert_int_equal(b.work->unidentified, 1);
    assert_string_equal(b.work->records[0].key, "7");
    assert_int_equal(b.work->records[0].flags, DVSI_RECORD_FAILED);
    assert_string_equal(b.work->errors[0].key, "7");
    assert_string_equal(b.work->errors[0].field, "Name");
    assert_string_equal(b.work->errors[0].message, "was no good");
    assert_int_equal(b.work->errors[0].number, 3);
    assert_non_null(b.work->errors[0].record); /* any bytes came, valid UTF-8 is kept */
    assert_null(memchr(b.work->errors[0].record, 0xff, b.work->errors[0].record_length));
    assert_memory_equal(b.work->errors[0].record, "a,b", 3);
    assert_null(b.work->errors[1].record);
    assert_null(b.work->records[1].key);
    close_bench(&b);
    open_bench(&b, GATHERS);
    put_error(&b, 4, "k9", NULL, NULL, 0);
    map(&b);
    assert_int_equal(b.work->n_errors, 1);
    assert_string_equal(b.work->errors[0].source_key, "k9");
    close_bench(&b);
}

/* Random batches: every row and every error becomes one record, failed ones have one error each, the rows
 * stay in order, and the checkpoint covers exactly what was put before it. */
static void test_random(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        bench b;
        uint32_t n_put = 0;
        uint32_t n_bad = 0;
        uint32_t n_unknown = 0;
        uint32_t n_rows = 0;
        uint32_t at = UINT32_MAX;
        uint32_t steps = (uint32_t)random_below(40);
        uint32_t checkpoint = (uint32_t)random_below(60);
        open_bench(&b, STREAMS);
        for (uint32_t i = 0; i < steps; i++) {
            if (i == checkpoint) {
                put_checkpoint(&b);
                at = n_put;
            }
            n_put++;
            switch (random_below(6)) {
            case 0:
                put_error(&b, i + 1, NULL, NULL, "x", 1);
                n_bad++, n_unknown++;
                break;
            case 1:
                put_row(&b, i + 1, (int64_t)i + 1, "bad", 0);
                n_bad++, n_rows++;
                break;
            case 2:
                put_row(&b, i + 1, 0, "1", 0);
                n_bad++, n_unknown++, n_rows++;
                break;
            case 3:
                put_row(&b, i + 1, (int64_t)i + 1, NULL, DVS_ROW_TOMBSTONE);
                n_rows++;
                break;
            default:
                put_row(&b, i + 1, (int64_t)i + 1, "12", 0);
                n_rows++;
                break;
            }
        }
        if (steps == checkpoint) {
            put_checkpoint(&b);
            at = n_put;
        }
        map(&b);
        assert_int_equal(b.work->n_records, n_put);
        assert_int_equal(b.work->n_errors, n_bad);
        assert_int_equal(b.work->unidentified, n_unknown);
        uint32_t n_failed = 0;
        uint64_t last = 0;
        uint8_t there[64] = {0};
        for (uint32_t i = 0; i < b.work->n_records; i++) {
            const dvsi_record *r = &b.work->records[i];
            n_failed += (r->flags & DVSI_RECORD_FAILED) != 0;
            assert_int_equal(there[r->number], 0); /* each once */
            there[r->number] = 1;
            if (r->source != NULL) {
                assert_true(r->number > last);
                last = r->number;
            }
            if (at != UINT32_MAX && r->source != NULL) /* rows: before the checkpoint if put before it */
                assert_int_equal(r->number <= at, i < b.work->checkpoint_records);
        }
        assert_int_equal(n_failed, n_bad);
        if (at != UINT32_MAX)
            assert_true(b.work->checkpoint_records >= at);
        else
            assert_int_equal(b.work->checkpoint_records, 0);
        close_bench(&b);
    }
}

/* A work is used over and over: nothing of the batch before shows in the next one. */
static void test_reuse(void **state)
{
    bench b;
    (void)state;
    open_bench(&b, STREAMS);
    for (int round = 0; round < 3; round++) {
        put_row(&b, 1, 0, "5", 0);
        put_error(&b, 2, NULL, NULL, "x", 1);
        put_checkpoint(&b);
        map(&b);
        assert_int_equal(b.work->n_errors, 2);
        assert_int_equal(b.work->checkpoint_records, 2);
        assert_true(dvsi_work_bytes(b.work) > 0);
        dvsi_batch_reset(b.work->batch, b.f.mapping->wanted.n_columns);
        put_row(&b, 1, 1, "5", 0);
        map(&b);
        assert_int_equal(b.work->n_records, 1);
        assert_int_equal(b.work->n_errors, 0);
        assert_int_equal(b.work->unidentified, 0);
        assert_int_equal(b.work->checkpoint_records, 0);
        dvsi_batch_reset(b.work->batch, b.f.mapping->wanted.n_columns);
    }
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_streaming_record),
        cmocka_unit_test(test_gathering_record),
        cmocka_unit_test(test_failed_record),
        cmocka_unit_test(test_unidentified),
        cmocka_unit_test(test_tombstones),
        cmocka_unit_test(test_errors_of_the_source),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_reuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
