/* Names that are reserved, doubled or not there. */
#include "config/project_parts.h"

#include <string.h>

#include "base/utf8.h"
#include "config/check.h"
#include "config/names.h"
#include "config/nearest.h"

#define CURRENT_SUFFIX "_current"

static int begins_with(const char *text, const char *prefix)
{
    for (; *prefix; text++, prefix++)
        if ((*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text) != *prefix)
            return 0;
    return 1;
}

static const dvsi_node *name_node(const dvsi_entity *entity)
{
    const dvsi_node *node = dvsi_node_get(entity->node, "name");
    return node ? node : entity->node;
}

/* `X_current` is the view over the entity X. */
static void check_current(dvsi_project *project, const dvsi_entity *entity, const dvsi_names *entities,
                          dvsi_problems *problems)
{
    size_t length = strlen(entity->name);
    size_t suffix = strlen(CURRENT_SUFFIX);
    if (length <= suffix || !begins_with(entity->name + length - suffix, CURRENT_SUFFIX))
        return;
    const char *base = dvsi_arena_copy(&project->arena, entity->name, length - suffix);
    if (base && dvsi_names_find(entities, base))
        dvsi_node_value_error(
            problems, name_node(entity),
            "\"%.80s\" is the name of the view over the active rows of \"%.80s\": rename one of "
            "them, for instance to \"%.80s_now\"",
            entity->name, base, base);
}

static void check_entity_name(const dvsi_entity *entity, dvsi_problems *problems)
{
    const dvsi_node *node = name_node(entity);
    int is_reserved = dvsi_utf8_casecmp(entity->name, DVSI_KEYS_LINEAGE_VIEW) == 0;

    for (const char *const *prefix = dvsi_keys_reserved_prefixes; *prefix; prefix++)
        is_reserved |= begins_with(entity->name, *prefix);
    if (is_reserved)
        dvsi_node_value_error(
            problems, node,
            "the name \"%.80s\" is reserved for tables and views of dvsync or the sink: rename the "
            "entity, for instance to \"my_%.80s\", and give its name in the source in \"from\"",
            entity->name, entity->name[0] == '_' ? entity->name + 1 : entity->name);
    else if (strlen(entity->name) > DVSI_KEYS_MOST_ENTITY && strlen(entity->name) <= DVSI_KEYS_MOST_IDENT)
        dvsi_node_value_error(problems, node, "the name of an entity has at most %zu bytes",
                              DVSI_KEYS_MOST_ENTITY);
}

static void check_field_name(const char *name, const dvsi_node *node, dvsi_problems *problems)
{
    for (const char *const *column = dvsi_keys_system_columns; *column; column++)
        if (dvsi_utf8_casecmp(name, *column) == 0)
            dvsi_node_error(
                problems, node,
                "\"%s\" is a column of dvsync's own in every table: rename the field, for instance to "
                "\"source_%s\"",
                name, *column);
}

static void check_fields(dvsi_project *project, const dvsi_entity *entity, const dvsi_from *from,
                         dvsi_problems *problems)
{
    dvsi_names names;
    if (dvsi_names_init(&project->arena, &names, (size_t)from->n_fields)) {
        dvsi_node_error(problems, from->node, "memory ran out");
        return;
    }
    for (uint32_t i = 0; i < from->n_fields; i++) {
        const dvsi_field *field = &from->fields[i];
        dvsi_names_add(&names, field->name, field->node);
        if (field->kind != DVSI_FIELD_EXCLUDE)
            check_field_name(field->name, field->node, problems);
    }
    dvsi_names_sort(&names);
    dvsi_names_report(&names, "fields", problems);
    for (uint32_t i = 0; i < entity->n_derived; i++)
        for (uint32_t k = 0; k < from->n_fields && dvsi_names_find(&names, entity->derived[i].name); k++)
            if (from->fields[k].kind != DVSI_FIELD_EXCLUDE &&
                dvsi_utf8_casecmp(from->fields[k].name, entity->derived[i].name) == 0)
                dvsi_node_error(problems, entity->derived[i].node,
                                "the field is derived and comes from \"%.80s\", too",
                                from->label ? from->label : "a source");
}

