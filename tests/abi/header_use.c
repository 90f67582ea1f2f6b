/* header_use.c - the macros and inline functions of the public headers in use, in C11 and C++11 alike. */
#include <dvsync/plugin_util.h>

struct dvs_source {
    const dvs_host *host;
    const dvs_settings *settings;
};

static int32_t use_source(struct dvs_source *source, dvs_out *out, dvs_error *err)
{
    dvs_cell cells[2];
    dvs_row row;
    int32_t status = DVS_OK;

    cells[0] = dvs_cell_make(DVS_INT64, dvs_setting_int(source->settings, "start", 1));
    cells[1] = dvs_cell_make_bytes(DVS_TEXT, "x", 1);
    memset(&row, 0, sizeof row);
    row.struct_size = (uint32_t)sizeof row;
    row.n_cells = 2;
    row.cells = cells;
    if (DVS_HAS(source->host, dvs_host, put_row) &&
        dvs_put_done(source->host->put_row(source->host, out, &row), &status, err))
        return status;
    return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "%s is wrong",
                    dvs_setting_text(source->settings, "name", "the name"));
}

extern int32_t use(struct dvs_source *source, dvs_out *out);
int32_t use(struct dvs_source *source, dvs_out *out)
{
    dvs_error err = DVS_ERROR_INIT;
    return use_source(source, out, &err);
}

const dvs_plugin *dvs_plugin_v1(void)
{
    static const dvs_plugin plugin = {
        (uint32_t)sizeof(dvs_plugin), DVS_ABI_MAJOR, DVS_ABI_MINOR, 0, "use", "1", "", NULL, NULL};
    return &plugin;
}
