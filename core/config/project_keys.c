/* The keys of entities: fields that can be keys, and that every source fills. */
#include "config/project_parts.h"

#include "base/utf8.h"
#include "config/check.h"
#include "config/names.h"
#include "data/cell.h"

#define MOST_KEY_FIELDS 32

static const dvsi_field *find_field(const dvsi_from *from, const char *name)
{
    for (uint32_t i = 0; i < from->n_fields; i++)
        if (dvsi_utf8_casecmp(from->fields[i].name, name) == 0)
            return &from->fields[i];
    return NULL;
}

static int is_derived(const dvsi_entity *entity, const char *name)
{
    for (uint32_t i = 0; i < entity->n_derived; i++)
        if (dvsi_utf8_casecmp(entity->derived[i].name, name) == 0)
            return 1;
    return 0;
}

/* One key field against one `from`. `node` is where the key field is named. */
static void check_mapping(const dvsi_entity *entity, const dvsi_from *from, const char *key,
                          const dvsi_node *node, dvsi_problems *problems)
{
    const dvsi_field *field = find_field(from, key);
    const char *label = from->label ? from->label : "the source";

    if (!field && !from->all_fields && !is_derived(entity, key))
        dvsi_node_value_error(problems, node,
                              "the key field \"%.80s\" is not among the fields from \"%.80s\": add it there",
                              key, label);
    else if (field && field->kind == DVSI_FIELD_EXCLUDE)
        dvsi_node_error(problems, field->node, "\"%.80s\" is a key field and cannot be left out", key);
    else if (field && field->kind == DVSI_FIELD_STATIC && !field->from)
        dvsi_node_error(problems, field->node, "\"%.80s\" is a key field and cannot be null", key);
    else if (field && field->authority == DVSI_REFERENCE)
        dvsi_node_error(problems, field->node,
                        "\"%.80s\" is a key field: every source says it, none by reference", key);
    else if (field && field->type >= 0 && !dvsi_kind_is_key((uint32_t)field->type))
        dvsi_node_error(problems, field->node, "\"%.80s\" is a key field and cannot be of type %s", key,
                        dvsi_kind_name((uint32_t)field->type));
}

static void check_key(dvsi_project *project, const dvsi_entity *entity, dvsi_problems *problems)
{
    const dvsi_node *node = dvsi_node_get(entity->node, "key");
    const dvsi_node *item = node && node->type == DVSI_NODE_LIST ? node->first : node;
    dvsi_names names;

    if (!item)
        return;
    if (entity->n_key > MOST_KEY_FIELDS) {
        dvsi_node_value_error(problems, node, "a key has at most %d fields", MOST_KEY_FIELDS);
        return;
    }
    if (dvsi_names_init(&project->arena, &names, entity->n_key)) {
        dvsi_node_error(problems, node, "memory ran out");
        return;
    }
    for (; item && (item == node || item->parent == node); item = item == node ? NULL : item->next) {
        const char *key = dvsi_check_scalar_text(item);
        if (!key || item->open)
            continue;
        dvsi_names_add(&names, key, item);
        if (is_derived(entity, key))
            dvsi_node_value_error(problems, item, "the key field \"%.80s\" cannot be derived", key);
        for (uint32_t i = 0; i < entity->n_from; i++)
            check_mapping(entity, &entity->from[i], key, item, problems);
    }
    dvsi_names_sort(&names);
    dvsi_names_report(&names, "key fields", problems);
}

void dvsi_project_check_keys(dvsi_project *project, dvsi_problems *problems)
{
    for (uint32_t i = 0; i < project->n_entities; i++)
        check_key(project, &project->entities[i], problems);
}
