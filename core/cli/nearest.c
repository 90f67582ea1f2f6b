/* nearest.c - the name that a user may have meant. */
#include <string.h>

#include "cli/args.h"

#define LONGEST 40

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edit distance with transpositions of neighbours; LONGEST when a name is longer than that. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][LONGEST + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);

    if (n >= LONGEST || m >= LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3];
        const size_t *earlier = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

            now[j] = smallest(now[j - 1] + 1, before[j] + 1, before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && earlier[j - 2] + 1 < now[j])
                now[j] = earlier[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

const char *dvsi_cli_nearest(const char *name, dvsi_cli_names_fn *next, void *context)
{
    const char *best = NULL;
    size_t length = strlen(name);
    size_t least = length / 3 + 2; /* further away is no hint but a guess */

    if (least > 4)
        least = 4;
    for (const char *other = next(context); other; other = next(context)) {
        size_t d = distance(name, other);

        /* A word that was cut off ("diff --sum") is near as well. */
        if (length >= 3 && strncmp(name, other, length) == 0)
            d = 1;
        if (d < least) {
            least = d;
            best = other;
        }
    }
    return best;
}
