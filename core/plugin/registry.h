/* registry.h - finding, loading and shaking hands with plugins. */
#ifndef DVSI_PLUGIN_REGISTRY_H
#define DVSI_PLUGIN_REGISTRY_H

#include "base/log.h"
#include "dvsync/plugin.h"

#define DVSI_PLUGIN_SOURCE 1u
#define DVSI_PLUGIN_SINK 2u

/* A loaded plugin: its tables copied into full-sized ones of ours, stubs in the optional slots that it does
 * not have (they answer DVS_E_UNSUPPORTED or do nothing), so that nobody tests for NULL. Lives until the
 * process ends. */
typedef struct dvsi_plugin {
    const char *path;
    const char *name;
    const char *version;
    const char *doc;
    uint32_t abi_minor;
    uint32_t offers;       /* DVSI_PLUGIN_SOURCE | DVSI_PLUGIN_SINK */
    dvs_source_api source; /* options: normalised to sizeof(dvs_option) stride */
    dvs_sink_api sink;
    uint32_t has_fetch; /* which optional slots are the plugin's own */
    uint32_t has_check;
    uint32_t has_missing;
    uint32_t has_load;
    uint32_t has_clock;
} dvsi_plugin;

typedef struct dvsi_registry dvsi_registry;

/* `paths`: directories in the order of search (not NULL inside), relative ones made absolute now; the
 * environment's (relative ones refused) and the installed one are added behind them. NULL when memory is out.
 * A registry may be used by several threads at once. */
dvsi_registry *dvsi_registry_new(const char *const *paths, uint32_t n_paths);
void dvsi_registry_free(dvsi_registry *registry);

/* The plugin `name` that offers `role` (0: any): dvsync-source-NAME.so, dvsync-sink-NAME.so or dvsync-NAME.so
 * in the first directory that has one. Errors: no such name (with the directories searched and the nearest
 * name), a file or directory that others can write, not loadable, no entry symbol, wrong major, short struct,
 * missing slot; each names the file. */
int32_t dvsi_registry_load(dvsi_registry *registry, const char *name, uint32_t role,
                           const dvsi_plugin **plugin, dvs_error *err);
/* Loads one file, whatever its name. */
int32_t dvsi_registry_load_file(dvsi_registry *registry, const char *path, const dvsi_plugin **plugin,
                                dvs_error *err);

/* Calls `each` for every plugin file found, by name; those that cannot be loaded with plugin NULL and the
 * error. Of several of one name, the first in the order of search. */
typedef void dvsi_registry_each_fn(void *context, const char *path, const dvsi_plugin *plugin,
                                   const dvs_error *err);
void dvsi_registry_each(dvsi_registry *registry, dvsi_registry_each_fn *each, void *context);

#endif
