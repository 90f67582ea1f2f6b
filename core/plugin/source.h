/* source.h - inside of a source and its readers. */
#ifndef DVSI_PLUGIN_SOURCE_H
#define DVSI_PLUGIN_SOURCE_H

#include "plugin/guest.h"
#include "plugin/out.h"

struct dvsi_source {
    dvsi_guest guest;
    const dvs_source_api *api;
    dvs_source *source;
    char *name;
};

/* DVS_OK, or the error that a slot succeeded without making its object. */
int32_t dvsi_made_object(const dvsi_plugin *plugin, const char *slot, const void *object, dvs_error *err);
/* The names and addresses of a schema's columns, in `arena`; DVS_E_NO_MEMORY. */
int32_t dvsi_column_names(dvsi_arena *arena, const dvsi_schema *schema, const char *const **names,
                          const dvs_column *const **columns);

#endif
