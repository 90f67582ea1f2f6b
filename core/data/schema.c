/* schema.c - see schema.h. */
#include "data/schema.h"

#include <string.h>

#include "base/utf8.h"

/* NULL stays NULL. 0 or -1. */
static int copy_text(dvsi_arena *arena, const char **text)
{
    if (*text == NULL)
        return 0;
    *text = dvsi_arena_strdup(arena, *text);
    return *text != NULL ? 0 : -1;
}

static int copy_targets(dvsi_arena *arena, dvs_column *column)
{
    const char **targets;

    if (column->n_targets == 0 || column->targets == NULL) {
        column->n_targets = 0;
        column->targets = NULL;
        return 0;
    }
    targets = dvsi_arena_calloc(arena, column->n_targets, sizeof *targets);
    if (targets == NULL)
        return -1;
    for (uint32_t i = 0; i < column->n_targets; i++) {
        targets[i] = column->targets[i];
        if (copy_text(arena, &targets[i]) != 0)
            return -1;
    }
    column->targets = targets;
    return 0;
}

static int copy_choices(dvsi_arena *arena, dvs_column *column)
{
    const char *from = (const char *)column->choices;
    size_t stride = column->choice_stride != 0 ? column->choice_stride : sizeof(dvs_choice);
    dvs_choice *choices;

    column->choice_stride = (uint32_t)sizeof *choices;
    if (column->n_choices == 0 || from == NULL) {
        column->n_choices = 0;
        column->choices = NULL;
        return 0;
    }
    choices = dvsi_arena_calloc(arena, column->n_choices, sizeof *choices);
    if (choices == NULL)
        return -1;
    for (uint32_t i = 0; i < column->n_choices; i++) {
        memcpy(&choices[i], from + i * stride, stride < sizeof *choices ? stride : sizeof *choices);
        choices[i].struct_size = (uint32_t)sizeof *choices;
        if (copy_text(arena, &choices[i].label) != 0)
            return -1;
    }
    column->choices = choices;
    return 0;
}

static int make_room(dvsi_schema *schema)
{
    uint32_t capacity;
    dvs_column *columns;

    if (schema->n_columns < schema->capacity)
        return 0;
    if (schema->capacity > UINT32_MAX / 2)
        return -1;
    capacity = schema->capacity == 0 ? 16 : schema->capacity * 2;
    columns = dvsi_arena_calloc(&schema->arena, capacity, sizeof *columns);
    if (columns == NULL)
        return -1;
    if (schema->n_columns > 0)
        memcpy(columns, schema->columns, schema->n_columns * sizeof *columns);
    schema->columns = columns;
    schema->capacity = capacity;
    return 0;
}

dvs_column *dvsi_schema_add(dvsi_schema *schema, const dvs_column *column)
{
    dvs_column copy;
    size_t size = column->struct_size < sizeof copy ? column->struct_size : sizeof copy;

    memset(&copy, 0, sizeof copy);
    memcpy(&copy, column, size);
    copy.struct_size = (uint32_t)sizeof copy;
    if (make_room(schema) != 0 || copy_text(&schema->arena, &copy.name) != 0 ||
        copy_text(&schema->arena, &copy.native_type) != 0 || copy_targets(&schema->arena, &copy) != 0 ||
        copy_choices(&schema->arena, &copy) != 0)
        return NULL;
    schema->columns[schema->n_columns] = copy;
    return &schema->columns[schema->n_columns++];
}

dvs_column *dvsi_schema_put(dvsi_schema *schema, const char *name, uint32_t kind, uint32_t flags)
{
    dvs_column column;

    memset(&column, 0, sizeof column);
    column.struct_size = (uint32_t)sizeof column;
    column.name = name;
    column.kind = kind;
    column.flags = flags;
    return dvsi_schema_add(schema, &column);
}

int dvsi_schema_find(const dvsi_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        if (schema->columns[i].name != NULL && dvsi_utf8_casecmp(schema->columns[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

void dvsi_schema_free(dvsi_schema *schema)
{
    if (schema == NULL)
        return;
    dvsi_arena_free(&schema->arena);
    memset(schema, 0, sizeof *schema);
}
