/* A row error, which a sink cannot have. */
#include "bad_sink.h"
static int32_t read_rows(dvs_writer *writer, const dvs_lookup *lookup, dvs_out *out, dvs_error *err)
{
    (void)lookup;
    (void)err;
    static const dvs_row_error error = {.struct_size = sizeof error, .message = "no"};
    host_of(writer)->put_error(host_of(writer), out, &error);
    return DVS_OK;
}
BAD_SINK(.read = read_rows)
