/* write fails for a row that it was not given. */
#include "bad_sink.h"
static int32_t write_rows(dvs_writer *writer, const dvs_write *write, dvs_error *err)
{
    (void)writer;
    (void)write;
    err->row = 99;
    return dvs_fail(err, DVS_E_DATA, DVS_SCOPE_ROW, "does not fit");
}
BAD_SINK(.write = write_rows)
