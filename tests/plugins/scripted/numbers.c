/* numbers.c - sets of row numbers: [1, 5, [10, 20], {"from": 3, "to": 900, "every": 100}]. */
#include "scripted.h"

#include <stdlib.h>

static int by_from(const void *a, const void *b)
{
    const scripted_range *x = a, *y = b;
    if ((x->every == 1) != (y->every == 1))
        return x->every == 1 ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

static int range_load(scripted_range *range, json_t *spec)
{
    range->every = 1;
    if (json_is_integer(spec)) {
        range->from = range->to = json_integer_value(spec);
    } else if (json_is_array(spec) && json_array_size(spec) == 2) {
        range->from = json_integer_value(json_array_get(spec, 0));
        range->to = json_integer_value(json_array_get(spec, 1));
    } else if (json_is_object(spec)) {
        range->every = scripted_member_int(spec, "every", 0);
        range->from = scripted_member_int(spec, "from", range->every);
        range->to = scripted_member_int(spec, "to", INT64_MAX);
    } else {
        return -1;
    }
    return range->every >= 1 && range->from <= range->to ? 0 : -1;
}

int32_t scripted_set_load(scripted_set *set, json_t *spec, const char *what, dvs_error *err)
{
    size_t i, n = json_array_size(spec), kept = 0;
    if (spec == NULL)
        return DVS_OK;
    if (!json_is_array(spec))
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "%s is no list of row numbers", what);
    set->ranges = calloc(n + 1, sizeof *set->ranges);
    if (set->ranges == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    for (i = 0; i < n; i++) {
        if (range_load(&set->ranges[i], json_array_get(spec, i)) != 0)
            return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE,
                            "%s[%zu] is neither a number, nor [from, to], nor {from, to, every}", what, i);
    }
    qsort(set->ranges, n, sizeof *set->ranges, by_from);
    for (i = 0; i < n; i++) { /* ranges that touch become one, so that the search below is right */
        scripted_range *last = kept > 0 ? &set->ranges[kept - 1] : NULL, *range = &set->ranges[i];
        if (last != NULL && last->every == 1 && range->every == 1 && range->from <= last->to) {
            if (range->to > last->to)
                last->to = range->to;
        } else {
            set->ranges[kept++] = *range;
        }
        set->n_plain = set->ranges[kept - 1].every == 1 ? kept : set->n_plain;
    }
    set->n_ranges = kept;
    return DVS_OK;
}

int scripted_set_has(const scripted_set *set, int64_t number)
{
    size_t low = 0, high = set->n_plain, i;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].to < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < set->n_plain && set->ranges[low].from <= number)
        return 1;
    for (i = set->n_plain; i < set->n_ranges; i++) {
        const scripted_range *range = &set->ranges[i];
        if (number >= range->from && number <= range->to && (number - range->from) % range->every == 0)
            return 1;
    }
    return 0;
}

void scripted_set_free(scripted_set *set)
{
    free(set->ranges);
}
