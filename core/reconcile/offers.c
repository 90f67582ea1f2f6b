/* offers.c - precedence among the offers for one key. */
#include "reconcile/offers.h"

#include <string.h>

#include "data/decimal.h"

/* Order of two versions: numbers by value, everything else bytewise; a version beats none. */
static int version_order(const dvs_cell *a, const dvs_cell *b)
{
    if (a->kind <= DVS_NULL || b->kind <= DVS_NULL)
        return (a->kind > DVS_NULL) - (b->kind > DVS_NULL);
    if (a->kind != b->kind)
        return 0;
    switch (a->kind) {
    case DVS_INT64:
    case DVS_DATE:
    case DVS_TIMESTAMP:
        return (a->v.i64 > b->v.i64) - (a->v.i64 < b->v.i64);
    case DVS_DOUBLE:
        return (a->v.f64 > b->v.f64) - (a->v.f64 < b->v.f64);
    case DVS_DECIMAL:
        return dvsi_decimal_compare(a->v.text, a->length, b->v.text, b->length);
    default: {
        size_t shorter = a->length < b->length ? a->length : b->length;
        int order = shorter != 0 ? memcmp(a->v.bytes, b->v.bytes, shorter) : 0;
        return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
    }
    }
}

int dvsi_offer_compare(const dvsi_offer *a, const dvsi_offer *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->listed != b->listed)
        return a->listed < b->listed ? -1 : 1;
    int order = version_order(&b->version, &a->version);
    if (order == 0)
        order = version_order(&b->modified, &a->modified);
    if (order != 0)
        return order;
    size_t shorter =
        a->source_key_length < b->source_key_length ? a->source_key_length : b->source_key_length;
    order = memcmp(a->source_key, b->source_key, shorter);
    if (order != 0)
        return order;
    return (a->source_key_length > b->source_key_length) - (a->source_key_length < b->source_key_length);
}
