#include "config/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int dvsi_names_init(dvsi_arena *arena, dvsi_names *names, size_t capacity)
{
    *names = (dvsi_names){0};
    if (capacity > UINT32_MAX)
        return -1;
    names->names = dvsi_arena_calloc(arena, capacity ? capacity : 1, sizeof(*names->names));
    if (!names->names)
        return -1;
    names->capacity = (uint32_t)capacity;
    return 0;
}

void dvsi_names_add(dvsi_names *names, const char *text, const dvsi_node *node)
{
    if (!text || !text[0] || names->n == names->capacity)
        return;
    names->names[names->n] = (dvsi_name){.text = text, .node = node, .order = names->n};
    names->n++;
}

static int compare(const void *a, const void *b)
{
    const dvsi_name *first = a;
    const dvsi_name *second = b;
    int order = dvsi_utf8_casecmp(first->text, second->text);
    if (order)
        return order;
    return first->order < second->order ? -1 : 1;
}

void dvsi_names_sort(dvsi_names *names)
{
    if (names->n > 1)
        qsort(names->names, names->n, sizeof(names->names[0]), compare);
}

const dvsi_name *dvsi_names_find(const dvsi_names *names, const char *text)
{
    size_t low = 0;
    size_t high = names->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dvsi_utf8_casecmp(names->names[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < names->n && dvsi_utf8_casecmp(names->names[low].text, text) == 0 ? &names->names[low] : NULL;
}

/* The same key twice in one map was reported when the file was read. */
static int is_same_key(const dvsi_name *a, const dvsi_name *b)
{
    return a->node->key && b->node->key && a->node->parent == b->node->parent &&
           strcmp(a->text, b->text) == 0;
}

void dvsi_names_report(const dvsi_names *names, const char *what, dvsi_problems *problems)
{
    const dvsi_name *first = names->n ? &names->names[0] : NULL;
    for (uint32_t i = 1; i < names->n; i++) {
        const dvsi_name *name = &names->names[i];
        if (dvsi_utf8_casecmp(first->text, name->text) != 0) {
            first = name;
            continue;
        }
        if (is_same_key(first, name))
            continue;
        dvsi_node_error(
            problems, name->node,
            "there are two %s called \"%.80s\" (names compare without case), the first on line %" PRIu32,
            what, name->text, first->node->key ? first->node->key_line : first->node->line);
    }
}
