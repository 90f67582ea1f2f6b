/* The entities of a project. */
#include "config/project_parts.h"

#include "config/check.h"

static void read_derived(dvsi_project *project, dvsi_entity *entity, const dvsi_node *map,
                         dvsi_problems *problems)
{
    dvsi_derived *derived = dvsi_project_alloc(project, map->n_children, sizeof(*derived), map, problems);
    if (!derived)
        return;
    for (const dvsi_node *node = map->first; node; node = node->next) {
        dvsi_derived *field = &derived[entity->n_derived++];
        field->name = node->key;
        field->node = node;
        field->type = -1;
        (void)dvsi_check_ident(problems, node, 1, "a field");
        if (node->type == DVSI_NODE_SCALAR) {
            field->expr = dvsi_check_scalar_text(node);
            if (!field->expr)
                dvsi_node_value_error(problems, node, "must be an SQL expression over the entity's fields");
        } else {
            dvsi_check_map(problems, node, dvsi_keys_derived);
            field->expr = dvsi_check_text(node, "expr");
            field->type = dvsi_project_kind(dvsi_keys_derived, node);
        }
    }
    entity->derived = derived;
}

static void read_long_form(dvsi_project *project, dvsi_entity *entity, const dvsi_node *node,
                           dvsi_problems *problems)
{
    const dvsi_key *keys = dvsi_keys_entity;
    const dvsi_node *derived = dvsi_node_get(node, "derived");

    dvsi_check_map(problems, node, keys);
    entity->name = dvsi_check_text(node, "name");
    entity->key = dvsi_check_texts(&project->arena, problems, node, "key", &entity->n_key);
    entity->records_from =
        dvsi_check_texts(&project->arena, problems, node, "records_from", &entity->n_records_from);
    entity->history = (dvsi_history)dvsi_check_choice(keys, node, "history", (int)entity->history);
    entity->deletes = (dvsi_deletes)dvsi_check_choice(keys, node, "deletes", (int)entity->deletes);
    entity->schema = (dvsi_schema_rule)dvsi_check_choice(keys, node, "schema", (int)entity->schema);
    entity->keep_raw = dvsi_check_bool(node, "keep_raw", entity->keep_raw);
    entity->adopt = dvsi_check_bool(node, "adopt", 0);
    if (derived && derived->type == DVSI_NODE_MAP)
        read_derived(project, entity, derived, problems);
}

static void read_entity(dvsi_project *project, dvsi_entity *entity, const dvsi_node *node,
                        dvsi_problems *problems)
{
    entity->node = node;
    if (node->type == DVSI_NODE_MAP) {
        read_long_form(project, entity, node, problems);
    } else {
        entity->name = dvsi_check_scalar_text(node);
        if (!entity->name)
            dvsi_node_value_error(problems, node, "must be the name of an entity, or a map with \"name\"");
        else
            (void)dvsi_check_ident(problems, node, 0, "an entity");
    }
    if (!entity->name)
        entity->name = "";
    dvsi_project_read_from(project, entity, problems);
}

void dvsi_project_read_entities(dvsi_project *project, const dvsi_node *list, const dvsi_node *options,
                                dvsi_problems *problems)
{
    const dvsi_key *keys = dvsi_keys_options;
    const dvsi_entity defaults = {
        .history = (dvsi_history)dvsi_check_choice(keys, options, "history", DVSI_HISTORY_NONE),
        .deletes = (dvsi_deletes)dvsi_check_choice(keys, options, "deletes", DVSI_DELETES_SOFT),
        .schema = (dvsi_schema_rule)dvsi_check_choice(keys, options, "schema", DVSI_SCHEMA_LOCK),
        .keep_raw = dvsi_check_bool(options, "keep_raw", 1),
    };
    dvsi_entity *entities = dvsi_project_alloc(project, list->n_children, sizeof(*entities), list, problems);
    uint32_t n = 0;

    if (!entities)
        return;
    for (const dvsi_node *node = list->first; node; node = node->next) {
        entities[n] = defaults;
        read_entity(project, &entities[n++], node, problems);
    }
    project->entities = entities;
    project->n_entities = n;
}
