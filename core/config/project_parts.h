/* project_parts.h - the parts of reading a project, each in a file of its own. */
#ifndef DVSI_CONFIG_PROJECT_PARTS_H
#define DVSI_CONFIG_PROJECT_PARTS_H

#include "config/keys.h"
#include "config/project.h"

/* Sources and the sink, from the root map. */
void dvsi_project_read_endpoints(dvsi_project *project, const dvsi_node *root, dvsi_problems *problems);
/* The entities, from the list of them; after the endpoints. `options` may be NULL. */
void dvsi_project_read_entities(dvsi_project *project, const dvsi_node *list, const dvsi_node *options,
                                dvsi_problems *problems);
/* The `from` entries of one entity; its name and node are set. */
void dvsi_project_read_from(dvsi_project *project, dvsi_entity *entity, dvsi_problems *problems);
/* What no part can see by itself: reserved, doubled and unknown names, keys that nothing fills. */
void dvsi_project_check_names(dvsi_project *project, dvsi_problems *problems);
void dvsi_project_check_keys(dvsi_project *project, dvsi_problems *problems);

/* The DVS_ kind that `type:` of a map names, -1: none. */
int dvsi_project_kind(const dvsi_key *keys, const dvsi_node *map);
/* Cleared memory from the project's arena; NULL after adding a problem at `node`. */
void *dvsi_project_alloc(dvsi_project *project, size_t count, size_t size, const dvsi_node *node,
                         dvsi_problems *problems);

#endif
