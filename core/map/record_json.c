/* record_json.c - see record_json.h. */
#include "map/record_json.h"

#include <string.h>

#include "data/cell.h"
#include "data/json.h"

static const char nulls_name[] = "";

/* A clean JSON cell is one valid value, with white space around it as received. */
static int is_json_null(const dvs_cell *cell)
{
    uint32_t i = 0;
    if (cell->kind != DVS_JSON)
        return 0;
    while (i < cell->length && strchr(" \t\r\n", cell->v.text[i]) != NULL)
        i++;
    return i < cell->length && cell->v.text[i] == 'n';
}

static void put_name(dvsi_buf *out, int *first, const char *name)
{
    if (!*first)
        dvsi_buf_putc(out, ',');
    *first = 0;
    dvsi_json_string(out, name, strlen(name));
}

void dvsi_record_write_json(dvsi_buf *out, const dvs_column *columns, uint32_t n, int32_t skip,
                            const dvs_cell *cells)
{
    int first = 1;
    int first_null = 1;
    uint32_t n_nulls = 0;
    dvsi_buf_putc(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        if ((int32_t)i == skip || cells[i].kind == DVS_ABSENT)
            continue;
        put_name(out, &first, columns[i].name);
        dvsi_buf_putc(out, ':');
        dvsi_cell_json(out, &cells[i]);
        n_nulls += (uint32_t)is_json_null(&cells[i]);
    }
    if (n_nulls != 0) {
        put_name(out, &first, nulls_name);
        dvsi_buf_puts(out, ":[");
        for (uint32_t i = 0; i < n; i++)
            if ((int32_t)i != skip && is_json_null(&cells[i]))
                put_name(out, &first_null, columns[i].name);
        dvsi_buf_putc(out, ']');
    }
    dvsi_buf_putc(out, '}');
}

static int is_listed(const dvsi_json *list, const char *name)
{
    if (list == NULL || list->type != DVSI_JSON_ARRAY)
        return 0;
    for (const dvsi_json *item = list->first; item != NULL; item = item->next)
        if (item->type == DVSI_JSON_STRING && strcmp(item->text, name) == 0)
            return 1;
    return 0;
}

/* Members mostly stand in the order of the columns: *next is looked at first. */
static const dvsi_json *find_member(const dvsi_json *object, const dvsi_json **next, const char *name)
{
    const dvsi_json *member = *next;
    if (member == NULL || strcmp(member->name, name) != 0)
        member = dvsi_json_get(object, name);
    if (member != NULL)
        *next = member->next;
    return member;
}

int dvsi_record_read_json(dvsi_arena *arena, const dvs_column *columns, uint32_t n, const char *text,
                          size_t length, dvs_cell *cells)
{
    const char *problem = NULL;
    size_t offset = 0;
    const dvsi_json *object = dvsi_json_parse(arena, text, length, &problem, &offset);
    if (object == NULL || object->type != DVSI_JSON_OBJECT)
        return -1;
    const dvsi_json *next = object->first;
    for (uint32_t i = 0; i < n; i++) {
        const dvsi_json *member = find_member(object, &next, columns[i].name);
        memset(&cells[i], 0, sizeof cells[i]);
        if (member == NULL)
            continue;
        if (member->type == DVSI_JSON_NULL && columns[i].kind == DVS_JSON &&
            is_listed(dvsi_json_get(object, nulls_name), columns[i].name)) {
            cells[i] = dvsi_cell_json_n("null", strlen("null"));
            continue;
        }
        if (dvsi_cell_from_value(arena, columns[i].kind, member, &cells[i]) != 0)
            return -1;
    }
    return 0;
}
