/* From a project's `from` entry and a source's columns to a mapping: fields, keys, what is new or gone,
 * errors. */
#include "map_fixture.h"

static void test_short_form_takes_everything(void **state)
{
    fixture f;
    (void)state;
    usual(&f, "  - people\n");
    must_build(&f);
    fields_are(&f, "id:int64=id Name:text=Name born:date=born seq:int64=seq changed:timestamp=changed");
    assert_int_equal(f.mapping->n_key, 1);
    assert_int_equal(f.mapping->key[0], 0);
    assert_int_equal(f.mapping->fields[0].key_position, 1);
    assert_int_equal(f.mapping->own_key, 1);
    assert_int_equal(f.mapping->raw, wanted(&f, "raw"));
    assert_int_equal(f.mapping->version, wanted(&f, "seq"));
    assert_int_equal(f.mapping->modified, wanted(&f, "changed"));
    assert_int_equal(f.mapping->n_all_columns, 5); /* the raw one aside */
    assert_int_equal(f.mapping->n_new_columns, 0);
    close_fixture(&f);
}

/* The columns behind the mapping are read even when they are no fields; nothing else is. */
static void test_renames_and_helpers(void **state)
{
    fixture f;
    (void)state;
    usual(&f, "  - name: people\n    keep_raw: false\n    from: [{source: crm, entity: p, fields: {nr: ID, "
              "who: name}}]\n");
    must_build(&f);
    fields_are(&f, "nr:int64=id who:text=Name"); /* columns are found without regard to case */
    assert_string_equal(f.mapping->fields[0].from, "id");
    assert_int_equal(f.mapping->own_key, 1);
    assert_int_equal(f.mapping->raw, -1);
    assert_int_equal(f.mapping->wanted.n_columns, 4); /* id, Name, seq, changed */
    assert_true(dvsi_schema_find(&f.mapping->wanted, "born") < 0);
    assert_true(dvsi_schema_find(&f.mapping->wanted, "raw") < 0);
    assert_int_equal(f.mapping->version, wanted(&f, "seq"));
    close_fixture(&f);
}

static void test_star_with_exceptions_and_overrides(void **state)
{
    fixture f;
    (void)state;
    usual(
        &f,
        "  - name: people\n    from:\n      - source: crm\n        entity: p\n"
        "        fields: {\"*\": true, BORN: false, name: {from: born, type: text}, kind: {static: person}, "
        "again: Name}\n");
    must_build(&f);
    fields_are(
        &f, "id:int64=id seq:int64=seq changed:timestamp=changed name:text=born kind:text! again:text=Name");
    assert_int_equal(f.mapping->fields[3].explicit_type, 1);
    assert_int_equal(f.mapping->fields[0].explicit_type, 0);
    close_fixture(&f);
}

static void test_typed_static(void **state)
{
    fixture f;
    dvs_cell out[8];
    dvs_cell in[8] = {{0}};
    dvsi_arena arena = {0};
    dvsi_map_error error;
    (void)state;
    usual(&f, "  - name: people\n    from:\n      - source: crm\n        entity: p\n"
              "        fields: {id: id, a: {static: '12.50', type: decimal}, b: {static: 7, type: int64}, "
              "c: {static: '2024-01-01T01:00:00+01:00', type: timestamp}, d: {static: ''}}\n");
    must_build(&f);
    in[wanted(&f, "id")] = dvsi_cell_int64(1);
    assert_int_equal(dvsi_mapping_apply(f.mapping, in, &arena, out, &error), 0);
    assert_int_equal(out[1].kind, DVS_DECIMAL);
    assert_int_equal(out[1].length, 4);
    assert_memory_equal(out[1].v.text, "12.5", 4);
    assert_int_equal(out[2].kind, DVS_INT64);
    assert_int_equal(out[2].v.i64, 7);
    assert_int_equal(out[3].kind, DVS_TIMESTAMP);
    assert_int_equal(out[3].v.i64, INT64_C(1704067200000000));
    assert_int_equal(out[4].kind, DVS_TEXT);
    assert_int_equal(out[4].length, 0);
    dvsi_arena_free(&arena);
    close_fixture(&f);
}

static void test_missing_column(void **state)
{
    fixture f;
    (void)state;
    usual(&f, "  - name: people\n    from:\n      - source: crm\n        entity: p\n"
              "        fields:\n          id: id\n          who: Nme\n");
    refused(&f,
            "/tmp/p.yml:11:16: stream \"p\" of source \"crm\" has no column \"Nme\"; did you mean \"Name\"?");
    usual(&f, "  - name: people\n    from:\n      - source: crm\n        entity: p\n"
              "        fields:\n          id: id\n          who: zzzzzzzz\n");
    refused(&f, "/tmp/p.yml:11:16: stream \"p\" of source \"crm\" has no column \"zzzzzzzz\"");
}

