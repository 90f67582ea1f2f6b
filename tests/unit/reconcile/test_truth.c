/*
 * The truth table of core/reconcile, tests/data/reconcile/truth.txt, whose head explains its columns: every
 * line is played through the three steps of merge.h, and what comes of it is written down in the words of the
 * table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "data/cell.h"
#include "reconcile/merge.h"

#define TABLE TEST_DATA "/reconcile/truth.txt"
#define WORD 512

enum { AUTHORITY, OP, SOURCES, OFFERS, SINK, DONE, VALUE, CONFLICTS, LINEAGE, WHY, N_COLUMNS };

static const char *const authorities[] = {"source_of_truth", "reference", "derived"};
static const char *const ops[] = {"create", "update", "delete", "revive"};
static const char *const sources[] = {"one", "priority", "equal"};
static const char *const fields[] = {"f", "d"};
static const uint32_t positions[] = {2, 0}; /* in sync_hash: in no order */

/* One line at work. The field in question is 0 ("f"), of the authority "derived" it is 1 ("d"). */
typedef struct game {
    dvsi_arena arena;
    uint8_t says[2][2];
    uint8_t null_wins[2][2];
    dvsi_voice voices[2];
    dvsi_policy policy;
    dvs_cell offered[2][2];
    dvsi_said said[2];
    uint32_t n_said;
    dvs_cell row[2];
    dvsi_buf hash;
    dvsi_stored stored;
    dvsi_pin pin;
    uint32_t n_pins;
    uint32_t field;
    dvsi_merged merged;
} game;

static dvs_cell cell_of(game *g, const char *text, size_t length)
{
    if (length == 4 && memcmp(text, "NULL", 4) == 0)
        return dvsi_cell_null();
    if (length == 1 && *text == '-')
        return (dvs_cell){0};
    char *copy = dvsi_arena_copy(&g->arena, text, length);
    assert_non_null(copy);
    return dvsi_cell_text_n(copy, length);
}

static dvs_cell word_of(game *g, const char *text)
{
    return cell_of(g, text, strcspn(text, " "));
}

/* What `d` is computed to. */
static dvs_cell derived(game *g, const dvs_cell *f)
{
    if (f->kind != DVS_TEXT)
        return dvsi_cell_null();
    char *text = dvsi_arena_printf(&g->arena, "%.*s!", (int)f->length, f->v.text);
    assert_non_null(text);
    return dvsi_cell_text(text);
}

static uint8_t authority_of(const char *text, char voice)
{
    const char *own = strchr(text, ':') != NULL ? strchr(text, voice) : text;
    assert_non_null(own);
    if (own != text || text[1] == ':')
        own += 2; /* "a:" */
    if (*own == '-')
        return DVSI_SAYS_NOTHING;
    return strncmp(own, "reference", strlen("reference")) == 0 ? DVSI_SAYS_REFERENCE : DVSI_SAYS_TRUTH;
}

static void take_rules(game *g, char *const *line)
{
    const char *options = line[SOURCES];
    const char *only = strstr(options, "records_from=");
    const char *pin = strstr(options, "pin=");
    int is_equal = strncmp(options, "equal", 5) == 0;
    g->field = strcmp(line[AUTHORITY], "derived") == 0;
    for (uint32_t v = 0; v < 2; v++) {
        g->says[v][0] = v == 0 || strncmp(options, "one", 3) != 0
                            ? authority_of(line[AUTHORITY], (char)('a' + (int)v))
                            : DVSI_SAYS_NOTHING;
        g->null_wins[v][0] = strstr(options, "null_wins") != NULL;
        g->voices[v] = (dvsi_voice){.priority = v == 0 && !is_equal ? 10 : 5,
                                    .listed = v,
                                    .decides = only == NULL ||
                                               strchr(only + strlen("records_from="), 'a' + (int)v) != NULL,
                                    .says = g->says[v],
                                    .null_wins = g->null_wins[v]};
    }
    g->policy = (dvsi_policy){.voices = g->voices,
                              .n_voices = strncmp(options, "one", 3) == 0 ? 1 : 2,
                              .n_fields = g->field + 1,
                              .n_plain = 1,
                              .force = strstr(options, "force") != NULL,
                              .positions = positions};
    if (pin != NULL) {
        g->pin = (dvsi_pin){.field = g->field, .value = word_of(g, pin + strlen("pin="))};
        g->n_pins = 1;
    }
}

