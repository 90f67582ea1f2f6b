/* Not bad: stored values that do not fit, flagged; one is not even text. */
#include "bad_sink.h"
static int32_t read_rows(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err)
{
    (void)lookup;
    (void)err;
    dvs_cell id = dvs_cell_make_bytes(DVS_TEXT, "\xff", 1), name = dvs_cell_make(DVS_INT64, 8);
    id.flags = name.flags = DVS_CELL_MISTYPED;
    put_pair(writer, out, 0, id, name);
    return DVS_OK;
}
BAD_SINK(.read = read_rows)
