#include "config/nearest.h"

#include <stddef.h>
#include <string.h>

#include "config/problem.h"

#define LONGEST 64 /* longer names are nobody's slip of the finger */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, delete, replace or swap with their neighbour to make `a` of `b`; both at most LONGEST
 * bytes, case does not count. */
static uint32_t edits(const char *a, size_t length_a, const char *b, size_t length_b)
{
    uint32_t rows[3][LONGEST + 1];
    uint32_t *before = rows[0];
    uint32_t *above = rows[1];
    uint32_t *row = rows[2];

    for (size_t j = 0; j <= length_b; j++)
        above[j] = (uint32_t)j;
    for (size_t i = 1; i <= length_a; i++) {
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= length_b; j++) {
            uint32_t differs = lower(a[i - 1]) != lower(b[j - 1]);
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + differs);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        uint32_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[length_b];
}

void dvsi_nearest_offer(dvsi_nearest *nearest, const char *known)
{
    size_t length = strlen(nearest->name);
    size_t known_length = strlen(known);
    uint32_t allowed = length < 3 ? 1 : (uint32_t)((length + 2) / 3);

    if (length == 0 || length > LONGEST || known_length > LONGEST)
        return;
    uint32_t distance = edits(nearest->name, length, known, known_length);
    /* Something of the name must remain: "x" is no slip for "y". */
    if (distance > allowed || distance >= known_length || distance >= length)
        return;
    if (!nearest->best || distance < nearest->distance) {
        nearest->best = known;
        nearest->distance = distance;
    }
}

const char *dvsi_problem_nearest(const char *name, const char *const *names)
{
    dvsi_nearest nearest = {.name = name};
    for (; *names; names++)
        dvsi_nearest_offer(&nearest, *names);
    return nearest.best;
}
