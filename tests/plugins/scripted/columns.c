/* columns.c - the columns of a stream, as the script tells them: the truth or a lie. */
#include "scripted.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint32_t flag;
} FLAGS[] = {
    {"key", DVS_COLUMN_KEY},           {"nullable", DVS_COLUMN_NULLABLE}, {"version", DVS_COLUMN_VERSION},
    {"modified", DVS_COLUMN_MODIFIED}, {"secured", DVS_COLUMN_SECURED},   {"raw", DVS_COLUMN_RAW},
    {"row_id", DVS_COLUMN_ROW_ID},     {"untyped", DVS_COLUMN_UNTYPED},
};

static int flags_load(json_t *list, uint32_t *flags)
{
    size_t i, j, n = json_array_size(list);
    for (i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        for (j = 0; name != NULL && j < sizeof FLAGS / sizeof FLAGS[0]; j++) {
            if (strcmp(FLAGS[j].name, name) == 0)
                break;
        }
        if (name == NULL || j == sizeof FLAGS / sizeof FLAGS[0])
            return -1;
        *flags |= FLAGS[j].flag;
    }
    return 0;
}

static int targets_load(scripted_column *column)
{
    json_t *list = json_object_get(column->spec, "targets");
    size_t i, n = json_array_size(list);
    column->targets = calloc(n + 1, sizeof *column->targets);
    if (column->targets == NULL)
        return -1;
    for (i = 0; i < n; i++) {
        column->targets[i] = json_string_value(json_array_get(list, i));
        if (column->targets[i] == NULL)
            return -1;
    }
    column->info.targets = column->targets;
    column->info.n_targets = (uint32_t)n;
    return 0;
}

static int choices_load(scripted_column *column)
{
    json_t *list = json_object_get(column->spec, "choices");
    size_t i, n = json_array_size(list);
    column->choices = calloc(n + 1, sizeof *column->choices);
    if (column->choices == NULL)
        return -1;
    for (i = 0; i < n; i++) {
        const json_t *spec = json_array_get(list, i);
        dvs_choice *choice = &column->choices[i];
        choice->struct_size = (uint32_t)sizeof *choice;
        choice->language = (int32_t)scripted_member_int(spec, "language", 0);
        choice->code = scripted_member_int(spec, "code", 0);
        choice->state = scripted_member_int(spec, "state", INT64_MIN);
        choice->label = scripted_member_text(spec, "label", "");
    }
    column->info.choices = column->choices;
    column->info.n_choices = (uint32_t)n;
    column->info.choice_stride = (uint32_t)sizeof(dvs_choice);
    return 0;
}

/* Checks what is a mistake of the test; what could be a lie to the host passes. */
static const char *column_load(scripted_column *column, json_t *spec)
{
    const json_t *type = json_object_get(spec, "type"), *nullable = json_object_get(spec, "nullable");
    dvs_column *info = &column->info;
    int kind = DVS_TEXT;
    column->spec = spec;
    info->struct_size = (uint32_t)sizeof *info;
    info->name = scripted_member_text(spec, "name", NULL);
    if (info->name == NULL)
        return "has no name";
    if (json_is_integer(type))
        kind = (int)json_integer_value(type);
    else if (type != NULL)
        kind = json_is_string(type) ? testkit_kind_from_name(json_string_value(type)) : -1;
    if (kind < 0)
        return "has an unknown type";
    info->kind = (uint32_t)kind;
    info->key_position = (uint32_t)scripted_member_int(spec, "key", 0);
    if (info->key_position > 0)
        info->flags |= DVS_COLUMN_KEY;
    if (nullable != NULL ? json_is_true(nullable) : info->key_position == 0)
        info->flags |= DVS_COLUMN_NULLABLE;
    if (flags_load(json_object_get(spec, "flags"), &info->flags) != 0)
        return "has an unknown flag";
    info->max_length = (uint32_t)scripted_member_int(spec, "max_length", 0);
    info->native_type = scripted_member_text(spec, "native_type", NULL);
    if (targets_load(column) != 0)
        return "has targets that are no texts";
    return choices_load(column) != 0 ? "has choices that do not fit into memory" : NULL;
}

int32_t scripted_columns_load(json_t *list, const char *where, scripted_column **columns, uint32_t *n,
                              dvs_error *err)
{
    size_t i, size = json_array_size(list);
    if (!json_is_array(list))
        return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "%s is no array of columns", where);
    *columns = calloc(size + 1, sizeof **columns);
    if (*columns == NULL)
        return dvs_fail(err, DVS_E_NO_MEMORY, DVS_SCOPE_SOURCE, "out of memory");
    *n = (uint32_t)size;
    for (i = 0; i < size; i++) {
        const char *problem = column_load(&(*columns)[i], json_array_get(list, i));
        if (problem != NULL)
            return dvs_fail(err, DVS_E_CONFIG, DVS_SCOPE_SOURCE, "%s[%zu] %s", where, i, problem);
    }
    return DVS_OK;
}

void scripted_columns_free(scripted_column *columns, uint32_t n)
{
    uint32_t i;
    for (i = 0; columns != NULL && i < n; i++) {
        free(columns[i].targets);
        free(columns[i].choices);
    }
    free(columns);
}

const scripted_column *scripted_column_find(const scripted_column *columns, uint32_t n, const char *name)
{
    uint32_t i;
    for (i = 0; i < n; i++) {
        if (strcasecmp(columns[i].info.name, name) == 0)
            return &columns[i];
    }
    return NULL;
}
