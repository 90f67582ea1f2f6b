/* Versions under clocks that lie: whatever a record goes through, its intervals stay in order. DVSYNC_SEED=n
 * plays case n first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "../base/random.h"
#include "reconcile/history.h"

#define CASES 20000u
#define MAX_VERSIONS 32u
#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

typedef struct versions {
    int64_t from[MAX_VERSIONS];
    int64_t to[MAX_VERSIONS]; /* DVSI_TIME_NONE: it holds */
    uint32_t n;
} versions;

/* The times that a clock may show, near what it showed before or far off, backwards, too. */
static int64_t next_time(int64_t now)
{
    switch (random_below(7)) {
    case 0:
        return now; /* it stood still */
    case 1:
        return now + 1;
    case 2:
        return now / SECOND * SECOND; /* whole seconds */
    case 3:
        return now - (int64_t)random_below((size_t)(3 * DAY));
    case 4:
        return now - (int64_t)random_below(3);
    default:
        return now + (int64_t)random_below((size_t)DAY);
    }
}

static int64_t modified_at(int64_t now, const versions *v)
{
    switch (random_below(6)) {
    case 0:
        return DVSI_TIME_NONE;
    case 1:
        return v->n != 0 ? v->from[v->n - 1] + (int64_t)random_below(3) - 1 : now;
    case 2:
        return v->n != 0 && v->to[v->n - 1] != DVSI_TIME_NONE ? v->to[v->n - 1] + (int64_t)random_below(3) - 1
                                                              : now - 1;
    case 3:
        return now + (int64_t)random_below((size_t)DAY); /* in the future */
    default:
        return next_time(now);
    }
}

/* The record is there and has changed. */
static const char *put(versions *v, int64_t modified, int64_t now)
{
    int64_t from;
    uint32_t last = v->n - 1;
    if (v->n == 0) {
        from = dvsi_history_first(modified, now);
        if (from > now)
            return "the first version begins after it was read";
    } else {
        int open = v->to[last] == DVSI_TIME_NONE;
        from = dvsi_history_next(modified, now, v->from[last], v->to[last]);
        int told = modified != DVSI_TIME_NONE && modified > v->from[last] && modified <= now;
        if (told && open && from != modified)
            return "a modification time that fits was not taken";
        if (from > now && from != v->from[last] + 1 && from != v->to[last])
            return "a version begins in the future, without need";
        if (open)
            v->to[last] = from;
    }
    v->from[v->n] = from;
    v->to[v->n++] = DVSI_TIME_NONE;
    return NULL;
}

static const char *check(const versions *v)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->to[i] == DVSI_TIME_NONE && i + 1 != v->n)
            return "two versions hold";
        if (v->to[i] != DVSI_TIME_NONE && v->to[i] <= v->from[i])
            return "an interval is empty or inverted";
        if (i > 0 && v->from[i] < v->to[i - 1])
            return "intervals overlap";
    }
    return NULL;
}

static const char *any_clock(void)
{
    versions v = {.n = 0};
    int64_t now = INT64_C(1700000000) * SECOND;
    const char *wrong = NULL;
    if (random_below(8) == 0)
        now = -(int64_t)random_below((size_t)(90 * DAY)); /* before 1970 */
    for (size_t runs = random_below(MAX_VERSIONS); runs-- > 0 && wrong == NULL;) {
        now = next_time(now);
        int active = v.n != 0 && v.to[v.n - 1] == DVSI_TIME_NONE;
        if (active && random_below(4) == 0)
            v.to[v.n - 1] = dvsi_history_close(now, v.from[v.n - 1]);
        else
            wrong = put(&v, modified_at(now, &v), now);
        if (wrong == NULL)
            wrong = check(&v);
    }
    return wrong;
}

static void test_any_clock(void **state)
{
    const char *text = getenv("DVSYNC_SEED");
    uint64_t first = text != NULL ? strtoull(text, NULL, 10) : 1;
    (void)state;
    for (uint64_t i = first; i < first + CASES; i++) {
        random_state = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        const char *wrong = any_clock();
        if (wrong != NULL)
            fail_msg("DVSYNC_SEED=%llu: %s", (unsigned long long)i, wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_clock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
