/* Cells of another kind than described. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    put_cells(reader, out, dvs_cell_make(DVS_INT64, 1), dvs_cell_make(DVS_INT64, 2));
    put_point(reader, out, DVS_CHECKPOINT_END, NULL, 0);
    return DVS_END;
}
BAD_SOURCE(.pull = pull)