/* What an earlier run saw and is gone stays a field without a value; what is new stays out of "*". */
static void test_gone_and_new(void **state)
{
    static const char *const known[] = {"ID", "Name", "lost", "seq"};
    fixture f;
    dvs_cell out[8];
    dvs_cell in[8] = {{0}};
    dvsi_arena arena = {0};
    dvsi_map_error error;
    (void)state;
    usual(&f, "  - name: people\n    from:\n      - source: crm\n        entity: p\n"
              "        fields: {\"*\": true, was: LOST, then: {from: lost, type: date}}\n");
    f.known = (dvsi_known_columns){known, 4};
    must_build(&f);
    fields_are(&f, "id:int64=id Name:text=Name seq:int64=seq was:text? then:date?");
    assert_int_equal(f.mapping->n_gone_columns, 2);
    assert_string_equal(f.mapping->gone_columns[0], "LOST");
    assert_int_equal(f.mapping->n_new_columns, 2);
    assert_string_equal(f.mapping->new_columns[0], "born");
    assert_string_equal(f.mapping->new_columns[1], "changed");
    assert_int_equal(f.mapping->modified, wanted(&f, "changed")); /* read, though no field */
    in[wanted(&f, "id")] = dvsi_cell_int64(1);
    in[wanted(&f, "Name")] = dvsi_cell_null();
    assert_int_equal(dvsi_mapping_apply(f.mapping, in, &arena, out, &error), 0);
    assert_int_equal(out[1].kind, DVS_NULL);
    assert_int_equal(out[3].kind, DVS_ABSENT);
    assert_int_equal(out[4].kind, DVS_ABSENT);
    dvsi_arena_free(&arena);
    close_fixture(&f);
}

/* A new column that the project names is mapped: an edit of the project is always carried out. */
static void test_new_column_by_name(void **state)
{
    static const char *const known[] = {"id", "Name"};
    fixture f;
    (void)state;
    usual(&f, "  - name: people\n    from:\n      - source: crm\n        entity: p\n"
              "        fields: {\"*\": true, born: born}\n");
    f.known = (dvsi_known_columns){known, 2};
    must_build(&f);
    fields_are(&f, "id:int64=id Name:text=Name born:date=born");
    close_fixture(&f);
}

static void test_reserved_names(void **state)
{
    static const char *const names[] = {"row_id",   "Sync_Hash",  "sync_time",    "valid_from",
                                        "valid_to", "deleted_at", "JSON_RESPONSE"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fixture f;
        usual(&f, "  - people\n");
        column(&f, names[i], DVS_TEXT, 0, 0);
        assert_int_equal(build(&f), DVS_E_CONFIG);
        assert_non_null(strstr(f.err.message, "has the name of a system column; rename it with"));
        assert_non_null(strstr(f.err.message, names[i]));
        close_fixture(&f);
        dvsi_buf text = {0}; /* what the message says helps */
        dvsi_buf_printf(
            &text,
            "  - name: people\n    from: [{source: crm, entity: people, fields: {\"*\": true, %s: false, "
            "%s_value: %s}}]\n",
            names[i], names[i], names[i]);
        usual(&f, dvsi_buf_text(&text));
        column(&f, names[i], DVS_TEXT, 0, 0);
        must_build(&f);
        assert_int_equal(f.mapping->n_fields, 6);
        dvsi_buf_free(&text);
        close_fixture(&f);
    }
}

/* ---- Keys ---- */

static void test_no_key(void **state)
{
    fixture f = {0};
    (void)state;
    read_project(&f, "  - name: people\n    from: [{source: crm, entity: p}]\n");
    column(&f, "a", DVS_TEXT, 0, 0);
    refused(&f,
            "/tmp/p.yml:5:5: source \"crm\" declares no key for stream \"p\": name the key fields of entity "
            "\"people\" with `key: [...]`");
}

static void test_source_key_not_mapped(void **state)
{
    fixture f;
    (void)state;
    usual(&f, "  - name: people\n    from: [{source: crm, entity: p, fields: {who: Name}}]\n");
    refused(&f, "/tmp/p.yml:5:5: column \"id\" is part of the source's key, but no field of entity "
                "\"people\" takes it; "
                "map it, or choose another `key:`");
}

static void test_key_that_is_no_field(void **state)
{
    fixture f;
    (void)state;
    usual(&f, "  - name: people\n    key: [nr]\n    from: [{source: crm, entity: p}]\n");
    refused(&f, "/tmp/p.yml:5:5: key field \"nr\" of entity \"people\" is no field of it");
}

static void test_kinds_of_keys(void **state)
{
    (void)state;
    for (uint32_t kind = DVS_BOOL; kind < DVS_KIND_COUNT; kind++) {
        fixture f = {0};
        read_project(&f, "  - name: people\n    key: [a]\n    from: [{source: crm, entity: p}]\n");
        column(&f, "a", kind, 0, 0);
        if (kind == DVS_DOUBLE || kind == DVS_JSON || kind == DVS_BYTES) {
            char message[200];
            snprintf(message, sizeof message,
                     "/tmp/p.yml:5:5: key field \"a\" is of type %s, which cannot be a key",
                     dvsi_kind_name(kind));
            refused(&f, message);
        } else {
            must_build(&f);
            assert_int_equal(f.mapping->own_key, 1); /* the source has none: this is it */
            close_fixture(&f);
        }
    }
}