static void take_offers(game *g, const char *text)
{
    if (strcmp(text, "none") == 0)
        return;
    for (const char *at = text; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " ")) {
        uint32_t voice = (uint32_t)(*at - 'a');
        assert_true(voice < 2 && at[1] == '=');
        g->offered[voice][0] = word_of(g, at + 2);
        g->said[g->n_said++] = (dvsi_said){.voice = voice, .fields = g->offered[voice]};
    }
}

static void take_sink(game *g, const char *text)
{
    dvsi_buf scratch = {0};
    if (strcmp(text, "-") == 0)
        return;
    g->stored.deleted = *text == '~';
    text += g->stored.deleted;
    size_t n = strcspn(text, ">");
    int is_ours = n != 0;
    dvs_cell written = is_ours ? cell_of(g, text, n) : dvsi_cell_null();
    g->row[g->field] = text[n] == '>' ? word_of(g, text + n + 1) : written;
    if (g->field == 1) /* what d was computed of, or A */
        g->row[0] = is_ours && written.kind == DVS_TEXT ? cell_of(g, text, n - 1) : dvsi_cell_text("A");
    if (is_ours)
        dvsi_sync_hash_put(&g->hash, positions[g->field], &written, &scratch);
    if (is_ours && g->field == 1)
        dvsi_sync_hash_put(&g->hash, positions[0], &g->row[0], &scratch);
    assert_false(g->hash.failed || scratch.failed);
    dvsi_buf_free(&scratch);
    g->stored.fields = g->row;
    g->stored.sync_hash = (const uint8_t *)dvsi_buf_text(&g->hash);
    g->stored.hash_length = g->hash.length;
}

static void play(game *g)
{
    assert_int_equal(dvsi_merge_offers(&g->policy, g->said, g->n_said, &g->arena, &g->merged), 0);
    dvsi_merge_record(&g->policy, g->said, &g->stored, &g->pin, g->n_pins, &g->merged);
    for (uint32_t f = 0; f <= g->field && !g->merged.exists; f++)
        assert_int_equal(g->merged.fields[f].kind, DVS_ABSENT);
    if (g->field == 1 && g->merged.exists && g->merged.from[1] != DVSI_VOICE_PIN)
        g->merged.fields[1] = derived(g, &g->merged.whole[0]);
    assert_int_equal(dvsi_merge_compare(&g->policy, g->said, &g->stored, &g->arena, &g->merged), 0);
}

/* ---- What came of it, in the words of the table ---- */

static void put_value(dvsi_buf *out, const dvs_cell *cell)
{
    if (cell->kind == DVS_TEXT)
        dvsi_buf_add(out, cell->v.text, cell->length);
    else
        dvsi_buf_puts(out, cell->kind == DVS_NULL ? "NULL" : "ABSENT");
}

static const char *voice_name(uint32_t voice)
{
    static const char *const names[] = {"a", "b"};
    switch (voice) {
    case DVSI_VOICE_NONE:
        return "-";
    case DVSI_VOICE_SINK:
        return "sink";
    case DVSI_VOICE_PIN:
        return "pin";
    default:
        assert_true(voice < 2);
        return names[voice];
    }
}

static void tell_value(const game *g, dvsi_buf *out)
{
    if (g->merged.exists)
        put_value(out, &g->merged.whole[g->field]);
    else if (g->stored.fields != NULL)
        put_value(out, &g->stored.fields[g->field]);
    else
        dvsi_buf_puts(out, "-");
}

static void tell_conflicts(const game *g, dvsi_buf *out)
{
    for (uint32_t i = 0; i < g->merged.n_clashes; i++) {
        const dvsi_clash *clash = &g->merged.clashes[i];
        assert_int_equal(clash->field, clash->kind == DVSI_LOCAL_EDIT ? g->field : 0);
        dvsi_buf_printf(out, "%s%s %s=", i != 0 ? "; " : "",
                        clash->kind == DVSI_LOCAL_EDIT ? "local_edit" : "field_differs",
                        voice_name(clash->winner));
        put_value(out, &clash->winner_value);
        dvsi_buf_printf(out, " %s=", voice_name(clash->loser));
        put_value(out, &clash->loser_value);
        dvsi_buf_printf(out, " %s", clash->rule);
    }
    if (g->merged.n_clashes == 0)
        dvsi_buf_puts(out, "-");
}

