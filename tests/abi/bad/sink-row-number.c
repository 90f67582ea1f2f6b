/* A row in answer to a key that was not asked for. */
#include "bad_sink.h"
static int32_t read_rows(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err)
{
    (void)lookup;
    (void)err;
    put_pair(writer, out, 5, dvs_cell_make(DVS_INT64, 7), dvs_cell_make(DVS_NULL, 0));
    return DVS_OK;
}
BAD_SINK(.read = read_rows)
