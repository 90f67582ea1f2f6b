/* The sources and the sink of a project. */
#include "config/project_parts.h"

#include <string.h>

#include "config/check.h"

static void read_endpoint(dvsi_endpoint *endpoint, const dvsi_node *node, const char *name,
                          const dvsi_key *keys, dvsi_problems *problems)
{
    dvsi_check_map(problems, node, keys);
    endpoint->name = name;
    endpoint->node = node;
    endpoint->plugin = dvsi_check_text(node, "plugin");
    endpoint->priority = dvsi_check_int(node, "priority", 0);
    endpoint->settings = dvsi_node_get(node, "settings");
    if (endpoint->settings && endpoint->settings->type != DVSI_NODE_MAP)
        endpoint->settings = NULL;
}

/* `at_key`: the name is the node's key; else it is the plugin's name, from the short form. */
static void check_name(const dvsi_node *node, const char *name, int at_key, dvsi_problems *problems)
{
    if (name && strcmp(name, "sink") == 0)
        dvsi_node_error(problems, node,
                        at_key
                            ? "no source may be called \"sink\": the name stands for the sink in conflicts"
                            : "no source may be called \"sink\": use \"sources\" and give it another name");
    else if (at_key && !dvsi_keys_is_name(name))
        dvsi_node_error(problems, node,
                        "the name of a source is 1 to 64 letters, digits, \"_\", \".\" and \"-\"");
}

static void read_one(dvsi_project *project, const dvsi_node *node, dvsi_problems *problems)
{
    dvsi_endpoint *source = dvsi_project_alloc(project, 1, sizeof(*source), node, problems);
    if (!source)
        return;
    read_endpoint(source, node, NULL, dvsi_keys_source, problems);
    source->name = source->plugin;
    check_name(node, source->name, 0, problems);
    if (!source->name)
        return; /* reported; a source without a name would not be found anyway */
    project->sources = source;
    project->n_sources = 1;
}

static void read_several(dvsi_project *project, const dvsi_node *map, dvsi_problems *problems)
{
    dvsi_endpoint *sources = dvsi_project_alloc(project, map->n_children, sizeof(*sources), map, problems);
    uint32_t n = 0;
    if (!sources)
        return;
    for (const dvsi_node *node = map->first; node; node = node->next) {
        check_name(node, node->key, 1, problems);
        read_endpoint(&sources[n++], node, node->key, dvsi_keys_source, problems);
    }
    project->sources = sources;
    project->n_sources = n;
}

void dvsi_project_read_endpoints(dvsi_project *project, const dvsi_node *root, dvsi_problems *problems)
{
    const dvsi_node *several = dvsi_node_get(root, "sources");
    const dvsi_node *one = dvsi_node_get(root, "source");
    const dvsi_node *sink = dvsi_node_get(root, "sink");

    if (!several && !one)
        dvsi_node_error(problems, root, "\"sources\" is missing: where the records come from");
    if (several && one)
        dvsi_node_error(
            problems, several->key_line > one->key_line ? several : one,
            "\"source\" and \"sources\" cannot stand together: put all of them under \"sources\"");
    if (several && several->type == DVSI_NODE_MAP)
        read_several(project, several, problems);
    else if (one && one->type == DVSI_NODE_MAP)
        read_one(project, one, problems);
    if (sink && sink->type == DVSI_NODE_MAP)
        read_endpoint(&project->sink, sink, "sink", dvsi_keys_sink, problems);
}
