/* Cells of a kind that does not exist. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_cells(reader, out, dvs_cell_make(200, 1), dvs_cell_make(DVS_NULL, 0));
    put_point(reader, out, DVS_CHECKPOINT_END, NULL, 0);
    return DVS_END;
}
BAD_SOURCE(.pull = pull)
