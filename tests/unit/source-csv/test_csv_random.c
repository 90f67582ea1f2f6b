/*
 * A random table, written as CSV in a random but right manner, reads back equal: with the buffer that ships
 * and with the tiny one, in batches of any size, and from every position on which a read can stop.
 */
#include "csv_fixture.h"

#define MAX_ROWS 40
#define MAX_COLUMNS 6
#define MAX_CELL 60

typedef struct cell {
    int is_null;
    char text[MAX_CELL * 4 + 1];
} cell;

typedef struct table {
    uint32_t n_rows;
    uint32_t n_columns;
    char delimiter;
    int has_header;
    cell cells[MAX_ROWS][MAX_COLUMNS];
} table;

static uint64_t random_state;
static uint64_t last_seed; /* DVSYNC_SEED=N runs one table alone */

static uint32_t roll(uint32_t sides)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = random_state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ (x >> 31)) >> 33) % sides;
}

static void make_cell(cell *c)
{
    static const char *const pieces[] = {"a",  "b",    "7",  " ",    ",",   ";", "\t",
                                         "\"", "\"\"", "\n", "\r\n", "\r",  "'", "\\",
                                         "ä",  "日",   "😀",  "null", "x,y", "{", "\x01"};
    c->text[0] = '\0';
    c->is_null = roll(8) == 0;
    if (c->is_null)
        return;
    /* Now and then longer than many buffers. */
    uint32_t n = roll(4) == 0 ? roll(MAX_CELL) : roll(6);
    for (uint32_t i = 0; i < n; i++)
        strcat(c->text, pieces[roll(sizeof pieces / sizeof *pieces)]);
}

static void make_table(table *t)
{
    static const char delimiters[] = ",;\t|";
    t->n_rows = roll(MAX_ROWS + 1);
    t->n_columns = 1 + roll(MAX_COLUMNS);
    t->delimiter = delimiters[roll(4)];
    t->has_header = t->n_rows == 0 || roll(4) != 0;
    for (uint32_t r = 0; r < t->n_rows; r++) {
        for (uint32_t c = 0; c < t->n_columns; c++)
            make_cell(&t->cells[r][c]);
    }
}

static void write_cell(const table *t, const cell *c, int is_last, dvsi_buf *out)
{
    /* What must be quoted: the empty text, a quote in front, separators, and a CR that would join the line
     * end. */
    int must = c->text[0] == '\0' || c->text[0] == '"' || strchr(c->text, t->delimiter) != NULL ||
               strchr(c->text, '\n') != NULL || (is_last && c->text[strlen(c->text) - 1] == '\r');
    if (c->is_null)
        return;
    if (!must && roll(2) == 0) {
        dvsi_buf_puts(out, c->text);
        return;
    }
    dvsi_buf_putc(out, '"');
    for (const char *p = c->text; *p != '\0'; p++) {
        if (*p == '"')
            dvsi_buf_putc(out, '"');
        dvsi_buf_putc(out, *p);
    }
    dvsi_buf_putc(out, '"');
}

static void write_table(csv_fixture *f, const table *t)
{
    dvsi_buf out = {0};
    if (roll(4) == 0)
        dvsi_buf_puts(&out, "\xef\xbb\xbf");
    for (uint32_t c = 0; t->has_header && c < t->n_columns; c++)
        dvsi_buf_printf(&out, "%.*sc%u", c > 0, &t->delimiter, c + 1);
    if (t->has_header)
        dvsi_buf_puts(&out, roll(2) ? "\n" : "\r\n");
    for (uint32_t r = 0; r < t->n_rows; r++) {
        size_t start = out.length;
        for (uint32_t c = 0; c < t->n_columns; c++) {
            if (c > 0)
                dvsi_buf_putc(&out, t->delimiter);
            write_cell(t, &t->cells[r][c], c + 1 == t->n_columns, &out);
        }
        /* The last line end may be missing, but not that of a record of nothing at all. */
        if (r + 1 < t->n_rows || out.length == start || roll(2))
            dvsi_buf_puts(&out, roll(2) ? "\n" : "\r\n");
        if (t->n_columns > 1 && r + 1 < t->n_rows && roll(10) == 0)
            dvsi_buf_puts(&out, "\n");
    }
    assert_false(out.failed);
    write_file(f, "t.csv", dvsi_buf_text(&out), out.length);
    dvsi_buf_free(&out);
}

static void check_batch(const table *t, const dvsi_batch *batch, uint32_t *row)
{
    assert_null(batch->errors);
    for (uint32_t r = 0; r < batch->n_rows; r++, (*row)++) {
        const dvs_cell *cells = dvsi_batch_cells(batch, r);
        assert_true(*row < t->n_rows);
        for (uint32_t c = 0; c < t->n_columns; c++) {
            const cell *expected = &t->cells[*row][c];
            if (expected->is_null) {
                assert_int_equal(cells[c].kind, DVS_NULL);
                continue;
            }
            assert_int_equal(cells[c].kind, DVS_TEXT);
            assert_int_equal(cells[c].length, strlen(expected->text));
            assert_memory_equal(cells[c].v.text, expected->text, cells[c].length);
        }
    }
}

