/* history.c - the times of versions. */
#include "reconcile/history.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The first moment at which a version that began at `valid_from` can be over: none is empty. */
static int64_t behind(int64_t valid_from)
{
    return valid_from != DVSI_TIME_NONE && valid_from < INT64_MAX ? valid_from + 1 : valid_from;
}

int64_t dvsi_history_first(int64_t modified, int64_t read_at)
{
    return modified != DVSI_TIME_NONE && modified < read_at ? modified : read_at;
}

int64_t dvsi_history_next(int64_t modified, int64_t read_at, int64_t valid_from, int64_t valid_to)
{
    int64_t begins = later(read_at, behind(valid_from));
    if (modified > valid_from && modified <= read_at)
        begins = modified;
    return later(begins, valid_to);
}

int64_t dvsi_history_close(int64_t read_at, int64_t valid_from)
{
    return later(read_at, behind(valid_from));
}
