/* A cell that is of another kind than its column, without the flag that says so. */
#include "bad_sink.h"
static int32_t read_rows(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err)
{
    (void)lookup;
    (void)err;
    put_pair(writer, out, 0, dvs_cell_make(DVS_INT64, 7), dvs_cell_make(DVS_INT64, 8));
    return DVS_OK;
}
BAD_SINK(.read = read_rows)
