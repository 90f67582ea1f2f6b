/* Precedence among offers is a total order, whatever the offers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/random.h"
#include "data/cell.h"
#include "reconcile/offers.h"

#define N_OFFERS 40

static dvsi_offer offer(const char *source_key)
{
    dvsi_offer o = {.modified = dvsi_cell_null(),
                    .version = dvsi_cell_null(),
                    .source_key = source_key,
                    .source_key_length = strlen(source_key)};
    return o;
}

static dvs_cell decimal(const char *text)
{
    dvs_cell cell = dvsi_cell_text(text);
    cell.kind = DVS_DECIMAL;
    return cell;
}

static void stands(const dvsi_offer *a, const dvsi_offer *b)
{
    assert_true(dvsi_offer_compare(a, b) < 0);
    assert_true(dvsi_offer_compare(b, a) > 0);
}

/* Each rule decides only when those before it do not. */
static void test_rules_in_order(void **state)
{
    dvsi_offer a = offer("b");
    dvsi_offer b = offer("a");
    (void)state;
    stands(&b, &a); /* the smaller source key */
    a.modified = dvsi_cell_timestamp(2);
    b.modified = dvsi_cell_timestamp(1);
    stands(&a, &b); /* the newer one */
    b.version = dvsi_cell_int64(7);
    a.version = dvsi_cell_int64(6);
    stands(&b, &a); /* the higher version */
    a.listed = 1;
    b.listed = 2;
    stands(&a, &b); /* the source listed first */
    b.priority = 100;
    a.priority = -100;
    stands(&b, &a); /* the higher priority */
}

static void test_versions(void **state)
{
    dvsi_offer a = offer("z");
    dvsi_offer b = offer("a");
    (void)state;
    a.version = dvsi_cell_int64(-5); /* any beats none */
    stands(&a, &b);
    memset(&b.version, 0, sizeof b.version); /* absent is none, too */
    stands(&a, &b);
    b.version = dvsi_cell_int64(INT64_MIN);
    stands(&a, &b);
    a.version = decimal("10");
    b.version = decimal("9.5");
    stands(&a, &b); /* by value, not as text */
    a.version = decimal("123456789012345678901234567890.2");
    b.version = decimal("123456789012345678901234567890.1");
    stands(&a, &b);
    a.version = dvsi_cell_text("b");
    b.version = dvsi_cell_text("abc");
    stands(&a, &b);
    b.version = dvsi_cell_text("ba");
    stands(&b, &a); /* a prefix is the smaller one */
    a.version = dvsi_cell_bytes("\xff", 1);
    b.version = dvsi_cell_bytes("\x01\x02", 2);
    stands(&a, &b); /* unsigned bytes */
    a.version = dvsi_cell_bytes(NULL, 0);
    stands(&b, &a);
    a.version = dvsi_cell_timestamp(5);
    b.version = dvsi_cell_timestamp(4);
    stands(&a, &b);
}

static void test_equal(void **state)
{
    dvsi_offer a = offer("same");
    (void)state;
    a.version = decimal("1");
    assert_int_equal(dvsi_offer_compare(&a, &a), 0);
}

static dvs_cell random_version(uint32_t kind)
{
    static const char *const texts[] = {"0", "-1", "1", "9", "10", "10.5", "99999999999999999999"};
    static const char *const words[] = {"", "a", "ab", "b", "\xc3\xa4"};
    dvs_cell cell = dvsi_cell_null();
    if (random_below(4) == 0)
        return cell;
    switch (kind) {
    case DVS_INT64:
    case DVS_TIMESTAMP:
    case DVS_DATE:
        cell = dvsi_cell_int64((int64_t)random_below(5) - 2);
        cell.kind = (uint8_t)kind;
        return cell;
    case DVS_DOUBLE:
        cell.kind = DVS_DOUBLE;
        cell.v.f64 = ((double)random_below(5) - 2) / 2;
        return cell;
    case DVS_DECIMAL:
        return decimal(texts[random_below(7)]);
    default:
        return dvsi_cell_text(words[random_below(5)]);
    }
}

static int compare(const void *a, const void *b)
{
    return dvsi_offer_compare(a, b);
}

/* Total, antisymmetric, transitive: so the first of a set does not depend on the order in which it came. */
static void test_total_order(void **state)
{
    static const uint32_t kinds[] = {DVS_INT64, DVS_TIMESTAMP, DVS_DATE, DVS_DOUBLE, DVS_DECIMAL, DVS_TEXT};
    char keys[N_OFFERS][16];
    (void)state;
    for (int round = 0; round < 300; round++) {
        uint32_t kind = kinds[random_below(6)];
        dvsi_offer offers[N_OFFERS];
        for (size_t i = 0; i < N_OFFERS; i++) {
            snprintf(keys[i], sizeof keys[i], "k%zu", i); /* the records of one source differ in their key */
            offers[i] = offer(keys[i]);
            offers[i].priority = (int64_t)random_below(3) - 1;
            offers[i].listed = (uint32_t)random_below(2);
            offers[i].version = random_version(kind);
            if (random_below(3) != 0)
                offers[i].modified = dvsi_cell_timestamp((int64_t)random_below(3));
        }
        for (size_t i = 0; i < N_OFFERS; i++)
            for (size_t k = 0; k < N_OFFERS; k++) {
                int there = dvsi_offer_compare(&offers[i], &offers[k]);
                int back = dvsi_offer_compare(&offers[k], &offers[i]);
                assert_int_equal(there == 0, i == k);
                assert_int_equal(there<0, back> 0);
            }
        dvsi_offer first = offers[0];
        for (size_t i = 1; i < N_OFFERS; i++)
            if (dvsi_offer_compare(&offers[i], &first) < 0)
                first = offers[i];
        qsort(offers, N_OFFERS, sizeof *offers, compare);
        assert_ptr_equal(offers[0].source_key, first.source_key);
        for (size_t i = 0; i < N_OFFERS; i++)
            for (size_t k = i + 1; k < N_OFFERS; k++)
                assert_true(dvsi_offer_compare(&offers[i], &offers[k]) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_in_order),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_total_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
