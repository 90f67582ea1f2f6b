/* settings.h - a project's settings against a plugin's option table. */
#ifndef DVSI_PLUGIN_SETTINGS_H
#define DVSI_PLUGIN_SETTINGS_H

#include "base/arena.h"
#include "config/project.h"
#include "dvsync/plugin.h"

/* Checks the endpoint's settings against `options` (stride sizeof(dvs_option)) and fills in defaults; the
 * result lives in `arena`. Every mistake adds a problem with its place: unknown name (with the nearest),
 * wrong type, out of range, not among the choices, required but missing. NULL when there was one. `path` is
 * the place in the project ("sources.crm"), `directory` where relative paths start. A secret's value is in
 * no message. */
const dvs_settings *dvsi_settings_resolve(dvsi_arena *arena, const dvs_option *options, uint32_t n_options,
                                          const dvsi_endpoint *endpoint, const char *file, const char *path,
                                          const char *directory, dvsi_problems *problems);

#endif