typedef struct stop {
    token position;
    uint32_t row;
} stop;

/* Reads from `from` (NULL: the beginning), checks every row, collects the positions. */
static size_t read_table(csv_fixture *f, int plugin, const table *t, uint32_t max_rows, const stop *from,
                         stop *stops, size_t capacity)
{
    dvs_error err = DVS_ERROR_INIT;
    dvsi_source *source = open_source(f, plugin);
    dvsi_schema schema = {0};
    dvsi_progress progress = {0};
    dvsi_reader *reader = NULL;
    uint32_t row = from == NULL ? 0 : from->row;
    size_t n_stops = 0;
    int32_t status;
    assert_int_equal(get_schema(source, "t", 0, &schema, &err), DVS_OK);
    assert_int_equal(schema.n_columns, t->n_columns);
    status =
        start_read(source, "t", &schema, from == NULL ? NULL : &from->position, &progress, &reader, &err);
    if (status != DVS_OK)
        fail_msg("start: %s", err.message);
    dvsi_batch *batch = dvsi_batch_new(schema.n_columns);
    assert_non_null(batch);
    do {
        dvsi_batch_reset(batch, schema.n_columns);
        batch->max_rows = max_rows;
        status = dvsi_reader_pull(reader, batch, &err);
        if (status >= DVS_E_BASE)
            fail_msg("pull: %s", err.message);
        check_batch(t, batch, &row);
        if (status == DVS_OK && n_stops < capacity) {
            take_position(batch, &stops[n_stops].position);
            stops[n_stops++].row = row;
        }
    } while (status == DVS_OK);
    assert_int_equal(row, t->n_rows);
    assert_true(progress.done == progress.total);
    dvsi_batch_free(batch);
    dvsi_reader_stop(reader);
    dvsi_schema_free(&schema);
    dvsi_source_close(source);
    return n_stops;
}

static void test_random_tables(void **state)
{
    csv_fixture *f = *state;
    table *t = calloc(1, sizeof *t);
    stop *stops = calloc(MAX_ROWS + 1, sizeof *stops);
    const char *seed = getenv("DVSYNC_SEED");
    uint64_t first = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    assert_non_null(t);
    assert_non_null(stops);
    for (uint64_t i = first; i < first + (seed == NULL ? 400 : 1); i++) {
        last_seed = i;
        random_state = i * 1000003;
        make_table(t);
        write_table(f, t);
        const char delimiter[2] = {t->delimiter, '\0'};
        set_path(f, f->path);
        set_text(f, "delimiter", delimiter);
        set_bool(f, "header", t->has_header);
        for (int plugin = 0; plugin < 2; plugin++) {
            (void)read_table(f, plugin, t, 1000, NULL, stops, 0);
            size_t n = read_table(f, plugin, t, 1 + roll(3), NULL, stops, MAX_ROWS + 1);
            for (size_t s = 0; s < n; s++)
                (void)read_table(f, plugin, t, 1000, &stops[s], stops, 0);
        }
    }
    free(stops);
    free(t);
}

/* Any bytes at all: no crash, and both buffers find the same rows and errors. */
static void test_random_bytes(void **state)
{
    static const char alphabet[] = "ab,\"\"\n\r,\"1\n\x80\xc3\xa4\0";
    csv_fixture *f = *state;
    char data[400];
    for (uint64_t i = 1; i <= 1500; i++) {
        dvs_error errors[2] = {DVS_ERROR_INIT, DVS_ERROR_INIT};
        dvsi_buf out[2] = {{0}, {0}};
        int32_t status[2];
        last_seed = i;
        random_state = i * 7919;
        size_t n = roll(sizeof data);
        memcpy(data, "a,b\n", 4);
        for (size_t k = roll(8) == 0 ? 0 : 4; k < n; k++)
            data[k] = alphabet[roll(sizeof alphabet)];
        write_file(f, "t.csv", data, n);
        set_path(f, f->path);
        for (int plugin = 0; plugin < 2; plugin++)
            status[plugin] = read_all(f, plugin, "t", 1, 1 + roll(9), NULL, &out[plugin], &errors[plugin]);
        assert_int_equal(status[0], status[1]);
        assert_string_equal(errors[0].message, errors[1].message);
        assert_string_equal(dvsi_buf_text(&out[0]), dvsi_buf_text(&out[1]));
        dvsi_buf_free(&out[0]);
        dvsi_buf_free(&out[1]);
    }
}

static int print_seed(void **state)
{
    (void)state;
    print_message("last seed: %llu\n", (unsigned long long)last_seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_random_tables, print_seed),
                                       cmocka_unit_test_teardown(test_random_bytes, print_seed)};
    return cmocka_run_group_tests(tests, csv_setup, csv_teardown);
}