static int is_foreign(const dvsi_merged *merged, uint32_t field)
{
    return merged->from[field] != merged->voice && merged->from[field] != DVSI_VOICE_NONE &&
           merged->from[field] != DVSI_VOICE_SINK;
}

static void tell_lineage(const game *g, dvsi_buf *out)
{
    const dvsi_merged *merged = &g->merged;
    if (merged->op == DVSI_OP_NONE) {
        dvsi_buf_puts(out, "-");
        return;
    }
    dvsi_buf_puts(out, dvsi_op_name(merged->op));
    if (merged->op == DVSI_OP_DELETE)
        return;
    dvsi_buf_printf(out, " %s", voice_name(merged->voice));
    for (uint32_t i = 0; i < merged->n_changed; i++) {
        uint32_t field = merged->changed[i];
        if (is_foreign(merged, field))
            dvsi_buf_printf(out, " %s<%s", fields[field], voice_name(merged->from[field]));
        else if (merged->op != DVSI_OP_CREATE)
            dvsi_buf_printf(out, " %s", fields[field]);
    }
}

static int differs(const char *line, const char *what, const dvsi_buf *found, const char *expected)
{
    if (strcmp(dvsi_buf_text(found), expected) == 0)
        return 0;
    print_error("%s\n    %s: %s, expected %s\n", line, what, dvsi_buf_text(found), expected);
    return 1;
}

static int check(const char *line, char *const *columns)
{
    game g = {0};
    dvsi_buf found[4] = {{0}};
    take_rules(&g, columns);
    take_offers(&g, columns[OFFERS]);
    take_sink(&g, columns[SINK]);
    play(&g);
    dvsi_buf_puts(&found[0], g.merged.op != DVSI_OP_NONE ? dvsi_op_name(g.merged.op) : "none");
    tell_value(&g, &found[1]);
    tell_conflicts(&g, &found[2]);
    tell_lineage(&g, &found[3]);
    int wrong = differs(line, "op", &found[0], columns[DONE]);
    wrong |= differs(line, "value", &found[1], columns[VALUE]);
    wrong |= differs(line, "conflicts", &found[2], columns[CONFLICTS]);
    wrong |= differs(line, "lineage", &found[3], columns[LINEAGE]);
    for (size_t i = 0; i < sizeof found / sizeof *found; i++)
        dvsi_buf_free(&found[i]);
    dvsi_buf_free(&g.hash);
    dvsi_arena_free(&g.arena);
    return wrong;
}

/* ---- The table ---- */

/* Cuts a line at its bars; 0 when it has as many columns as it should. */
static int cut(char *line, char **columns)
{
    uint32_t n = 0;
    for (char *at = line; at != NULL && n < N_COLUMNS;) {
        char *bar = strchr(at, '|');
        char *end = bar != NULL ? bar : at + strlen(at);
        columns[n++] = at + strspn(at, " ");
        at = bar != NULL ? bar + 1 + (bar[1] == '|') : NULL;
        while (end > columns[n - 1] && end[-1] == ' ')
            end--;
        *end = '\0';
    }
    return n == N_COLUMNS && *columns[WHY] != '\0' ? 0 : -1;
}

static size_t place(const char *word, const char *const *words, size_t n)
{
    size_t i = 0;
    while (i < n && strcmp(word, words[i]) != 0)
        i++;
    return i;
}

/* Which of the cases that must be there this line is. */
static void note(char *const *columns, uint8_t seen[3][4][3])
{
    size_t authority = place(columns[AUTHORITY], authorities, 3);
    size_t op = place(columns[OP], ops, 4);
    size_t n_sources = place(columns[SOURCES], sources, 3);
    int is_none = strcmp(columns[OFFERS], "none") == 0;
    int is_null = strncmp(is_none ? columns[SINK] : columns[OFFERS] + 2, "NULL", 4) == 0;
    int is_edited = strchr(columns[SINK], '>') != NULL;
    if (authority < 3 && op < 4 && n_sources < 3)
        seen[authority][op][n_sources] |= (uint8_t)(1 << (is_null + 2 * is_edited));
}

