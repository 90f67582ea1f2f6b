/* Stored text that is not UTF-8, not flagged. */
#include "bad_sink.h"
static int32_t read_rows(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err)
{
    (void)lookup;
    (void)err;
    put_pair(writer, out, 0, dvs_cell_make(DVS_INT64, 7), dvs_cell_make_bytes(DVS_TEXT, "\xff", 1));
    return DVS_OK;
}
BAD_SINK(.read = read_rows)
