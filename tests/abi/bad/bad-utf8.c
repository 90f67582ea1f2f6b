/* Text that is not UTF-8, and text with a NUL: row errors, the read goes on. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    if (put_cells(reader, out, dvs_cell_make(DVS_INT64, 1), dvs_cell_make_bytes(DVS_TEXT, "\xc3(", 2)) !=
            DVS_PUT_ROW_ERROR ||
        put_cells(reader, out, dvs_cell_make(DVS_INT64, 2), dvs_cell_make_bytes(DVS_TEXT, "a\0b", 3)) !=
            DVS_PUT_ROW_ERROR)
        return DVS_E_INTERNAL;
    return good_pull(reader, out, err);
}
BAD_SOURCE(.pull = pull)
