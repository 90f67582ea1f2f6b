/* load.h - one plugin file: dlopen, handshake, its tables made ours. */
#ifndef DVSI_PLUGIN_LOAD_H
#define DVSI_PLUGIN_LOAD_H

#include "base/arena.h"
#include "plugin/registry.h"

/* A file, whatever its name; the plugin of a file that was loaded before is the same one. Any thread. */
int32_t dvsi_load_file(const char *path, const dvsi_plugin **plugin, dvs_error *err);

/* [a-z][a-z0-9-]{0,31} */
int dvsi_plugin_name_valid(const char *name);

/* Fill in plugin->source / ->sink from the plugin's own table, which may be shorter or longer than ours:
 * option table with our stride, in `arena`; stubs in empty optional slots. DVS_E_ABI with `path` for a table
 * that cannot be used. */
int32_t dvsi_take_source(dvsi_plugin *plugin, dvsi_arena *arena, const dvs_source_api *table, dvs_error *err);
int32_t dvsi_take_sink(dvsi_plugin *plugin, dvsi_arena *arena, const dvs_sink_api *table, dvs_error *err);

#endif