/* Streaming or gathering: only the source's own key, whole and in its order, streams. */
static void test_own_key(void **state)
{
    static const struct {
        const char *key;
        int own;
    } cases[] = {
        {"", 1},
        {"    key: [a, b]\n", 1},
        {"    key: [b, a]\n", 0},
        {"    key: [a]\n", 0},
        {"    key: [c]\n", 0},
        {"    key: [a, b, c]\n", 0},
        {"    key: [A, B]\n", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = {0};
        char text[200];
        snprintf(text, sizeof text, "  - name: people\n%s    from: [{source: crm, entity: p}]\n",
                 cases[i].key);
        read_project(&f, text);
        column(&f, "b", DVS_TEXT, 0, 2);
        column(&f, "a", DVS_INT64, 0, 1);
        column(&f, "c", DVS_TEXT, 0, 0);
        must_build(&f);
        if ((int)f.mapping->own_key != cases[i].own)
            fail_msg("case %zu", i);
        assert_int_equal(f.mapping->n_source_key, 2);
        assert_string_equal(f.mapping->wanted.columns[f.mapping->source_key[0]].name, "a");
        assert_string_equal(f.mapping->wanted.columns[f.mapping->source_key[1]].name, "b");
        for (uint32_t k = 0; k < f.mapping->n_key; k++)
            assert_int_equal(f.mapping->fields[f.mapping->key[k]].key_position, k + 1);
        close_fixture(&f);
    }
}

/* A key field of the source's name that takes another column is not the source's key. */
static void test_own_key_by_column_not_by_name(void **state)
{
    fixture f;
    (void)state;
    usual(&f, "  - name: people\n    key: [id]\n    from: [{source: crm, entity: p, fields: {id: Name}}]\n");
    must_build(&f);
    assert_int_equal(f.mapping->own_key, 0);
    close_fixture(&f);
    usual(&f, "  - name: people\n    key: [nr]\n    from: [{source: crm, entity: p, fields: {nr: id}}]\n");
    must_build(&f);
    assert_int_equal(f.mapping->own_key, 1);
    close_fixture(&f);
}

/* ---- The fingerprint ---- */

static void describe(const char *entity, dvsi_buf *out)
{
    fixture f;
    usual(&f, entity);
    must_build(&f);
    dvsi_buf_clear(out);
    dvsi_mapping_describe(f.mapping, out);
    close_fixture(&f);
}

/* Whatever changes what a read gives changes the description; spelling and order of keys in the file do
 * not. */
static void test_describe(void **state)
{
#define PEOPLE(rest, fields)                                                                                 \
    "  - name: people\n" rest "    from: [{source: crm, entity: p, fields: " fields "}]\n"
    static const char *const different[] = {
        PEOPLE("", "{id: id, a: Name}"),
        PEOPLE("", "{id: id, b: Name}"),
        PEOPLE("", "{id: id, a: born}"),
        PEOPLE("", "{id: id, a: {from: born, type: text}}"),
        PEOPLE("", "{id: id, a: {static: Name}}"),
        PEOPLE("", "{id: id, a: {static: name}}"),
        PEOPLE("", "{id: id, a: {static: '1'}}"),
        PEOPLE("", "{id: id, a: {static: '1', type: int64}}"),
        PEOPLE("", "{id: id, a: Name, b: seq}"),
        PEOPLE("", "{\"*\": true}"),
        PEOPLE("", "{id: id}"),
        PEOPLE("    key: [a]\n", "{id: id, a: Name}"),
        PEOPLE("    key: [a, id]\n", "{id: id, a: Name}"),
    };
    enum { N = sizeof different / sizeof *different };
    dvsi_buf texts[N] = {{0}};
    dvsi_buf again = {0};
    (void)state;
    for (size_t i = 0; i < N; i++)
        describe(different[i], &texts[i]);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(texts[i].data, texts[k].data) == 0)
                fail_msg("%s and %s are told alike", different[i], different[k]);
    describe(PEOPLE("    deletes: hard\n", "{ID: Id, a: NAME}"), &again);
    describe(PEOPLE("", "{id: {from: id}, a: {from: Name}}"), &again);
    assert_string_equal(again.data, texts[0].data);
    for (size_t i = 0; i < N; i++)
        dvsi_buf_free(&texts[i]);
    dvsi_buf_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_form_takes_everything),
        cmocka_unit_test(test_renames_and_helpers),
        cmocka_unit_test(test_star_with_exceptions_and_overrides),
        cmocka_unit_test(test_typed_static),
        cmocka_unit_test(test_missing_column),
        cmocka_unit_test(test_gone_and_new),
        cmocka_unit_test(test_new_column_by_name),
        cmocka_unit_test(test_reserved_names),
        cmocka_unit_test(test_no_key),
        cmocka_unit_test(test_source_key_not_mapped),
        cmocka_unit_test(test_key_that_is_no_field),
        cmocka_unit_test(test_kinds_of_keys),
        cmocka_unit_test(test_own_key),
        cmocka_unit_test(test_own_key_by_column_not_by_name),
        cmocka_unit_test(test_describe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
