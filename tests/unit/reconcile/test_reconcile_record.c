/* What becomes of a record, what stands in sync_hash, and what lineage tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/random.h"
#include "base/hash.h"
#include "data/cell.h"
#include "data/json.h"
#include "reconcile/record.h"

static dvs_cell of_kind(uint8_t kind, dvs_cell cell)
{
    cell.kind = kind;
    return cell;
}

static dvs_cell decimal(const char *text)
{
    return of_kind(DVS_DECIMAL, dvsi_cell_text(text));
}

static dvs_cell json(const char *text)
{
    return of_kind(DVS_JSON, dvsi_cell_text(text));
}

static dvs_cell number(double value)
{
    dvs_cell cell = {.kind = DVS_DOUBLE};
    cell.v.f64 = value;
    return cell;
}

static const dvs_cell absent;

/* One of each kind, all different; `other` the second of the kind. */
static dvs_cell sample(uint32_t kind, int other)
{
    static const uint8_t ids[2][16] = {{1, 2, 3}, {1, 2, 4}};
    switch (kind) {
    case DVS_ABSENT:
        return absent;
    case DVS_NULL:
        return dvsi_cell_null();
    case DVS_BOOL:
        return dvsi_cell_bool(other);
    case DVS_INT64:
        return dvsi_cell_int64(other ? INT64_MIN : INT64_MAX);
    case DVS_DOUBLE:
        return number(other ? -1.5 : 1e308);
    case DVS_DECIMAL:
        return decimal(other ? "-12345678901234567890.5" : "0.1");
    case DVS_TEXT:
        return dvsi_cell_text(other ? "" : "\xf0\x9f\x98\x80");
    case DVS_BYTES:
        return other ? dvsi_cell_bytes("\0x", 2) : dvsi_cell_bytes("", 0);
    case DVS_DATE:
        return of_kind(DVS_DATE, dvsi_cell_int64(other));
    case DVS_TIMESTAMP:
        return dvsi_cell_timestamp(other ? -1 : 1700000000000000);
    case DVS_UUID:
        return of_kind(DVS_UUID, dvsi_cell_bytes(ids[other], 16));
    default:
        return json(other ? "[1,2]" : "{\"a\":1}");
    }
}

static void test_ops(void **state)
{
    dvs_cell offered[3] = {dvsi_cell_int64(1), dvsi_cell_text("a"), absent};
    dvs_cell current[3] = {dvsi_cell_int64(1), dvsi_cell_text("b"), dvsi_cell_text("kept")};
    uint32_t changed[3];
    uint32_t n = 99;
    (void)state;
    assert_int_equal(dvsi_reconcile_record(offered, NULL, 3, 0, changed, &n), DVSI_OP_CREATE);
    assert_int_equal(n, 2); /* the absent one is not written */
    assert_int_equal(changed[0], 0);
    assert_int_equal(changed[1], 1);
    assert_int_equal(dvsi_reconcile_record(offered, current, 3, 0, changed, &n), DVSI_OP_UPDATE);
    assert_int_equal(n, 1);
    assert_int_equal(changed[0], 1);
    assert_int_equal(dvsi_reconcile_record(offered, current, 3, 1, changed, &n), DVSI_OP_REVIVE);
    assert_int_equal(n, 1);
    current[1] = dvsi_cell_text("a");
    assert_int_equal(dvsi_reconcile_record(offered, current, 3, 0, changed, &n), DVSI_OP_NONE);
    assert_int_equal(n, 0);
    assert_int_equal(dvsi_reconcile_record(offered, current, 3, 1, changed, &n), DVSI_OP_REVIVE);
    assert_int_equal(n, 0);
    assert_int_equal(dvsi_reconcile_record(offered, current, 0, 0, changed, &n), DVSI_OP_NONE);
}

/* A record against a stored one of any two kinds: equal only to itself; an absent field is never touched, and
 * nothing is ever equal to a stored value that does not fit its column. */
static void test_every_pair_of_kinds(void **state)
{
    uint32_t changed[1];
    uint32_t n;
    (void)state;
    for (uint32_t a = 0; a < DVS_KIND_COUNT; a++)
        for (uint32_t b = DVS_NULL; b < DVS_KIND_COUNT; b++)
            for (int other = 0; other < 2; other++) {
                dvs_cell offered = sample(a, 0);
                dvs_cell current = sample(b, other);
                int same = a == DVS_ABSENT || (a == b && (!other || a == DVS_NULL));
                dvsi_op op = dvsi_reconcile_record(&offered, &current, 1, 0, changed, &n);
                if (op != (same ? DVSI_OP_NONE : DVSI_OP_UPDATE))
                    fail_msg("kinds %u and %u (%d): op %d", a, b, other, (int)op);
                current.flags = DVS_CELL_MISTYPED;
                op = dvsi_reconcile_record(&offered, &current, 1, 0, changed, &n);
                assert_int_equal(op, a == DVS_ABSENT ? DVSI_OP_NONE : DVSI_OP_UPDATE);
            }
}

