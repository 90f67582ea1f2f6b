/* options.c - copying option structs by their size. */
#include "api/options.h"

#include <string.h>

#include "base/error.h"

int32_t dvsi_api_sync_options(const dvs_sync_options *options, dvs_sync_options *all, dvs_error *err)
{
    const dvs_sync_options defaults = DVS_SYNC_OPTIONS_INIT;
    *all = defaults;
    if (options == NULL)
        return DVS_OK;
    if (options->struct_size < sizeof options->struct_size)
        return dvsi_error_set(err, DVS_E_USAGE, "dvs_sync_options.struct_size is not set");
    memcpy(all, options, options->struct_size < sizeof *all ? options->struct_size : sizeof *all);
    all->struct_size = sizeof *all;
    if (all->rebuild && all->n_entities == 0)
        return dvsi_error_set(err, DVS_E_USAGE,
                              "rebuild needs the names of the entities whose tables are to be made anew");
    if (all->rebuild && all->row_limit != 0)
        return dvsi_error_set(err, DVS_E_USAGE, "rebuild reads everything: it does not go with row_limit");
    if (all->rebuild && all->dry_run)
        return dvsi_error_set(err, DVS_E_USAGE, "rebuild cannot be previewed: it does not go with dry_run");
    return DVS_OK;
}