static void test_table(void **state)
{
    char line[4 * WORD];
    char whole[4 * WORD];
    char *columns[N_COLUMNS];
    uint8_t seen[3][4][3] = {{{0}}};
    int wrong = 0;
    (void)state;
    FILE *file = fopen(TABLE, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (*line == '#' || *line == '\0')
            continue;
        memcpy(whole, line, sizeof whole);
        if (cut(line, columns) != 0) {
            print_error("%s\n    has not its ten columns\n", whole);
            wrong++;
            continue;
        }
        note(columns, seen);
        wrong += check(whole, columns);
    }
    fclose(file);
    for (size_t a = 0; a < 3; a++)
        for (size_t o = 0; o < 4; o++)
            for (size_t s = 0; s < 3; s++)
                if (seen[a][o][s] != 15) {
                    print_error("%s, %s, %s: a case is missing\n", authorities[a], ops[o], sources[s]);
                    wrong++;
                }
    assert_int_equal(wrong, 0);
}

/* ---- What the table cannot say ---- */

/* A reference field that stands as offered, and was never written by us, counts as written from now on. */
static void test_claimed(void **state)
{
    static const struct {
        const char *offer;
        const char *sink;
        uint32_t claimed;
    } cases[] = {{"a=A", ">A", 1}, {"a=NULL", ">NULL", 1}, {"a=A", "A", 0}, {"a=A", ">B", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *const columns[N_COLUMNS] = {[AUTHORITY] = (char[]){"reference"}, [SOURCES] = (char[]){"one"}};
        game g = {0};
        take_rules(&g, columns);
        take_offers(&g, cases[i].offer);
        take_sink(&g, cases[i].sink);
        play(&g);
        assert_int_equal(g.merged.n_claimed, cases[i].claimed);
        dvsi_buf_free(&g.hash);
        dvsi_arena_free(&g.arena);
    }
}

static void test_lineage_json(void **state)
{
    static const char *const names[] = {"n", "p", "q", "r"};
    static const dvsi_origin own = {"crm", "accounts", NULL};
    const dvsi_origin origins[] = {{NULL, NULL, NULL},
                                   {"sheet", "partners", "tel"},
                                   {"sheet", "accounts", NULL},
                                   {"crm", "accounts", "r"}};
    const dvs_cell before[] = {dvsi_cell_text("a"), dvsi_cell_null(), dvsi_cell_int64(1),
                               dvsi_cell_text("x")};
    const dvs_cell after[] = {dvsi_cell_text("b"), dvsi_cell_text("1"), dvsi_cell_int64(2),
                              dvsi_cell_text("y")};
    const uint32_t changed[] = {0, 1, 2, 3};
    dvsi_buf out = {0};
    (void)state;
    dvsi_lineage_update(&out, names, before, after, changed, 4, &own, origins);
    assert_string_equal(dvsi_buf_text(&out), "{\"n\":{\"old\":\"a\",\"new\":\"b\"},"
                                             "\"p\":{\"old\":null,\"new\":\"1\",\"source\":\"sheet\","
                                             "\"source_entity\":\"partners\",\"from\":\"tel\"},"
                                             "\"q\":{\"old\":1,\"new\":2,\"source\":\"sheet\"},"
                                             "\"r\":{\"old\":\"x\",\"new\":\"y\"}}");
    dvsi_buf_clear(&out);
    assert_int_equal(dvsi_lineage_create(&out, names, 4, &own, origins), 2);
    assert_string_equal(dvsi_buf_text(&out),
                        "{\"p\":{\"source\":\"sheet\",\"source_entity\":\"partners\",\"from\":\"tel\"},"
                        "\"q\":{\"source\":\"sheet\"}}");
    dvsi_buf_clear(&out);
    assert_int_equal(dvsi_lineage_create(&out, names, 1, &own, origins), 0);
    assert_int_equal(dvsi_lineage_create(&out, names, 4, &own, NULL), 0);
    assert_int_equal(out.length, 0);
    dvsi_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_claimed),
        cmocka_unit_test(test_lineage_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
