#include "config/project.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/file.h"
#include "config/project_parts.h"

#define DAY ((int64_t)86400 * 1000000)

void *dvsi_project_alloc(dvsi_project *project, size_t count, size_t size, const dvsi_node *node,
                         dvsi_problems *problems)
{
    void *memory = dvsi_arena_calloc(&project->arena, count, size);
    if (!memory)
        dvsi_node_error(problems, node, "memory ran out");
    return memory;
}

static void read_options(dvsi_project *project, const dvsi_node *node, dvsi_problems *problems)
{
    dvsi_options *options = &project->options;
    const char *text;

    *options = (dvsi_options){
        .concurrency = 8, .full_every = 7 * DAY, .max_delete = {.is_percent = 1, .percent = 20}};
    if (!node || node->type != DVSI_NODE_MAP)
        return;
    dvsi_check_map(problems, node, dvsi_keys_options);
    options->concurrency = dvsi_check_int(node, "concurrency", options->concurrency);
    options->stop_on_row_error = dvsi_check_choice(dvsi_keys_options, node, "on_row_error", 0) == 1;
    text = dvsi_check_text(node, "full_every");
    if (text)
        (void)dvsi_duration_parse(text, &options->full_every); /* checked, or open: then the default stays */
    text = dvsi_check_text(node, "max_delete");
    if (text)
        (void)dvsi_limit_parse(text, &options->max_delete);
}

static int is_settings(const dvsi_node *node)
{
    return node->key && strcmp(node->key, "settings") == 0 && node->parent && node->parent->parent;
}

/* Everything but settings may be shown or stored, so a secret may stand nowhere else. The depth is that of
 * the file, which is bounded. */
static void check_secrets(const dvsi_node *node, dvsi_problems *problems)
{
    if (node->type == DVSI_NODE_SCALAR && node->secret)
        dvsi_node_value_error(problems, node,
                              "a value from a file is kept secret and may stand in settings only");
    if (is_settings(node))
        return;
    for (const dvsi_node *child = node->first; child; child = child->next)
        check_secrets(child, problems);
}

static void read_root(dvsi_project *project, const dvsi_node *root, dvsi_problems *problems)
{
    const dvsi_node *options = dvsi_node_get(root, "options");
    const dvsi_node *entities = dvsi_node_get(root, "entities");

    dvsi_check_map(problems, root, dvsi_keys_project);
    if (root->type != DVSI_NODE_MAP)
        return;
    project->name = dvsi_check_text(root, "name");
    read_options(project, options, problems);
    dvsi_project_read_endpoints(project, root, problems);
    if (entities && entities->type == DVSI_NODE_LIST)
        dvsi_project_read_entities(project, entities, options, problems);
    uint32_t errors = problems->n_errors;
    check_secrets(root, problems);
    if (problems->n_errors > errors)
        return; /* the checks below name names */
    dvsi_project_check_names(project, problems);
    dvsi_project_check_keys(project, problems);
}

/* `data` NULL: from the file. */
static dvsi_project *read_project(const char *path, const char *data, size_t length, uint32_t flags,
                                  dvsi_problems *problems)
{
    uint32_t errors = problems->n_errors;
    dvsi_project *project = calloc(1, sizeof(*project));
    dvsi_node *root = NULL;

    if (!project) {
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, path, 0, 0, "", "memory ran out");
        return NULL;
    }
    root = data ? dvsi_node_parse(&project->arena, path, data, length, problems)
                : dvsi_node_read(&project->arena, path, problems);
    if (!root)
        goto out;
    project->file = root->file;
    project->directory = dvsi_file_directory(&project->arena, path);
    if (!project->directory) {
        dvsi_problem_add(problems, DVSI_PROBLEM_ERROR, path, 0, 0, "", "its folder could not be found: %s",
                         strerror(errno));
        goto out;
    }
    if (flags & DVSI_PROJECT_INTERPOLATE)
        dvsi_node_interpolate(&project->arena, root, project->directory, problems);
    else
        dvsi_node_mark_open(root);
    read_root(project, root, problems);
out:
    if (!root || problems->n_errors > errors) {
        dvsi_project_free(project);
        return NULL;
    }
    return project;
}

dvsi_project *dvsi_project_read(const char *path, uint32_t flags, dvsi_problems *problems)
{
    return read_project(path, NULL, 0, flags, problems);
}

dvsi_project *dvsi_project_parse(const char *path, const char *data, size_t length, uint32_t flags,
                                 dvsi_problems *problems)
{
    return read_project(path, data, length, flags, problems);
}

void dvsi_project_free(dvsi_project *project)
{
    if (!project)
        return;
    dvsi_arena arena = project->arena; /* the project itself is not in it */
    free(project);
    dvsi_arena_free(&arena);
}

const dvsi_endpoint *dvsi_project_source(const dvsi_project *project, const char *name)
{
    for (uint32_t i = 0; i < project->n_sources; i++)
        if (strcmp(project->sources[i].name, name) == 0)
            return &project->sources[i];
    return NULL;
}