/* Values, not spelling. */
static void test_values(void **state)
{
    uint32_t changed[1];
    uint32_t n;
    dvs_cell offered = json("{\"b\":[1.50,true],\"a\":null}");
    dvs_cell current = json(" { \"a\" : null, \"b\" : [1.5, true] } ");
    (void)state;
    assert_int_equal(dvsi_reconcile_record(&offered, &current, 1, 0, changed, &n), DVSI_OP_NONE);
    current = json("{\"a\":null,\"b\":[true,1.5]}");
    assert_int_equal(dvsi_reconcile_record(&offered, &current, 1, 0, changed, &n), DVSI_OP_UPDATE);
    offered = dvsi_cell_text("");
    current = dvsi_cell_null();
    assert_int_equal(dvsi_reconcile_record(&offered, &current, 1, 0, changed, &n), DVSI_OP_UPDATE);
}

/* Random records: what is changed is exactly what differs, ascending, and writing it makes the next one no
 * change. */
static void test_writing_settles(void **state)
{
    (void)state;
    for (int round = 0; round < 5000; round++) {
        dvs_cell offered[8];
        dvs_cell stored[8];
        uint32_t changed[8];
        uint32_t n;
        uint32_t n_fields = (uint32_t)random_below(9);
        for (uint32_t i = 0; i < n_fields; i++) {
            uint32_t kind = DVS_BOOL + (uint32_t)random_below(DVS_KIND_COUNT - DVS_BOOL);
            stored[i] = sample(random_below(4) == 0 ? DVS_NULL : kind, (int)random_below(2));
            offered[i] = random_below(3) == 0 ? stored[i]
                                              : sample((uint32_t)random_below(3) == 0 ? DVS_ABSENT : kind,
                                                       (int)random_below(2));
        }
        (void)dvsi_reconcile_record(offered, stored, n_fields, 0, changed, &n);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(i == 0 || changed[i] > changed[i - 1]);
            assert_int_not_equal(offered[changed[i]].kind, DVS_ABSENT);
            stored[changed[i]] = offered[changed[i]];
        }
        assert_int_equal(dvsi_reconcile_record(offered, stored, n_fields, 0, changed, &n), DVSI_OP_NONE);
    }
}

static void test_op_names(void **state)
{
    (void)state;
    assert_string_equal(dvsi_op_name(DVSI_OP_CREATE), "create");
    assert_string_equal(dvsi_op_name(DVSI_OP_UPDATE), "update");
    assert_string_equal(dvsi_op_name(DVSI_OP_REVIVE), "revive");
    assert_string_equal(dvsi_op_name(DVSI_OP_DELETE), "delete");
    assert_string_equal(dvsi_op_name(DVSI_OP_NONE), "");
}

/* ---- sync_hash ---- */

static uint32_t get(const dvsi_buf *hash, uint32_t position)
{
    return dvsi_sync_hash_get((const uint8_t *)dvsi_buf_text(hash), hash->length, position);
}

static void test_hash_positions(void **state)
{
    dvsi_buf hash = {0};
    dvsi_buf scratch = {0};
    dvs_cell text = dvsi_cell_text("x");
    dvs_cell null = dvsi_cell_null();
    (void)state;
    assert_int_equal(get(&hash, 0), 0); /* past the end: never written by us */
    dvsi_sync_hash_put(&hash, 3, &text, &scratch);
    assert_int_equal(hash.length, 4 * DVSI_SYNC_HASH_BYTES);
    assert_int_equal(get(&hash, 0), 0);
    assert_int_equal(get(&hash, 2), 0);
    uint32_t x = get(&hash, 3);
    assert_true(x > 1);
    assert_int_equal(x, dvsi_hash32("x", 1));
    assert_int_equal(get(&hash, 4), 0);
    dvsi_sync_hash_put(&hash, 1, &null, &scratch);
    assert_int_equal(get(&hash, 1), 1);
    assert_int_equal(get(&hash, 3), x);
    assert_int_equal(hash.length, 4 * DVSI_SYNC_HASH_BYTES);
    dvsi_sync_hash_put(&hash, 3, &absent, &scratch); /* leaves its bytes alone, and makes nothing longer */
    dvsi_sync_hash_put(&hash, 9, &absent, &scratch);
    assert_int_equal(get(&hash, 3), x);
    assert_int_equal(hash.length, 4 * DVSI_SYNC_HASH_BYTES);
    assert_int_equal(hash.failed, 0);
    /* a hash that was cut by hand in the middle of a field */
    assert_int_equal(dvsi_sync_hash_get((const uint8_t *)hash.data, hash.length - 1, 3), 0);
    dvsi_buf_free(&hash);
    dvsi_buf_free(&scratch);
}

