/* A flag that is for sinks. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    dvs_cell cell = dvs_cell_make(DVS_INT64, 1);
    cell.flags = DVS_CELL_MISTYPED;
    put_cells(reader, out, cell, dvs_cell_make(DVS_NULL, 0));
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
