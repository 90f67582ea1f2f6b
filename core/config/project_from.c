/* The `from` entries of an entity and their fields. */
#include "config/project_parts.h"

#include <string.h>

#include "config/check.h"
#include "config/nearest.h"
#include "data/cell.h"

int dvsi_project_kind(const dvsi_key *keys, const dvsi_node *map)
{
    const char *name = dvsi_check_choice(keys, map, "type", -1) < 0 ? NULL : dvsi_check_text(map, "type");
    return name ? dvsi_kind_from_name(name) : -1;
}

static void read_static(dvsi_field *field, const dvsi_node *node, dvsi_problems *problems)
{
    dvsi_arena scratch = {0};
    dvs_cell cell = {0};

    field->kind = DVSI_FIELD_STATIC;
    field->from = node->type == DVSI_NODE_SCALAR && !dvsi_node_is_null(node) ? node->text : NULL;
    if (!field->from || field->type < 0 || node->open || node->secret)
        return;
    const dvs_cell text = dvsi_cell_text_n(node->text, node->length);
    const char *wrong = dvsi_cell_convert(&scratch, (uint32_t)field->type, &text, &cell);
    if (wrong)
        dvsi_node_value_error(problems, node, "%s is no value of type %s: it %s",
                              dvsi_node_show(&scratch, node), dvsi_kind_name((uint32_t)field->type), wrong);
    dvsi_arena_free(&scratch);
}

static void read_field_map(dvsi_field *field, const dvsi_node *node, dvsi_problems *problems)
{
    const dvsi_key *keys = dvsi_keys_field;
    const dvsi_node *from = dvsi_node_get(node, "from");
    const dvsi_node *expr = dvsi_node_get(node, "expr");
    const dvsi_node *fixed = dvsi_node_get(node, "static");

    dvsi_check_map(problems, node, keys);
    field->type = dvsi_project_kind(keys, node);
    field->authority = (dvsi_authority)dvsi_check_choice(keys, node, "authority", DVSI_SOURCE_OF_TRUTH);
    field->null_wins = dvsi_check_choice(keys, node, "nulls", -1) == 0;
    field->refers_to = dvsi_check_text(node, "refers_to");
    if (field->authority == DVSI_DERIVED)
        dvsi_node_error(
            problems, dvsi_node_get(node, "authority"),
            "a derived field is computed of the entity's own fields and comes from no source: write it "
            "under \"derived\" of the entity");
    if ((from != NULL) + (expr != NULL) + (fixed != NULL) > 1)
        dvsi_node_error(problems, node, "only one of \"from\", \"expr\" and \"static\" can be given");
    if (fixed) {
        read_static(field, fixed, problems);
    } else if (expr) {
        field->kind = DVSI_FIELD_EXPR;
        field->from = dvsi_check_text(node, "expr");
    } else {
        field->kind = DVSI_FIELD_FROM;
        field->from = from ? dvsi_check_text(node, "from") : node->key;
    }
}

static void read_field_scalar(dvsi_field *field, const dvsi_node *node, dvsi_problems *problems)
{
    uint32_t is_true;

    field->kind = DVSI_FIELD_FROM;
    field->from = dvsi_check_scalar_text(node);
    if (node->open || (field->from && (!node->plain || dvsi_node_to_bool(node, &is_true))))
        return;
    if (!field->from)
        dvsi_node_value_error(problems, node,
                              "has no value: write the source's field, \"static: null\" in a map for "
                              "an empty field, or false to leave the field out");
    else if (is_true)
        dvsi_node_value_error(problems, node, "only \"*\" can be true: write the name of the source's field");
    else
        field->kind = DVSI_FIELD_EXCLUDE;
}

static void read_star(dvsi_from *from, const dvsi_node *node, dvsi_problems *problems)
{
    uint32_t is_true = 0;
    from->all_fields = 1; /* also when the value is wrong, so that the rest is not called wrong for it */
    if (!node->open && (dvsi_node_to_bool(node, &is_true) || !is_true))
        dvsi_node_value_error(problems, node,
                              "\"*\" can only be true: leave it out to take over no other fields");
}

static void read_fields(dvsi_project *project, dvsi_from *from, const dvsi_node *map, dvsi_problems *problems)
{
    dvsi_field *fields = dvsi_project_alloc(project, map->n_children, sizeof(*fields), map, problems);
    if (!fields)
        return;
    for (const dvsi_node *node = map->first; node; node = node->next) {
        if (strcmp(node->key, "*") == 0) {
            read_star(from, node, problems);
            continue;
        }
        dvsi_field *field = &fields[from->n_fields++];
        field->name = node->key;
        field->type = -1;
        field->node = node;
        (void)dvsi_check_ident(problems, node, 1, "a field");
        if (node->type == DVSI_NODE_MAP)
            read_field_map(field, node, problems);
        else if (node->type == DVSI_NODE_SCALAR)
            read_field_scalar(field, node, problems);
        else
            dvsi_node_value_error(problems, node, "must be the name of the source's field, false, or a map");
    }
    from->fields = fields;
    for (uint32_t i = 0; i < from->n_fields && !from->all_fields; i++)
        if (fields[i].kind == DVSI_FIELD_EXCLUDE)
            dvsi_node_error(problems, fields[i].node,
                            "leaving a field out makes sense beside \"*\": true only");
}