static void check_labels(dvsi_project *project, const dvsi_entity *entity, dvsi_problems *problems)
{
    const dvsi_node *list = dvsi_node_get(entity->node, "records_from");
    dvsi_names labels;

    if (dvsi_names_init(&project->arena, &labels, entity->n_from)) {
        dvsi_node_error(problems, entity->node, "memory ran out");
        return;
    }
    for (uint32_t i = 0; i < entity->n_from; i++)
        dvsi_names_add(&labels, entity->from[i].label, entity->from[i].node);
    dvsi_names_sort(&labels);
    for (uint32_t i = 1; i < labels.n; i++)
        if (dvsi_utf8_casecmp(labels.names[i - 1].text, labels.names[i].text) == 0)
            dvsi_node_error(problems, labels.names[i].node,
                            "\"%.80s\" stands here twice: give one of them a name of its own with \"as\"",
                            labels.names[i].text);
    for (uint32_t i = 0; list && i < entity->n_records_from; i++) {
        const char *label = entity->records_from[i];
        dvsi_nearest nearest = {.name = label};
        if (dvsi_names_find(&labels, label) || labels.n == 0)
            continue;
        for (uint32_t k = 0; k < labels.n && dvsi_check_wants_hints(problems); k++)
            dvsi_nearest_offer(&nearest, labels.names[k].text);
        dvsi_node_value_error(problems, list, "no \"from\" of this entity is called \"%.80s\"%s%s%s", label,
                              nearest.best ? "; did you mean \"" : "", nearest.best ? nearest.best : "",
                              nearest.best ? "\"?" : "");
    }
}

static void check_references(const dvsi_project *project, const dvsi_from *from, const dvsi_names *entities,
                             dvsi_problems *problems)
{
    for (uint32_t i = 0; i < from->n_fields; i++) {
        const dvsi_field *field = &from->fields[i];
        const dvsi_node *node = dvsi_node_get(field->node, "refers_to");
        dvsi_nearest nearest = {.name = field->refers_to};
        if (!field->refers_to || !node || node->open || dvsi_names_find(entities, field->refers_to))
            continue;
        for (uint32_t k = 0; k < project->n_entities && dvsi_check_wants_hints(problems); k++)
            dvsi_nearest_offer(&nearest, project->entities[k].name);
        dvsi_node_value_error(problems, node, "there is no entity \"%.80s\"%s%s%s", field->refers_to,
                              nearest.best ? "; did you mean \"" : "", nearest.best ? nearest.best : "",
                              nearest.best ? "\"?" : "");
    }
}

/* What is read by following references is all that its entity has. */
static void check_scope(const dvsi_entity *entity, const dvsi_from *from, dvsi_problems *problems)
{
    const dvsi_node *node = dvsi_node_get(from->node, "scope");
    if (node && from->scope_referenced && entity->n_from > 1)
        dvsi_node_error(problems, node,
                        "an entity with several \"from\" cannot be read by its references: use \"all\"");
}

static void check_derived(dvsi_project *project, const dvsi_entity *entity, dvsi_problems *problems)
{
    dvsi_names names;
    if (entity->n_derived == 0 || dvsi_names_init(&project->arena, &names, entity->n_derived))
        return;
    for (uint32_t i = 0; i < entity->n_derived; i++) {
        dvsi_names_add(&names, entity->derived[i].name, entity->derived[i].node);
        check_field_name(entity->derived[i].name, entity->derived[i].node, problems);
    }
    dvsi_names_sort(&names);
    dvsi_names_report(&names, "fields", problems);
}

void dvsi_project_check_names(dvsi_project *project, dvsi_problems *problems)
{
    dvsi_names entities;
    if (project->n_entities == 0)
        return;
    if (dvsi_names_init(&project->arena, &entities, project->n_entities)) {
        dvsi_node_error(problems, project->entities[0].node, "memory ran out");
        return;
    }
    for (uint32_t i = 0; i < project->n_entities; i++)
        dvsi_names_add(&entities, project->entities[i].name, name_node(&project->entities[i]));
    dvsi_names_sort(&entities);
    dvsi_names_report(&entities, "entities", problems);
    for (uint32_t i = 0; i < project->n_entities; i++) {
        const dvsi_entity *entity = &project->entities[i];
        check_entity_name(entity, problems);
        check_current(project, entity, &entities, problems);
        check_labels(project, entity, problems);
        check_derived(project, entity, problems);
        for (uint32_t k = 0; k < entity->n_from; k++) {
            check_fields(project, entity, &entity->from[k], problems);
            check_references(project, &entity->from[k], &entities, problems);
            check_scope(entity, &entity->from[k], problems);
        }
    }
}
