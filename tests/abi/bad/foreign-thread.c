/* Pushes from a thread of its own. */
#include <pthread.h>

#include "bad.h"

typedef struct work {
    dvs_reader *reader;
    dvs_out *out;
    int32_t answer;
} work;

static void *run(void *context)
{
    work *w = context;
    w->answer = put_thing(w->reader, w->out, 1, "one");
    return NULL;
}

static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    work w = {reader, out, -1};
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, &w) != 0)
        return dvs_fail(err, DVS_E_INTERNAL, 0, "no thread");
    pthread_join(thread, NULL);
    if (w.answer != DVS_PUT_FATAL)
        return dvs_fail(err, DVS_E_INTERNAL, 0, "the host took a row from a foreign thread");
    put_point(reader, out, DVS_CHECKPOINT_END, NULL, 0);
    return DVS_END;
}
BAD_SOURCE(.pull = pull)