/* The bytes are the hash of the canonical text, little-endian, whatever the kind: equal values of different
 * kinds with one canonical text have one hash, and no value has 0 or 1. */
static void test_hash_of_kinds(void **state)
{
    dvsi_buf hash = {0};
    dvsi_buf scratch = {0};
    (void)state;
    for (uint32_t kind = DVS_BOOL; kind < DVS_KIND_COUNT; kind++)
        for (int other = 0; other < 2; other++) {
            dvs_cell cell = sample(kind, other);
            dvsi_buf text = {0};
            dvsi_cell_canonical(&text, &cell);
            uint32_t expected = dvsi_hash32(dvsi_buf_text(&text), text.length);
            dvsi_sync_hash_put(&hash, kind, &cell, &scratch);
            assert_int_equal(get(&hash, kind), expected > 1 ? expected : expected + 2);
            const uint8_t *at = (const uint8_t *)hash.data + (size_t)kind * DVSI_SYNC_HASH_BYTES;
            assert_int_equal(at[0], expected & 0xff);
            assert_int_equal(at[3], expected >> 24);
            dvsi_buf_free(&text);
        }
    dvs_cell whole = dvsi_cell_int64(42);
    dvs_cell word = dvsi_cell_text("42");
    dvs_cell exact = decimal("42");
    dvsi_sync_hash_put(&hash, 0, &whole, &scratch);
    dvsi_sync_hash_put(&hash, 1, &word, &scratch);
    dvsi_sync_hash_put(&hash, 2, &exact, &scratch);
    assert_int_equal(get(&hash, 0), get(&hash, 1));
    assert_int_equal(get(&hash, 0), get(&hash, 2));
    dvsi_buf_free(&hash);
    dvsi_buf_free(&scratch);
}

/* 0 and 1 say "never written" and NULL: the two texts of ten digits that hash to them stand as something
 * else. */
static void test_hash_is_never_taken_for_none(void **state)
{
    static const int64_t hard[] = {INT64_C(6870684841), INT64_C(7404766944)};
    dvsi_buf hash = {0};
    dvsi_buf scratch = {0};
    (void)state;
    assert_int_equal(dvsi_hash32("6870684841", 10), 0);
    assert_int_equal(dvsi_hash32("7404766944", 10), 1);
    for (uint32_t i = 0; i < 2; i++) {
        dvs_cell cell = dvsi_cell_int64(hard[i]);
        dvsi_sync_hash_put(&hash, i, &cell, &scratch);
        assert_true(get(&hash, i) > 1);
    }
    dvsi_buf_free(&hash);
    dvsi_buf_free(&scratch);
}

/* Random puts against an array. */
static void test_hash_model(void **state)
{
    uint32_t model[200] = {0};
    dvsi_buf hash = {0};
    dvsi_buf scratch = {0};
    (void)state;
    for (int round = 0; round < 5000; round++) {
        uint32_t at = (uint32_t)random_below(200);
        dvs_cell cell = random_below(5) == 0   ? absent
                        : random_below(5) == 0 ? dvsi_cell_null()
                                               : dvsi_cell_int64((int64_t)random_bits());
        dvsi_sync_hash_put(&hash, at, &cell, &scratch);
        if (cell.kind == DVS_NULL)
            model[at] = 1;
        else if (cell.kind != DVS_ABSENT)
            model[at] = get(&hash, at);
        uint32_t look = (uint32_t)random_below(200);
        assert_int_equal(get(&hash, look), model[look]);
        assert_true(cell.kind == DVS_ABSENT || cell.kind == DVS_NULL || model[at] > 1);
    }
    assert_true(hash.length <= 200 * DVSI_SYNC_HASH_BYTES);
    dvsi_buf_free(&hash);
    dvsi_buf_free(&scratch);
}

/* ---- Lineage ---- */

static void value_is(dvs_cell cell, const char *expected)
{
    dvsi_buf out = {0};
    dvsi_lineage_value(&out, &cell);
    assert_string_equal(dvsi_buf_text(&out), expected);
    assert_null(dvsi_json_check(out.data, out.length));
    dvsi_buf_free(&out);
}