static void unknown_source(const dvsi_project *project, const dvsi_node *node, dvsi_problems *problems)
{
    dvsi_arena scratch = {0};
    dvsi_nearest nearest = {.name = node->text};
    for (uint32_t i = 0; i < project->n_sources && dvsi_check_wants_hints(problems) && !node->secret; i++)
        dvsi_nearest_offer(&nearest, project->sources[i].name);
    if (nearest.best)
        dvsi_node_value_error(problems, node, "there is no source %s; did you mean \"%s\"?",
                              dvsi_node_show(&scratch, node), nearest.best);
    else
        dvsi_node_value_error(problems, node, "there is no source %s", dvsi_node_show(&scratch, node));
    dvsi_arena_free(&scratch);
}

static void read_source(const dvsi_project *project, dvsi_from *from, const dvsi_node *node,
                        dvsi_problems *problems)
{
    const dvsi_node *source = dvsi_node_get(node, "source");

    from->source = dvsi_check_scalar_text(source);
    if (from->source)
        from->endpoint = dvsi_project_source(project, from->source);
    else if (!source && project->n_sources == 1)
        from->endpoint = &project->sources[0];
    else if (!source && project->n_sources > 1)
        dvsi_node_error(problems, node, "\"source\" is missing: the project has several, say which");
    if (from->endpoint)
        from->source = from->endpoint->name;
    else if (from->source && !source->open && project->n_sources > 0)
        unknown_source(project, source, problems);
    from->label = dvsi_check_text(node, "as");
    if (!from->label)
        from->label = from->source;
    else if (strcmp(from->label, "sink") == 0)
        dvsi_node_error(problems, dvsi_node_get(node, "as"),
                        "nothing may be called \"sink\": the name stands for the sink in conflicts");
}

static void read_entry(dvsi_project *project, const dvsi_entity *entity, dvsi_from *from,
                       const dvsi_node *node, dvsi_problems *problems)
{
    const dvsi_node *fields = dvsi_node_get(node, "fields");

    from->node = node;
    dvsi_check_map(problems, node, dvsi_keys_from);
    if (node->type != DVSI_NODE_MAP)
        return;
    read_source(project, from, node, problems);
    from->entity = dvsi_check_text(node, "entity");
    if (!from->entity)
        from->entity = entity->name;
    from->where = dvsi_check_text(node, "where");
    from->scope_referenced = dvsi_check_choice(dvsi_keys_from, node, "scope", 0) == 1;
    if (!fields)
        from->all_fields = 1;
    else if (fields->type == DVSI_NODE_MAP)
        read_fields(project, from, fields, problems);
}

/* The source that stands before the others: the highest priority, of several the one listed first. */
static const dvsi_endpoint *first_source(const dvsi_project *project)
{
    const dvsi_endpoint *first = NULL;
    for (uint32_t i = 0; i < project->n_sources; i++)
        if (first == NULL || project->sources[i].priority > first->priority)
            first = &project->sources[i];
    return first;
}

/* No `from`: everything of the same name in the first source, so that a second one can join a project that
 * has the short form. */
static void read_default(dvsi_project *project, dvsi_entity *entity, dvsi_problems *problems)
{
    dvsi_from *from = dvsi_project_alloc(project, 1, sizeof(*from), entity->node, problems);
    if (!from)
        return;
    from->node = entity->node;
    from->entity = entity->name;
    from->all_fields = 1;
    from->endpoint = first_source(project);
    if (from->endpoint) {
        from->source = from->endpoint->name;
        from->label = from->source;
    }
    entity->from = from;
    entity->n_from = 1;
}

void dvsi_project_read_from(dvsi_project *project, dvsi_entity *entity, dvsi_problems *problems)
{
    const dvsi_node *list = dvsi_node_get(entity->node, "from");
    uint32_t n = 0;

    if (!list) {
        read_default(project, entity, problems);
        return;
    }
    if (list->type != DVSI_NODE_LIST)
        return;
    dvsi_from *from = dvsi_project_alloc(project, list->n_children, sizeof(*from), list, problems);
    if (!from)
        return;
    for (const dvsi_node *node = list->first; node; node = node->next)
        read_entry(project, entity, &from[n++], node, problems);
    entity->from = from;
    entity->n_from = n;
}
