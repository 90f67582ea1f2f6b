/* A row of fewer cells than asked for. */
#include "bad.h"
static int32_t pull(dvs_reader *reader, dvs_out *out, dvs_error *err)
{
    (void)err;
    static const dvs_row row = {.struct_size = sizeof row, .n_cells = 1};
    reader->host->put_row(reader->host, out, &row);
    return DVS_OK;
}
BAD_SOURCE(.pull = pull)