static void test_lineage_values(void **state)
{
    (void)state;
    value_is(dvsi_cell_null(), "null");
    value_is(absent, "null");
    value_is(dvsi_cell_int64(INT64_MIN), "-9223372036854775808");
    value_is(decimal("0.1"), "\"0.1\"");
    value_is(dvsi_cell_text("a\"b\n"), "\"a\\\"b\\n\"");
    value_is(dvsi_cell_bool(1), "true");
    value_is(json("{\"a\": 1}"), "{\"a\": 1}");
}

/* Up to the limit a value stands as it is, one byte more and only its hash does; what stood before stays. */
static void test_lineage_limit(void **state)
{
    size_t fits = DVSI_LINEAGE_VALUE_MAX - 2; /* the quotes */
    char *text = malloc(fits + 2);
    char expected[DVSI_SHA256_HEX + 60];
    char hex[DVSI_SHA256_HEX];
    dvsi_buf out = {0};
    (void)state;
    assert_non_null(text);
    memset(text, 'x', fits + 2);
    dvs_cell cell = dvsi_cell_text_n(text, fits);
    dvsi_buf_puts(&out, "before ");
    dvsi_lineage_value(&out, &cell);
    assert_int_equal(out.length, 7 + DVSI_LINEAGE_VALUE_MAX);
    dvsi_buf_clear(&out);
    dvsi_buf_puts(&out, "before ");
    cell = dvsi_cell_text_n(text, fits + 1);
    dvsi_lineage_value(&out, &cell);
    dvsi_hash_sha256(text, fits + 1, hex);
    snprintf(expected, sizeof expected, "before {\"sha256\":\"%s\",\"bytes\":%zu}", hex, fits + 1);
    assert_string_equal(dvsi_buf_text(&out), expected);
    /* short as a value, long as JSON: bytes are those of the value */
    memset(text, 1, 1000);
    cell = dvsi_cell_text_n(text, 1000);
    dvsi_buf_clear(&out);
    dvsi_lineage_value(&out, &cell);
    assert_memory_equal(out.data, "{\"sha256\"", 9);
    assert_non_null(strstr(out.data, "\"bytes\":1000}"));
    dvsi_buf_free(&out);
    free(text);
}

static void test_lineage_changes(void **state)
{
    static const char *const names[] = {"id", "na\"me", "big"};
    char big[5000];
    memset(big, 'y', sizeof big);
    dvs_cell current[3] = {dvsi_cell_int64(1), dvsi_cell_null(), dvsi_cell_text_n(big, sizeof big)};
    dvs_cell offered[3] = {dvsi_cell_int64(1), dvsi_cell_text("new"), dvsi_cell_null()};
    const uint32_t changed[] = {1, 2};
    dvsi_arena arena = {0};
    dvsi_buf out = {0};
    const char *problem = NULL;
    size_t offset = 0;
    (void)state;
    dvsi_lineage_changes(&out, names, current, offered, changed, 0);
    assert_string_equal(dvsi_buf_text(&out), "{}");
    dvsi_buf_clear(&out);
    dvsi_lineage_changes(&out, names, current, offered, changed, 2);
    const dvsi_json *root = dvsi_json_parse(&arena, out.data, out.length, &problem, &offset);
    assert_non_null(root);
    assert_int_equal(root->length, 2);
    assert_null(dvsi_json_get(root, "id"));
    const dvsi_json *name = dvsi_json_get(root, "na\"me");
    assert_int_equal(dvsi_json_get(name, "old")->type, DVSI_JSON_NULL);
    assert_string_equal(dvsi_json_get(name, "new")->text, "new");
    const dvsi_json *old = dvsi_json_get(dvsi_json_get(root, "big"), "old");
    assert_string_equal(dvsi_json_get(old, "bytes")->text, "5000");
    assert_int_equal(dvsi_json_get(old, "sha256")->length, 64);
    assert_int_equal(dvsi_json_get(dvsi_json_get(root, "big"), "new")->type, DVSI_JSON_NULL);
    dvsi_buf_free(&out);
    dvsi_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_every_pair_of_kinds),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_writing_settles),
        cmocka_unit_test(test_op_names),
        cmocka_unit_test(test_hash_positions),
        cmocka_unit_test(test_hash_of_kinds),
        cmocka_unit_test(test_hash_model),
        cmocka_unit_test(test_hash_is_never_taken_for_none),
        cmocka_unit_test(test_lineage_values),
        cmocka_unit_test(test_lineage_limit),
        cmocka_unit_test(test_lineage_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
